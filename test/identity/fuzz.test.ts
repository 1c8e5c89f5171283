import t from 'tap'
import { Refusal } from '../../src/errors.ts'
import { makeBadWorld } from './support/bad-world.ts'
import { signRaw } from './support/issuer.ts'
import { makeRandom } from './support/random.ts'
import { bearer, makeWorld, PUBLIC_URL } from './support/world.ts'

// too long for `npm run test:quick`
t.setTimeout(300_000)

// too long for test/quick.ts
t.setTimeout(300_000)

const SEED = 7_515
const STATUSES = new Set([400, 401, 403])

const values: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1e300,
  '',
  'x',
  '\u0000',
  [],
  ['x'],
  [null],
  [[]],
  {},
  { toString: 'x' },
  { __proto__: null, length: 1 },
  'ü'.repeat(600),
  PUBLIC_URL,
]

/** Judges; a refusal of the caller's fault or a principal is fine, anything else is a fault of ours. */
async function judge(
  identify: (request: ReturnType<typeof bearer>) => Promise<unknown>,
  token: string,
) {
  try {
    await identify(bearer(token))
    return 'accepted'
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    if (!STATUSES.has(error.status)) throw new Error(`${error.code}: ${token}`, { cause: error })
    return 'refused'
  }
}

void t.test(
  'a token with any one character changed is refused and breaks nothing',
  async (test) => {
    const world = await makeWorld()
    test.teardown(() => world.close())
    const { identify } = wrap(await world.makeIdentify())
    const random = makeRandom(SEED)
    const { kid, privateJwk } = world.entraKey
    const header = JSON.stringify({ alg: 'RS256', kid, typ: 'JWT' })
    const token = signRaw(privateJwk, header, JSON.stringify(world.entraUser()))
    const letters = 'ABCxyz019-_.=+/ \n\u0000é{}"'
    let accepted = 0
    for (let run = 0; run < 2_000; run += 1) {
      const at = random.below(token.length)
      const letter = letters.charAt(random.below(letters.length))
      if (token.charAt(at) === letter) continue
      const changed = token.slice(0, at) + letter + token.slice(at + 1)
      if ((await judge(identify, changed)) === 'accepted') accepted += 1
    }
    test.equal(accepted, 0)
  },
)

void t.test('well-signed tokens with any member of any type break nothing', async (test) => {
  const world = await makeBadWorld()
  test.teardown(() => world.close())
  const { identify } = wrap(await world.makeIdentify())
  const random = makeRandom(SEED)
  const names = Object.keys(world.entraUser({ ...world.oktaUser(), ...world.entraApp() }))
  names.push(
    'cnf',
    'groups',
    'roles',
    'acct',
    'idp',
    'amr',
    'auth_time',
    'xms_cc',
    'xms_mirid',
    'appid',
  )
  const counts = { accepted: 0, refused: 0 }
  for (let run = 0; run < 2_000; run += 1) {
    const entra = random.below(2) === 0
    const key = entra ? world.entraKey : world.oktaKey
    const header: Record<string, unknown> = { alg: 'RS256', kid: key.kid, typ: 'JWT' }
    const claims = entra ? world.entraUser() : world.oktaUser()
    if (random.below(4) === 0)
      header[random.pick(['alg', 'kid', 'typ', 'jwk', 'x5c', 'crit'])] = random.pick(values)
    else claims[random.pick(names)] = random.pick(values)
    counts[
      await judge(identify, signRaw(key.privateJwk, JSON.stringify(header), JSON.stringify(claims)))
    ] += 1
  }
  test.ok(counts.accepted > 100 && counts.refused > 100, JSON.stringify(counts))
})

function wrap(identify: { identify: (request: ReturnType<typeof bearer>) => Promise<unknown> }) {
  return { identify: (request: ReturnType<typeof bearer>) => identify.identify(request) }
}
