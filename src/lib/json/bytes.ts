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

/** No space is above it. */
export const BLANK = 0x20
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

/** The bytes, read four at a time. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

const EACH = 0x01010101
/** With this bit turned over, a quote is 0x20, control characters are below it, and every other byte is above it. */
const TWOS = 0x02 * EACH
const ABOVE = 0x21 * EACH
const BACKSLASHES = BACKSLASH * EACH
const HIGH_BITS = 0x80 * EACH

/**
 * Offset of the first byte from `at` on that does not stand for itself in a string: a quote, a backslash or a control
 * character; the length if all do.
 * @param length of the view: who asks for many strings has it, and V8 calls a function for it each time
 */
export function endOfPlain(view: DataView, at: number, length = view.byteLength): number {
  let end = at
  for (const last = length - 8; end <= last; end += 8) {
    const found = endings(view.getInt32(end, true)) | endings(view.getInt32(end + 4, true))
    if (found !== 0) break
  }
  for (const last = length - 4; end <= last; end += 4) {
    const found = endings(view.getInt32(end, true))
    if (found !== 0) return end + firstByte(found)
  }
  while (end < length && isPlain(view.getUint8(end))) end += 1
  return end
}

/** The high bit of each byte of four that does not stand for itself, perhaps of those above it, too; 0 if all do. */
function endings(four: number): number {
  // `x - EACH & ~x` has the high bit of a byte of `x` that is 0, and `x` has that of `four` as it is
  const quoteOrBelow = (four ^ TWOS) - ABOVE
  const backslash = (four ^ BACKSLASHES) - EACH
  return (quoteOrBelow | backslash) & ~four & HIGH_BITS
}

/** Which of four bytes, the lowest one first, is the first one with a bit. */
function firstByte(bits: number): number {
  return (31 - Math.clz32(bits & -bits)) >> 3
}

export function beginsNumber(byte: number): boolean {
  return byte === MINUS || (byte >= ZERO && byte <= NINE)
}

function isPlain(byte: number): boolean {
  return byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH
}

/** Of each byte that of the small letter, where it is a capital one of ASCII. */
const LOWER = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte,
)

/** Whether `word`, which has no capital letters, stands at `from` in whatever case. */
export function startsWithLower(bytes: Uint8Array, from: number, word: Uint8Array): boolean {
  const { length } = word
  for (let at = 0; at < length; at += 1) {
    if (LOWER[bytes[from + at] ?? 0] !== word[at]) return false
  }
  return true
}

/** Whether these bytes, and no others, stand there. */
export function isSame(bytes: Uint8Array, from: number, end: number, known: Uint8Array): boolean {
  const { length } = known
  if (end - from !== length) return false
  for (let at = 0; at < length; at += 1) if (bytes[from + at] !== known[at]) return false
  return true
}

/** Longer numbers are looked at as a whole. */
const MAX_DIGITS = 1_000
/** By their first byte. */
const LITERALS = new Map(
  ['true', 'false', 'null'].map((word) => [word.charCodeAt(0), Buffer.from(word)] as const),
)
const ASCII = /^[ !#-[\]-~]*$/
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** What a string in its quotes says, if it stands for itself in ASCII, as most do; else null. */
export function plainString(bytes: Buffer, from: number, end: number): string | null {
  const text = bytes.toString('latin1', from + 1, end - 1)
  return ASCII.test(text) ? text : null
}

/** The same of the string in its quotes that stands there. */
export function stringAt(bytes: Buffer, from: number, end: number): string | null {
  return plainString(bytes, from, end) ?? decodeString(bytes.subarray(from, end))
}

/** What a string in its quotes says; null if it is not valid UTF-8. */
export function decodeString(quoted: Buffer): string | null {
  const plain = plainString(quoted, 0, quoted.length)
  if (plain !== null) return plain
  try {
    const value: unknown = JSON.parse(UTF8.decode(quoted))
    return typeof value === 'string' ? value : null
  } catch {
    return null
  }
}

/** The text as a string in its quotes. */
export function encodeString(text: string): Buffer {
  return Buffer.from(JSON.stringify(text))
}

/** Whether a run of word bytes is a literal or a whole number without sign, which most are; false may be a number, too. */
export function isPlainWord(bytes: Uint8Array, from: number, end: number): boolean {
  const first = bytes[from] ?? 0
  if (first === ZERO) return end === from + 1
  if (first > ZERO && first <= NINE) {
    for (let at = from + 1; at < end; at += 1) {
      const byte = bytes[at] ?? 0
      if (byte < ZERO || byte > NINE) return false
    }
    return end - from < MAX_DIGITS
  }
  const literal = LITERALS.get(first)
  return literal?.length === end - from && literal.every((byte, at) => bytes[from + at] === byte)
}

/** Whether a run of word bytes is a number or one of the three literals. */
export function isWord(word: string): boolean {
  return word === 'true' || word === 'false' || word === 'null' || NUMBER.test(word)
}
