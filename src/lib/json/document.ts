/**
 * A JSON parser that refuses documents which two parsers could read differently, and gives the offsets of each value.
 *
 * Policy judges a body and Azure acts on it, so both must read the same: repeated names (however their characters are
 * escaped), invalid UTF-8 and lone surrogates are refused. Numbers stay text: a double would change
 * 12345678901234567890 and 1.0.
 * @module
 */
import { isAscii } from 'node:buffer'
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
/** A value of two bytes takes a hundred in memory, so a body of many tiny values is refused. */
export const MAX_VALUES = 100_000

/**
 * Parses a whole document.
 * @throws {Refusal} `bad_body`, naming the place but no value
 */
export function parseJson(bytes: Buffer, maxValues = MAX_VALUES): JsonNode {
  return new Parser(bytes, maxValues).document()
}

/** Byte order marks in hexadecimal, and the encodings that they are of. */
const MARKS = [
  ['efbbbf', 'UTF-8'],
  ['fffe', 'UTF-16'],
  ['feff', 'UTF-16'],
] as const
/** No mark begins with a byte below. */
const FIRST_OF_MARKS = 0xef
/** Characters of a text that V8 copies out of another; a longer one would keep the whole document in memory. */
const COPIED = 12
/** Members of an object that are looked through without an index. */
const FEW = 8

/** One pass over the bytes of one document. */
class Parser {
  readonly #bytes: Buffer
  readonly #view: DataView
  /** The whole document, if it is in ASCII. */
  readonly #ascii: string | null
  readonly #maxValues: number
  /** Names and positions that lead to what is being read. */
  readonly #path: (string | number)[] = []
  #at = 0
  #values = 0

  constructor(bytes: Buffer, maxValues: number) {
    this.#bytes = bytes
    this.#view = Byte.viewOf(bytes)
    this.#ascii = isAscii(bytes) ? bytes.toString('latin1') : null
    this.#maxValues = maxValues
  }

  document(): JsonNode {
    this.#refuseMark()
    const root = this.#readValue(0)
    this.#skipSpace()
    if (this.#at !== this.#bytes.length) throw this.#bad('goes on after its end')
    return root
  }

  /** RFC 8259 section 8.1: it must not be there, and readers may ignore it or not. */
  #refuseMark(): void {
    if ((this.#bytes[0] ?? 0) < FIRST_OF_MARKS) return
    const head = this.#bytes.subarray(0, 3).toString('hex')
    const encoding = MARKS.find(([mark]) => head.startsWith(mark))?.[1]
    if (encoding === undefined) return
    throw new Refusal('bad_body', `the body begins with a byte order mark (${encoding})`, {
      remedy: 'send it in UTF-8 without that mark',
    })
  }

  #readValue(depth: number): JsonNode {
    this.#skipSpace()
    this.#values += 1
    if (this.#values > this.#maxValues) throw this.#bad(`has more than ${this.#maxValues} values`)
    const byte = this.#bytes[this.#at]
    if (byte === undefined && depth === 0) throw this.#bad('is empty')
    if (byte === Byte.QUOTE) {
      const start = this.#at
      const value = this.#readText()
      return { kind: 'string', start, end: this.#at, value }
    }
    if (byte !== Byte.OPEN_OBJECT && byte !== Byte.OPEN_ARRAY) return this.#readWord()
    if (depth >= MAX_DEPTH) throw this.#bad(`is nested deeper than ${MAX_DEPTH} levels`)
    return byte === Byte.OPEN_OBJECT ? this.#readObject(depth + 1) : this.#readArray(depth + 1)
  }

  #readObject(depth: number): JsonObject {
    const start = this.#at
    const members: JsonMember[] = []
    let index: Set<string> | null = null
    this.#expect(Byte.OPEN_OBJECT)
    this.#skipSpace()
    while (this.#bytes[this.#at] !== Byte.CLOSE_OBJECT) {
      if (members.length > 0) {
        this.#expect(Byte.COMMA)
        this.#skipSpace()
      }
      const keyStart = this.#at
      const key = this.#readText()
      this.#path.push(key)
      if (members.length === FEW) index = new Set(members.map((member) => member.key))
      const isThere = index === null ? isAmong(members, key) : index.has(key)
      if (isThere) throw this.#bad('has the same name twice')
      index?.add(key)
      this.#skipSpace()
      this.#expect(Byte.COLON)
      members.push({ key, keyStart, value: this.#readValue(depth) })
      this.#path.pop()
      this.#skipSpace()
    }
    this.#at += 1
    return { kind: 'object', start, end: this.#at, members }
  }

  #readArray(depth: number): JsonArray {
    const start = this.#at
    const items: JsonNode[] = []
    this.#expect(Byte.OPEN_ARRAY)
    this.#skipSpace()
    while (this.#bytes[this.#at] !== Byte.CLOSE_ARRAY) {
      if (items.length > 0) this.#expect(Byte.COMMA)
      this.#path.push(items.length)
      items.push(this.#readValue(depth))
      this.#path.pop()
      this.#skipSpace()
    }
    this.#at += 1
    return { kind: 'array', start, end: this.#at, items }
  }

  #readText(): string {
    const start = this.#at
    this.#expect(Byte.QUOTE)
    const end = (this.#at = Byte.endOfPlain(this.#view, this.#at))
    if (this.#ascii !== null && this.#bytes[end] === Byte.QUOTE) {
      this.#at += 1
      return end - start <= COPIED
        ? this.#ascii.slice(start + 1, end)
        : this.#bytes.toString('latin1', start + 1, end)
    }
    return this.#readEscaped(start)
  }

  /** A string that does not stand for itself in ASCII, read up to where that may be told. */
  #readEscaped(start: number): string {
    while (this.#bytes[this.#at] !== Byte.QUOTE) {
      if (this.#bytes[this.#at] !== Byte.BACKSLASH) throw this.#bad('is not valid JSON')
      this.#at = Byte.endOfPlain(this.#view, this.#at + 2)
    }
    this.#at += 1
    const text = Byte.decodeString(this.#bytes.subarray(start, this.#at))
    if (text === null) throw this.#bad('has a string that is not valid')
    if (!text.isWellFormed()) throw this.#bad('has half a character in a string')
    return text
  }

  #readWord(): JsonWord {
    const start = this.#at
    this.#at = Byte.endOfRun(this.#bytes, start, Byte.WORD)
    const text = this.#bytes.toString('latin1', start, this.#at)
    if (!Byte.isWord(text)) throw this.#bad('is not valid JSON')
    const kind = text === 'null' ? 'null' : /^[tf]/.test(text) ? 'boolean' : 'number'
    return { kind, start, end: this.#at, text }
  }

  #skipSpace(): void {
    if ((this.#bytes[this.#at] ?? 0) > Byte.BLANK) return
    this.#at = Byte.endOfRun(this.#bytes, this.#at, Byte.SPACE)
  }

  #expect(byte: number): void {
    if (this.#bytes[this.#at] !== byte) throw this.#bad('is not valid JSON')
    this.#at += 1
  }

  #bad(what: string): Refusal {
    const where = this.#path.length === 0 ? '' : ` at ${showPointer(this.#path)}`
    return new Refusal('bad_body', `the body ${what}${where}`)
  }
}

function isAmong(members: readonly JsonMember[], key: string): boolean {
  for (const member of members) if (member.key === key) return true
  return false
}

/** The member of that name, by exact spelling; null if there is none or `node` is no object. */
export function memberOf(node: JsonNode | null, key: string): JsonNode | null {
  if (node?.kind !== 'object') return null
  return node.members.find((member) => member.key === key)?.value ?? null
}
