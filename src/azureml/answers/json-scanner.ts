/**
 * Holds a JSON document to RFC 8259's grammar while it arrives in chunks, and reports where its values and keys are.
 *
 * It keeps one number or literal and one bit a level of nesting, whatever the size of the document. Every byte of an answer
 * goes through `#scan`, so that it is one loop whose state is in local variables; what nobody is to be told of is held to
 * the grammar alone.
 * @module
 */
import { Refusal } from '../../errors.ts'
import * as Byte from '../../lib/json/bytes.ts'

/**
 * What is told of a document. A beginning has the offset of its first byte in the chunk being scanned, an end the
 * offset after its last one.
 */
export interface JsonEvents {
  /**
   * A value begins with this byte, which may yet turn out to begin none.
   * @returns whether to tell of its end, and of all that is in it
   */
  beginValue(byte: number, at: number): boolean
  /** A value ended; an object or array has been left by then. */
  endValue(at: number): void
  /**
   * A key that has no backslash in it and is in the chunk as a whole, its quotes included.
   * @returns whether to tell of the value that follows it
   */
  wholeKey(from: number, end: number): boolean
  /** Any other key. The value that follows it is told of. */
  beginKey(at: number): void
  endKey(at: number): void
  /** The end of an object or array. */
  leave(): void
  /**
   * A comma in an array: the next item comes.
   * @returns whether to tell of it
   */
  nextItem(): boolean
}

// what comes next, or what the scanner is inside of: numbers, because it is asked for each byte
const VALUE = 0
const VALUE_OR_END = 1
const KEY = 2
const KEY_OR_END = 3
const COLON = 4
const COMMA = 5
const DONE = 6
const BROKEN = 7
const IN_STRING = 8
const IN_ESCAPE = 9
const IN_HEX = 10
const IN_WORD = 11

