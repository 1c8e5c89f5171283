/**
 * Holds a JSON document to RFC 8259's grammar while it arrives in chunks, and reports where its values and keys are.
 *
 * It keeps one number or literal and one bit a level of nesting, whatever the size of the document.
 * @module
 */
import { Refusal } from '../../errors.ts'
import * as Byte from '../../lib/json/bytes.ts'

/**
 * What is told of a document. A beginning has the offset of its first byte in the chunk being scanned, an end the
 * offset after its last one.
 */
export interface JsonEvents {
  /** A value begins with this byte, which may yet turn out to begin none. */
  beginValue(byte: number, at: number): void
  /** A value ended; an object or array has been left by then. */
  endValue(at: number): void
  beginKey(at: number): void
  /** @param escaped it has a backslash in it */
  endKey(at: number, escaped: boolean): void
  /** The end of an object or array. */
  leave(): void
  /** A comma in an array: the next item comes. */
  nextItem(): void
}

// what comes next, or what the scanner is inside of: numbers, because it is asked for each byte
const VALUE = 0
const VALUE_OR_END = 1
const KEY = 2
const KEY_OR_END = 3
const COLON = 4
const COMMA = 5
const IN_STRING = 6
const IN_ESCAPE = 7
const IN_HEX = 8
const IN_WORD = 9
const DONE = 10
const BROKEN = 11

const MAX_WORD_BYTES = 1_024

/** The refusal of an answer that is not what it has to be. */
export function badAnswer(what: string): Refusal {
  return new Refusal('upstream_bad_answer', what)
}

export function notJson(): Refusal {
  return badAnswer('the answer is not valid JSON')
}

export class JsonScanner {
  readonly #events: JsonEvents
  readonly #maxDepth: number
  /** For each open object or array whether it is an array. */
  readonly #arrays: boolean[] = []
  #inArray = false
  #state = VALUE
  #started = false
  #readingKey = false
  #escaped = false
  #hexLeft = 0
  /** The number or literal being read. */
  #word = ''

  /** @param maxDepth levels of nesting that are accepted */
  constructor(events: JsonEvents, maxDepth: number) {
    this.#events = events
    this.#maxDepth = maxDepth
  }

  /** @throws {Refusal} `upstream_bad_answer` if it is not JSON, and what the events throw; both end it for good */
  scan(bytes: Buffer): void {
    try {
      this.#scan(bytes)
    } catch (error) {
      this.#state = BROKEN
      throw error
    }
  }

  /** The end of the document. An answer without a body is none, and accepted. */
  end(): void {
    if (this.#state === IN_WORD) this.#endWord(0)
    if (this.#started && this.#state !== DONE) {
      throw badAnswer('the answer ended in the middle of its JSON')
    }
  }

  #scan(bytes: Buffer): void {
    const { length } = bytes
    if (length > 0) this.#started = true
    let at = 0
    while (at < length) {
      switch (this.#state) {
        case IN_STRING:
          at = this.#readString(bytes, at)
          break
        case IN_WORD:
          at = this.#readWord(bytes, at)
          break
        case IN_ESCAPE:
          this.#readEscape(bytes[at] ?? 0)
          at += 1
          break
        case IN_HEX:
          this.#readHex(bytes[at] ?? 0)
          at += 1
          break
        default:
          this.#readStructure(bytes[at] ?? 0, at)
          at += 1
      }
    }
  }

  /** Reads up to the end of a string, or to a backslash. Each reader gives the offset where the next one goes on. */
  #readString(bytes: Buffer, from: number): number {
    const at = Byte.endOfRun(bytes, from, Byte.PLAIN)
    if (at === bytes.length) return at
    const byte = bytes[at]
    if (byte === Byte.QUOTE) this.#endString(at + 1)
    else if (byte === Byte.BACKSLASH) this.#state = IN_ESCAPE
    else throw notJson()
    return at + 1
  }

  #endString(at: number): void {
    if (this.#readingKey) {
      this.#events.endKey(at, this.#escaped)
      this.#state = COLON
    } else {
      this.#endValue(at)
    }
  }

  #readEscape(byte: number): void {
    if (Byte.ESCAPES[byte] !== 1) throw notJson()
    this.#state = byte === Byte.LOWER_U ? IN_HEX : IN_STRING
    this.#escaped = true
    this.#hexLeft = 4
  }

  #readHex(byte: number): void {
    if (Byte.HEX[byte] !== 1) throw notJson()
    this.#hexLeft -= 1
    if (this.#hexLeft === 0) this.#state = IN_STRING
  }

  #readWord(bytes: Buffer, from: number): number {
    const at = Byte.endOfRun(bytes, from, Byte.WORD)
    this.#word += bytes.toString('latin1', from, at)
    if (this.#word.length > MAX_WORD_BYTES) throw notJson()
    if (at < bytes.length) this.#endWord(at)
    return at
  }

  #endWord(at: number): void {
    if (!Byte.isWord(this.#word)) throw notJson()
    this.#endValue(at)
  }

  /** One byte outside of strings and words. */
  #readStructure(byte: number, at: number): void {
    if (Byte.SPACE[byte] === 1) return
    switch (this.#state) {
      case VALUE:
        return this.#beginValue(byte, at)
      case VALUE_OR_END:
        if (byte === Byte.CLOSE_ARRAY) return this.#leave(at + 1)
        return this.#beginValue(byte, at)
      case KEY:
        return this.#beginKey(byte, at)
      case KEY_OR_END:
        if (byte === Byte.CLOSE_OBJECT) return this.#leave(at + 1)
        return this.#beginKey(byte, at)
      case COLON:
        if (byte !== Byte.COLON) throw notJson()
        this.#state = VALUE
        return
      case COMMA:
        return this.#afterValue(byte, at)
      default:
        throw notJson()
    }
  }

  #beginValue(byte: number, at: number): void {
    this.#events.beginValue(byte, at)
    if (byte === Byte.QUOTE) {
      this.#readingKey = false
      this.#state = IN_STRING
    } else if (byte === Byte.OPEN_OBJECT || byte === Byte.OPEN_ARRAY) {
      if (this.#arrays.length >= this.#maxDepth) throw badAnswer('the answer is nested too deep')
      this.#inArray = byte === Byte.OPEN_ARRAY
      this.#arrays.push(this.#inArray)
      this.#state = this.#inArray ? VALUE_OR_END : KEY_OR_END
    } else if (Byte.WORD[byte] === 1) {
      this.#word = String.fromCodePoint(byte)
      this.#state = IN_WORD
    } else {
      throw notJson()
    }
  }

  #endValue(at: number): void {
    this.#events.endValue(at)
    this.#state = this.#arrays.length === 0 ? DONE : COMMA
  }

  #beginKey(byte: number, at: number): void {
    if (byte !== Byte.QUOTE) throw notJson()
    this.#readingKey = true
    this.#escaped = false
    this.#state = IN_STRING
    this.#events.beginKey(at)
  }

  #afterValue(byte: number, at: number): void {
    if (byte === Byte.COMMA) {
      this.#state = this.#inArray ? VALUE : KEY
      if (this.#inArray) this.#events.nextItem()
    } else if (byte === (this.#inArray ? Byte.CLOSE_ARRAY : Byte.CLOSE_OBJECT)) {
      this.#leave(at + 1)
    } else {
      throw notJson()
    }
  }

  #leave(at: number): void {
    this.#arrays.pop()
    this.#inArray = this.#arrays.at(-1) === true
    this.#events.leave()
    this.#endValue(at)
  }
}
