/**
 * RSA keys that anybody could break: too small, too large to be one, with an exponent or a factor that gives them away,
 * or made by the library of CVE-2017-15361 (ROCA).
 * @module
 */

const MIN_BITS = 2048
/** Verifying with a larger one costs more than any issuer's key is worth. */
const MAX_BITS = 8192
const MIN_EXPONENT = 65_537n
const MAX_EXPONENT = 2n ** 32n
const MAX_SMALL_PRIME = 4096
/** Of the fingerprint in "The Return of Coppersmith's Attack" (Nemec et al., CCS 2017), which has no others. */
const MAX_ROCA_PRIME = 167

const SMALL_PRIMES = primesTo(MAX_SMALL_PRIME)

/** For each odd prime up to 167: what a power of 65537 can leave of it. */
const ROCA_RESIDUES: ReadonlyMap<number, ReadonlySet<number>> = new Map(
  SMALL_PRIMES.filter((prime) => prime > 2 && prime <= MAX_ROCA_PRIME).map((prime) => [
    prime,
    powersOf(65_537 % prime, prime),
  ]),
)

/** What is wrong with a public key (RFC 7518 section 6.3.1); null if nothing that can be seen. */
export function rsaFault(n: unknown, e: unknown): string | null {
  const modulus = readNumber(n)
  const exponent = readNumber(e)
  if (modulus === null || exponent === null) return 'malformed material'
  const bits = modulus.toString(2).length
  if (bits < MIN_BITS) return 'fewer than 2048 bits'
  if (bits > MAX_BITS) return 'more than 8192 bits'
  if (exponent % 2n === 0n || exponent < MIN_EXPONENT || exponent > MAX_EXPONENT)
    return 'an exponent that is not safe'
  if (SMALL_PRIMES.some((prime) => modulus % BigInt(prime) === 0n)) return 'a small factor'
  const isRoca = [...ROCA_RESIDUES].every(([prime, residues]) =>
    residues.has(Number(modulus % BigInt(prime))),
  )
  return isRoca ? 'the fingerprint of CVE-2017-15361' : null
}

function readNumber(text: unknown): bigint | null {
  if (typeof text !== 'string' || !/^[\w-]+$/.test(text)) return null
  return BigInt(`0x${Buffer.from(text, 'base64url').toString('hex') || '0'}`)
}

function powersOf(base: number, modulus: number): ReadonlySet<number> {
  const powers = new Set<number>()
  for (let power = 1; !powers.has(power); power = (power * base) % modulus) powers.add(power)
  return powers
}

function primesTo(max: number): readonly number[] {
  const primes: number[] = []
  for (let n = 2; n <= max; n += 1) {
    if (!primes.some((prime) => n % prime === 0)) primes.push(n)
  }
  return primes
}