const MAX_WORD_BYTES = 1_024
/** No value is left out. */
const NONE = -1

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
  /** For each open object or array 1 if it is an array. */
  readonly #arrays: number[] = [0]
  #depth = 0
  #state = VALUE
  #started = false
  /** The string being read is a key. */
  #isKey = false
  #hexLeft = 0
  /** The number or literal being read, if it began in an earlier chunk. */
  #word = ''
  /** Whether the value that comes next is told of. */
  #isNextTold = true
  /** Whether the end of the string or word being read is told. */
  #isTold = false
  /** Depth of the object or array of which nothing is told. */
  #untold = NONE

  /** @param maxDepth levels of nesting that are accepted */
  constructor(events: JsonEvents, maxDepth: number) {
    this.#events = events
    this.#maxDepth = maxDepth
  }

  /** @throws {Refusal} `upstream_bad_answer` if it is not JSON, and what the events throw; both end it for good */
  scan(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#started = true
    try {
      this.#state = this.#scan(bytes, this.#state)
    } catch (error) {
      this.#state = BROKEN
      throw error
    }
  }

  /** The end of the document. An answer without a body is none, and accepted. */
  end(): void {
    if (this.#state === IN_WORD) {
      if (!Byte.isWord(this.#word)) throw notJson()
      this.#state = this.#endValue(0)
    }
    if (this.#started && this.#state !== DONE) {
      throw badAnswer('the answer ended in the middle of its JSON')
    }
  }

  /** @returns what comes after these bytes */
  #scan(bytes: Buffer, begun: number): number {
    const { length } = bytes
    const view = Byte.viewOf(bytes)
    let state = begun
    let at = 0
    while (at < length) {
      if (state === IN_STRING) {
        at = Byte.endOfPlain(view, at, length)
        if (at === length) break
        const byte = bytes[at]
        at += 1
        if (byte === Byte.QUOTE) state = this.#endString(at)
        else if (byte === Byte.BACKSLASH) state = IN_ESCAPE
        else throw notJson()
        continue
      }
      if (state === IN_WORD) {
        at = this.#readWord(bytes, at)
        if (at < length) state = this.#endWord(at)
        continue
      }
      const byte = bytes[at] ?? 0
      if (byte <= Byte.BLANK && state < IN_STRING && Byte.SPACE[byte] === 1) {
        at += 1
        continue
      }
      switch (state) {
        case COLON:
          if (byte !== Byte.COLON) throw notJson()
          state = VALUE
          break
        case COMMA:
          state = this.#afterValue(byte, at)
          break
        case KEY_OR_END:
        case KEY: {
          if (byte === Byte.CLOSE_OBJECT && state === KEY_OR_END) {
            state = this.#leave(at + 1)
            break
          }
          const end = byte === Byte.QUOTE ? endOfWhole(view, at, length) : NONE
          if (end === NONE) {
            state = this.#beginKey(byte, at)
            break
          }
          if (this.#untold === NONE) this.#isNextTold = this.#events.wholeKey(at, end)
          at = end
          state = COLON
          continue
        }
        case VALUE_OR_END:
        case VALUE: {
          if (byte === Byte.CLOSE_ARRAY && state === VALUE_OR_END) {
            state = this.#leave(at + 1)
            break
          }
          const end = byte === Byte.QUOTE && !this.#isNextTold ? endOfWhole(view, at, length) : NONE
          if (end !== NONE) {
            at = end
            state = this.#depth === 0 ? DONE : COMMA
            continue
          }
          state = this.#beginValue(byte, at)
          // the word is read from its first byte on
          if (state === IN_WORD) continue
          break
        }
        case IN_ESCAPE:
          state = this.#readEscape(byte)
          break
        case IN_HEX:
          state = this.#readHex(byte)
          break
        default:
          throw notJson()
      }
      at += 1
    }
    return state
  }

  #endString(at: number): number {
    if (!this.#isKey) return this.#endValue(at)
    if (this.#untold === NONE) this.#events.endKey(at)
    return COLON
  }

  #readEscape(byte: number): number {
    if (Byte.ESCAPES[byte] !== 1) throw notJson()
    this.#hexLeft = 4
    return byte === Byte.LOWER_U ? IN_HEX : IN_STRING
  }

  #readHex(byte: number): number {
    if (Byte.HEX[byte] !== 1) throw notJson()
    this.#hexLeft -= 1
    return this.#hexLeft === 0 ? IN_STRING : IN_HEX
  }

  /** Reads up to the end of a number or literal, or of the chunk. */
  #readWord(bytes: Buffer, from: number): number {
    const at = Byte.endOfRun(bytes, from, Byte.WORD)
    // most are whole, and are told by their bytes
    if (this.#word === '' && at < bytes.length && Byte.isPlainWord(bytes, from, at)) return at
    this.#word += bytes.toString('latin1', from, at)
    if (this.#word.length > MAX_WORD_BYTES) throw notJson()
    if (at < bytes.length && !Byte.isWord(this.#word)) throw notJson()
    return at
  }

  #endWord(at: number): number {
    this.#word = ''
    return this.#endValue(at)
  }

  #beginValue(byte: number, at: number): number {
    const isTold = this.#isNextTold && this.#events.beginValue(byte, at)
    this.#isTold = isTold
    if (byte === Byte.QUOTE) {
      this.#isKey = false
      return IN_STRING
    }
    if (byte === Byte.OPEN_OBJECT || byte === Byte.OPEN_ARRAY) {
      if (this.#depth >= this.#maxDepth) throw badAnswer('the answer is nested too deep')
      const isArray = byte === Byte.OPEN_ARRAY
      this.#depth += 1
      this.#arrays[this.#depth] = isArray ? 1 : 0
      this.#isNextTold = isTold
      if (!isTold && this.#untold === NONE) this.#untold = this.#depth
      return isArray ? VALUE_OR_END : KEY_OR_END
    }
    if (Byte.WORD[byte] !== 1) throw notJson()
    return IN_WORD
  }

  #endValue(at: number): number {
    if (this.#isTold) this.#events.endValue(at)
    return this.#depth === 0 ? DONE : COMMA
  }

  #beginKey(byte: number, at: number): number {
    if (byte !== Byte.QUOTE) throw notJson()
    this.#isKey = true
    if (this.#untold === NONE) {
      this.#isNextTold = true
      this.#events.beginKey(at)
    }
    return IN_STRING
  }

  #afterValue(byte: number, at: number): number {
    const inArray = this.#arrays[this.#depth] === 1
    if (byte === Byte.COMMA) {
      if (!inArray) return KEY
      if (this.#untold === NONE) this.#isNextTold = this.#events.nextItem()
      return VALUE
    }
    if (byte !== (inArray ? Byte.CLOSE_ARRAY : Byte.CLOSE_OBJECT)) throw notJson()
    return this.#leave(at + 1)
  }

  #leave(at: number): number {
    const isTold = this.#untold === NONE
    if (this.#untold === this.#depth) this.#untold = NONE
    this.#depth -= 1
    if (isTold) {
      this.#events.leave()
      this.#events.endValue(at)
    }
    return this.#depth === 0 ? DONE : COMMA
  }
}

/** End of the string whose quote is at `from`; `NONE` if it has a backslash, or its end is not among these bytes. */
function endOfWhole(view: DataView, from: number, length: number): number {
  const end = Byte.endOfPlain(view, from + 1, length)
  return end < length && view.getUint8(end) === Byte.QUOTE ? end + 1 : NONE
}
