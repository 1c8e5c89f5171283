/** Keys that anybody could break verify nothing: of each kind a generated one, and none of those that are sound. */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import t from 'tap'
import { readKeySet } from '../../../src/identity/keys/key-set.ts'
import { rsaFault } from '../../../src/identity/keys/weak-rsa.ts'

const E = 'AQAB'
const encode = (n: bigint): string => {
  const hex = n.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url')
}
const random = (bits: number): bigint =>
  BigInt(`0x${randomBytes(bits / 8).toString('hex')}`) | (1n << BigInt(bits - 1)) | 1n

const isPrime = (n: number): boolean =>
  !Array.from({ length: Math.floor(Math.sqrt(n)) - 1 }, (_, i) => i + 2).some((d) => n % d === 0)
const PRIMES = Array.from({ length: 4094 }, (_, i) => i + 2).filter(isPrime)
const hasSmallFactor = (n: bigint): boolean => PRIMES.some((prime) => n % BigInt(prime) === 0n)

/** A modulus as Infineon's library made them: a power of 65537 modulo the product of the first primes. */
function rocaModulus(): bigint {
  const product = PRIMES.filter((p) => p <= 701).reduce((all, p) => all * BigInt(p), 1n)
  let power = 1n
  for (let i = 0; i < 1 + (randomBytes(1)[0] ?? 0); i += 1) power = (power * 65_537n) % product
  for (;;) {
    const modulus = (random(2048) / product) * product + power
    if (modulus % 2n === 1n && !hasSmallFactor(modulus) && modulus.toString(2).length === 2048)
      return modulus
  }
}

const modulus = (bits: number): string => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: bits })
  return publicKey.export({ format: 'jwk' }).n ?? ''
}
const good = modulus(2048)

const WEAK: Readonly<Record<string, readonly [string, string]>> = {
  'of the ROCA kind': [encode(rocaModulus()), E],
  'with 1024 bits': [modulus(1024), E],
  'with 2047 bits': [encode(random(2048) >> 1n), E],
  'with 16384 bits': [encode(random(16_384)), E],
  'with an even modulus': [encode(random(2048) - 1n), E],
  'with the factor 3': [encode((random(2048) / 3n) * 3n), E],
  'with the factor 4093': [encode((random(2048) / 4093n) * 4093n), E],
  'with e = 1': [good, encode(1n)],
  'with e = 2': [good, encode(2n)],
  'with e = 3': [good, encode(3n)],
  'with e = 17': [good, encode(17n)],
  'with e = 65536': [good, encode(65_536n)],
  'with e as large as n': [good, good],
  'without e': [good, ''],
}
for (const [name, [n, e]] of Object.entries(WEAK)) {
  void t.test(`a key ${name} verifies nothing`, async (test) => {
    test.type(rsaFault(n, e), 'string')
    const keys = [{ kty: 'RSA', kid: 'weak', n, e }]
    test.equal(await readKeySet({ keys }, ['RS256']), 'no usable key')
  })
}

void t.test('sound keys are not flagged', (test) => {
  for (let i = 0; i < 5; i += 1) test.equal(rsaFault(modulus(2048), E), null)
  test.equal(rsaFault(modulus(4096), E), null)
  // the fingerprint takes one in 2^27 of random numbers for its own
  for (let i = 0; i < 500; i += 1)
    test.notMatch(rsaFault(encode(random(2048)), E) ?? '', 'CVE-2017-15361')
  test.end()
})

void t.test('a point that is not on its curve verifies nothing', async (test) => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = publicKey.export({ format: 'jwk' })
  const key = { kty: 'EC', crv: 'P-256', kid: 'ec', x: jwk.x, y: jwk.y }
  test.type(await readKeySet({ keys: [key] }, ['ES256']), 'object')
  const points = [
    { ...key, y: key.x },
    { ...key, x: encode(random(256)) },
    { ...key, x: 'AA', y: 'AA' },
    { ...key, crv: 'P-384' },
  ]
  for (const point of points)
    test.equal(await readKeySet({ keys: [point] }, ['ES256']), 'no usable key')
})
