import t from 'tap'
import { readKeySet } from '../../../src/identity/keys/key-set.ts'
import { makeKey } from '../support/issuer.ts'

const [rsa, ec] = await Promise.all([makeKey('rsa'), makeKey('ec', 'ES256')])
const read = (keys: unknown, algorithms = ['RS256']) => readKeySet({ keys }, algorithms)
const kids = async (keys: unknown, algorithms = ['RS256']) => {
  const set = await read(keys, algorithms)
  return typeof set === 'string' ? set : set.keys.map(({ kid }) => kid)
}

void t.test('a set that cannot be believed is refused whole', async (test) => {
  const faulty: unknown[] = [
    [],
    'keys',
    [null],
    [{ kid: 'x' }],
    [rsa.jwk, { kty: 'oct', k: 'AAAA', kid: 'x' }],
    [rsa.jwk, rsa.privateJwk],
    Array.from({ length: 101 }, (_, index) => ({ ...rsa.jwk, kid: `${index}` })),
    [{ ...rsa.jwk, use: 'enc' }],
    [{ ...rsa.jwk, n: 'AQAB' }],
  ]
  for (const keys of faulty) test.type(await read(keys), 'string')
  for (const document of [null, [], 'x', {}]) {
    test.type(await readKeySet(document, ['RS256']), 'string')
  }
})

void t.test(
  'of a good set only the keys that fit the configured algorithms are used',
  async (test) => {
    const keys = [
      rsa.jwk,
      ec.jwk,
      { ...rsa.jwk, kid: 'ps', alg: 'PS256' },
      { kty: 'OKP', crv: 'Ed25519', x: 'AA', kid: 'ed' },
    ]
    test.same(await kids(keys), ['rsa'])
    test.same(await kids(keys, ['ES256']), ['ec'])
    test.same(await kids(keys, ['RS256', 'PS256']), ['rsa', 'ps'])
  },
)

void t.test('a key id that is there twice names no key', async (test) => {
  const set = await read([
    rsa.jwk,
    { ...rsa.jwk, n: (await makeKey('rsa')).jwk.n },
    { ...rsa.jwk, kid: 'other' },
  ])
  if (typeof set === 'string') throw new Error(set)
  test.same(
    set.keys.map(({ kid }) => kid),
    ['other'],
  )
  test.ok(set.unusable.has('rsa'))
  test.equal(set.warnings.length, 2)
})

void t.test('a malformed key spoils only itself', async (test) => {
  test.same(
    await kids([
      rsa.jwk,
      { kty: 'RSA', n: 'AQAB', e: 'AQAB', kid: 'tiny' },
      { kty: 'RSA', n: 7, e: 'AQAB', kid: 'typed' },
    ]),
    ['rsa'],
  )
})
