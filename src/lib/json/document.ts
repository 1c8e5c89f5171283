/**
 * A JSON document that means one thing only, with the place in the bytes of everything in it.
 *
 * Whoever judges a body and whoever acts on it may not read it differently: repeated names (in any spelling of their
 * characters), invalid UTF-8 and lone surrogates are refused, because parsers differ on each. Numbers stay text: a
 * double would change 12345678901234567890 and 1.0.
 * @module
 */
import { Refusal } from '../../errors.ts'
import * as Byte from './bytes.ts'
import { showPointer } from './pointer.ts'

/** Where a value is: `bytes.subarray(start, end)` is its text. */
interface Placed {
  readonly start: number
  readonly end: number
}

export interface JsonObject extends Placed {
  readonly kind: 'object'
  readonly members: readonly JsonMember[]
}

/** `key` is decoded; its quoted text is at `keyStart`. */
export interface JsonMember {
  readonly key: string
  readonly keyStart: number
  readonly value: JsonNode
}

export interface JsonArray extends Placed {
  readonly kind: 'array'
  readonly items: readonly JsonNode[]
}

export interface JsonString extends Placed {
  readonly kind: 'string'
  readonly value: string
}

/** Numbers, `true`, `false` and `null` by their text. */
export interface JsonWord extends Placed {
  readonly kind: 'number' | 'boolean' | 'null'
  readonly text: string
}

export type JsonNode = JsonObject | JsonArray | JsonString | JsonWord

/** Levels of nesting that are accepted. */
export const MAX_DEPTH = 64
/** A value of two bytes costs a hundred in memory: a body of nothing but those is refused. */
export const MAX_VALUES = 100_000

/**
 * Parses a whole document.
 * @throws {Refusal} `bad_body`, naming the place but no value
 */
export function parseJson(bytes: Buffer, maxValues = MAX_VALUES): JsonNode {
  const path: (string | number)[] = []
  let at = 0
  let values = 0

  function bad(what: string): Refusal {
    return new Refusal('bad_body', `the body ${what} at ${showPointer(path)}`)
  }

  function skipSpace(): void {
    at = Byte.endOfRun(bytes, at, Byte.SPACE)
  }

  function expect(byte: number): void {
    if (bytes[at] !== byte) throw bad('is not valid JSON')
    at += 1
  }

  function readText(): string {
    const start = at
    expect(Byte.QUOTE)
    for (;;) {
      at = Byte.endOfRun(bytes, at, Byte.PLAIN)
      if (bytes[at] === Byte.QUOTE) break
      if (bytes[at] !== Byte.BACKSLASH) throw bad('is not valid JSON')
      at += 2
    }
    at += 1
    const text = Byte.decodeString(bytes.subarray(start, at))
    if (text === null) throw bad('has a string that is not valid')
    if (!text.isWellFormed()) throw bad('has half a character in a string')
    return text
  }

  function readWord(): JsonWord {
    const start = at
    at = Byte.endOfRun(bytes, at, Byte.WORD)
    const text = bytes.toString('latin1', start, at)
    if (!Byte.isWord(text)) throw bad('is not valid JSON')
    const kind = text === 'null' ? 'null' : /^[tf]/.test(text) ? 'boolean' : 'number'
    return { kind, start, end: at, text }
  }

  function readMembers(depth: number): JsonObject {
    const start = at
    const members: JsonMember[] = []
    const seen = new Set<string>()
    expect(Byte.OPEN_OBJECT)
    skipSpace()
    while (bytes[at] !== Byte.CLOSE_OBJECT) {
      if (members.length > 0) {
        expect(COMMA)
        skipSpace()
      }
      const keyStart = at
      const key = readText()
      path.push(key)
      if (seen.has(key)) throw bad('has the same name twice')
      seen.add(key)
      skipSpace()
      expect(COLON)
      members.push({ key, keyStart, value: readValue(depth) })
      path.pop()
      skipSpace()
    }
    at += 1
    return { kind: 'object', start, end: at, members }
  }

  function readItems(depth: number): JsonArray {
    const start = at
    const items: JsonNode[] = []
    expect(Byte.OPEN_ARRAY)
    skipSpace()
    while (bytes[at] !== Byte.CLOSE_ARRAY) {
      if (items.length > 0) expect(COMMA)
      path.push(items.length)
      items.push(readValue(depth))
      path.pop()
      skipSpace()
    }
    at += 1
    return { kind: 'array', start, end: at, items }
  }

  function readValue(depth: number): JsonNode {
    skipSpace()
    values += 1
    if (values > maxValues) throw bad(`has more than ${maxValues} values`)
    const byte = bytes[at]
    if (byte === Byte.QUOTE) {
      const start = at
      const value = readText()
      return { kind: 'string', start, end: at, value }
    }
    if (byte !== Byte.OPEN_OBJECT && byte !== Byte.OPEN_ARRAY) return readWord()
    if (depth >= MAX_DEPTH) throw bad(`is nested deeper than ${MAX_DEPTH} levels`)
    return byte === Byte.OPEN_OBJECT ? readMembers(depth + 1) : readItems(depth + 1)
  }

  const root = readValue(0)
  skipSpace()
  if (at !== bytes.length) throw bad('goes on after its end')
  return root
}

const COMMA = 0x2c
const COLON = 0x3a

/** The member of that name, by exact spelling; null if there is none or `node` is no object. */
export function memberOf(node: JsonNode | null, key: string): JsonNode | null {
  if (node?.kind !== 'object') return null
  return node.members.find((member) => member.key === key)?.value ?? null
}

/** The member of that name whatever its case, as Azure's own services read names; null without. */
export function memberLike(node: JsonNode | null, key: string): JsonMember | null {
  if (node?.kind !== 'object') return null
  return node.members.find((member) => member.key.toLowerCase() === key.toLowerCase()) ?? null
}
