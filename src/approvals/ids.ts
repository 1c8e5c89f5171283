/**
 * Ids of reviews and grants: made of what they are of, so that the same thing asked for twice, at any replica, is found.
 * @module
 */
import { createHash } from 'node:crypto'

const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567'

/** The beginning of the ids of whatever is of these parts: 80 bits in base32. */
export function idStart(parts: readonly unknown[]): string {
  const bytes = createHash('sha256').update(JSON.stringify(parts)).digest()
  let bits = 0n
  for (const byte of bytes.subarray(0, 10)) bits = (bits << 8n) | BigInt(byte)
  let text = ''
  for (let at = 0; at < 16; at++) {
    text = `${LETTERS[Number(bits & 31n)]}${text}`
    bits >>= 5n
  }
  return text
}
