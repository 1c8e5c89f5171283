import t from 'tap'
import { createDpopCheck } from '../../../src/identity/credential/dpop.ts'
import { makeDpopClient } from '../support/dpop.ts'
import { codeOf, makeClock, PUBLIC_URL } from '../support/world.ts'

const client = await makeDpopClient()
const TOKEN = 'the.access.token'

function setUp() {
  const clock = makeClock()
  const check = createDpopCheck({ publicUrl: PUBLIC_URL, now: clock })
  const prove = (changes = {}) => client.prove(TOKEN, clock() / 1000, changes)
  const use = (proof: string, url = '/subscriptions/x?api-version=1', jkt = client.jkt) =>
    codeOf(
      check(
        {
          credential: { scheme: 'dpop', token: TOKEN, proof, value: '' },
          method: 'GET',
          url,
          clientCertificate: null,
        },
        jkt,
      ),
    )
  return { clock, prove, use }
}

void t.test(
  'a proof cannot be used again as long as it is young enough to be used at all',
  async (test) => {
    const { clock, prove, use } = setUp()
    const proof = await prove({ iat: clock() / 1000 + 5 })
    test.equal(await use(proof), 'accepted')
    for (let second = 0; second < 70; second += 5) {
      test.equal(await use(proof), 'invalid_dpop_proof')
      clock.ms += 5_000
    }
  },
)

void t.test('one id by two keys is two proofs', async (test) => {
  const { clock, prove, use } = setUp()
  const other = await makeDpopClient()
  test.equal(await use(await prove({ jti: 'same' })), 'accepted')
  const second = await other.prove(TOKEN, clock() / 1000, { jti: 'same' })
  test.equal(await use(second, undefined, other.jkt), 'accepted')
})

void t.test('htu is compared as a url: its query does not count, its path does', async (test) => {
  const { prove, use } = setUp()
  test.equal(
    await use(await prove({ htu: 'HTTPS://GATEWAY.test:8443/subscriptions/x' })),
    'accepted',
  )
  for (const htu of [
    `${PUBLIC_URL}/subscriptions/x?api-version=1`,
    `${PUBLIC_URL}/subscriptions/X`,
    '/subscriptions/x',
    'http://gateway.test:8443/subscriptions/x',
    7,
  ]) {
    test.equal(await use(await prove({ htu })), 'invalid_dpop_proof', String(htu))
  }
})
