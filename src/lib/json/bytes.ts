/**
 * Bytes and tokens of JSON (RFC 8259): a table for each class of bytes, looked up once a byte of an answer.
 * @module
 */

export const QUOTE = 0x22
export const BACKSLASH = 0x5c
export const OPEN_OBJECT = 0x7b
export const CLOSE_OBJECT = 0x7d
export const OPEN_ARRAY = 0x5b
export const CLOSE_ARRAY = 0x5d
export const COMMA = 0x2c
export const COLON = 0x3a
export const LOWER_N = 0x6e
export const LOWER_U = 0x75
export const MINUS = 0x2d
export const ZERO = 0x30
export const NINE = 0x39

function table(belongs: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (belongs(byte) ? 1 : 0))
}

function oneOf(characters: string): Uint8Array {
  return table((byte) => characters.includes(String.fromCodePoint(byte)))
}

/** Inside a string, everything but the quote, the backslash and control characters. */
export const PLAIN = table((byte) => byte >= 0x20 && byte !== 0x22 && byte !== 0x5c)
export const SPACE = oneOf(' \t\n\r')
/** What may follow a backslash. */
export const ESCAPES = oneOf('"\\/bfnrtu')
export const HEX = oneOf('0123456789abcdefABCDEF')
/** What numbers and the three literals are made of. */
export const WORD = oneOf('0123456789+-.eEtrufalsn')

/** Offset of the first byte from `at` on that is not of a class; the length if all are. */
export function endOfRun(bytes: Uint8Array, at: number, belongs: Uint8Array): number {
  const length = bytes.length
  let end = at
  while (end < length && belongs[bytes[end] ?? 0] === 1) end += 1
  return end
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** What a string in its quotes says; null if it is not valid UTF-8. */
export function decodeString(quoted: Buffer): string | null {
  try {
    const value: unknown = JSON.parse(UTF8.decode(quoted))
    return typeof value === 'string' ? value : null
  } catch {
    return null
  }
}

/** Whether a run of word bytes is a number or one of the three literals. */
export function isWord(word: string): boolean {
  return word === 'true' || word === 'false' || word === 'null' || NUMBER.test(word)
}
