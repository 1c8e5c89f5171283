/**
 * A JSON document streams through and keeps every byte, except the values at the places that a plan names.
 *
 * Memory does not grow with the document: what is held is one watched string (64 KB at most), one key and one
 * frame a level. The whole document is held to RFC 8259's grammar, because what two parsers read differently
 * could hide a field from this one. Repeated keys are refused where a plan looks; elsewhere nothing is judged.
 * @module
 */
import { Refusal } from '../../errors.ts'
import { isMapped, type MappedKind, type PlanNode } from './json-plan.ts'
import * as Byte from '../../lib/json/bytes.ts'
import * as State from './json-states.ts'

export interface JsonRewriterOptions {
  readonly plan: PlanNode
  /** The new value of a watched string; the same one leaves its bytes as they are. May throw a refusal. */
  readonly map: (value: string, kind: MappedKind) => string
  /** Levels of nesting that are accepted; 64 by default. */
  readonly maxDepth?: number
}

/** Both give what can be sent on; both throw `upstream_bad_answer` for what is not JSON. */
export interface JsonRewriter {
  write(chunk: Buffer): Buffer
  end(): Buffer
}

const MAX_DEPTH = 64
const MAX_VALUE_BYTES = 65_536
const MAX_WORD_BYTES = 1_024
const REDACTED = Buffer.from('"[redacted]"')
const EMPTY = Buffer.alloc(0)

/** One open object or array. */
interface Frame {
  readonly array: boolean
  readonly node: PlanNode | null
  /** Watched keys that it has had. */
  seen: Set<string> | null
}

/** A rewriter for one document. */
export function createJsonRewriter({
  plan,
  map,
  maxDepth = MAX_DEPTH,
}: JsonRewriterOptions): JsonRewriter {
  const frames: Frame[] = []
  /** Place of the value that comes next or is being read. */
  let node: PlanNode | null = plan
  let state: number = State.VALUE
  let hexLeft = 0
  let word = ''
  let readingKey = false
  let started = false
  let inArray = false
  /** The key being read has an escape. */
  let escaped = false
  /** Whether the key or value being read is of interest, and its parts from earlier chunks. */
  let capturing = false
  let captured: Buffer[] = []
  let capturedBytes = 0
  /** Depth at which the value being dropped began; -1 if none is. */
  let dropDepth = -1

  let out: Buffer[] = []
  let chunk: Buffer = EMPTY
  /** Bytes before these were given out, or belong to something that will be replaced. */
  let sent = 0
  let captureFrom = 0

  function bad(what = 'the answer is not valid JSON'): Refusal {
    state = State.BROKEN
    return new Refusal('upstream_bad_answer', what)
  }

  /** Gives out what has passed, up to `at`. */
  function flush(at: number): void {
    if (at > sent) out.push(chunk.subarray(sent, at))
    sent = at
  }

  function capture(at: number, limit: number): boolean {
    capturedBytes += at - captureFrom
    if (capturedBytes > limit) return false
    captured.push(chunk.subarray(captureFrom, at))
    captureFrom = at
    return true
  }

  function beginCapture(at: number): void {
    capturing = true
    capturedBytes = 0
    captureFrom = at
    if (captured.length > 0) captured = []
  }

  function beginValue(byte: number, at: number): void {
    const kind = node?.kind ?? null
    const container = byte === Byte.OPEN_OBJECT || byte === Byte.OPEN_ARRAY
    if (kind === 'redact' && !(container && node?.inner === true)) {
      flush(at)
      dropDepth = frames.length
      node = null
    }
    if (byte === Byte.QUOTE) {
      readingKey = false
      state = State.IN_STRING
      if (isMapped(kind)) {
        flush(at)
        beginCapture(at)
      }
    } else if (container) {
      if (frames.length >= maxDepth) throw bad('the answer is nested too deep')
      const array = byte === Byte.OPEN_ARRAY
      frames.push({ array, node, seen: null })
      inArray = array
      state = array ? State.VALUE_OR_END : State.KEY_OR_END
      if (array) node = node?.any ?? null
    } else if (Byte.WORD[byte] === 1) {
      word = String.fromCodePoint(byte)
      state = State.IN_WORD
    } else {
      throw bad()
    }
  }

  /** A value ended before `at`. */
  function endValue(at: number): void {
    if (dropDepth === frames.length) {
      out.push(REDACTED)
      sent = at
      dropDepth = -1
    }
    state = frames.length === 0 ? State.DONE : State.COMMA
  }

  function beginKey(byte: number, at: number): void {
    if (byte !== Byte.QUOTE) throw bad()
    readingKey = true
    escaped = false
    state = State.IN_STRING
    const place = frames[frames.length - 1]?.node ?? null
    node = place === null ? null : place.any
    if (place !== null && place.keys.size > 0) beginCapture(at)
  }

  function endString(at: number): void {
    if (readingKey) {
      if (capturing) endKey(at)
      state = State.COLON
      return
    }
    if (capturing) replaceValue(at)
    endValue(at)
  }

  function replaceValue(at: number): void {
    const kind = node?.kind ?? null
    if (!capture(at, MAX_VALUE_BYTES)) throw bad('a URL in the answer is too long')
    const bytes = Buffer.concat(captured)
    capturing = false
    const value = Byte.decodeString(bytes)
    if (value === null || !isMapped(kind)) throw bad()
    const mapped = map(value, kind)
    out.push(mapped === value ? bytes : Buffer.from(JSON.stringify(mapped)))
    sent = at
  }

  /** Looks whether the key which ended before `at` is one of the plan's. */
  function endKey(at: number): void {
    const frame = frames[frames.length - 1]
    const place = frame?.node ?? null
    capturing = false
    if (frame === undefined || place === null) return
    const key = readKey(place, at)
    const child = key === null ? undefined : place.keys.get(key)
    if (key === null || child === undefined) return
    node = child
    frame.seen ??= new Set()
    if (frame.seen.has(key)) throw bad(`the answer has "${key}" twice in one object`)
    frame.seen.add(key)
  }

  /** The key in lower case; null if by its length alone it is none of the plan's. */
  function readKey(place: PlanNode, at: number): string | null {
    if (captured.length === 0 && !escaped) {
      if (place.lengths[at - captureFrom - 2] !== 1) return null
      return chunk.toString('latin1', captureFrom + 1, at - 1).toLowerCase()
    }
    // two more for the quotes
    if (!capture(at, place.longestKey + 2)) return null
    const key = Byte.decodeString(Buffer.concat(captured))
    if (key === null) throw bad()
    return key.toLowerCase()
  }

  function endWord(at: number): void {
    if (!Byte.isWord(word)) throw bad()
    endValue(at)
  }

  function close(array: boolean, at: number): void {
    const frame = frames.pop()
    if (frame?.array !== array) throw bad()
    inArray = frames[frames.length - 1]?.array === true
    endValue(at)
  }

  /** Reads one byte outside strings and words. */
  function structure(byte: number, at: number): void {
    if (Byte.SPACE[byte] === 1) return
    if (state === State.VALUE) beginValue(byte, at)
    else if (state === State.KEY) beginKey(byte, at)
    else if (state === State.VALUE_OR_END) {
      if (byte === Byte.CLOSE_ARRAY) close(true, at + 1)
      else beginValue(byte, at)
    } else if (state === State.KEY_OR_END) {
      if (byte === Byte.CLOSE_OBJECT) close(false, at + 1)
      else beginKey(byte, at)
    } else if (state === State.COLON && byte === 0x3a) state = State.VALUE
    else if (state === State.COMMA && byte === 0x2c) {
      state = inArray ? State.VALUE : State.KEY
      if (inArray) node = frames[frames.length - 1]?.node?.any ?? null
    } else if (state === State.COMMA && byte === (inArray ? Byte.CLOSE_ARRAY : Byte.CLOSE_OBJECT)) {
      close(inArray, at + 1)
    } else throw bad()
  }

  function write(bytes: Buffer): Buffer {
    chunk = bytes
    out = []
    sent = 0
    captureFrom = 0
    const length = bytes.length
    if (length > 0) started = true
    let at = 0
    while (at < length) {
      if (state === State.IN_STRING) {
        at = Byte.endOfRun(bytes, at, Byte.PLAIN)
        if (at === length) break
        const byte = bytes[at]
        at += 1
        if (byte === Byte.QUOTE) endString(at)
        else if (byte === Byte.BACKSLASH) state = State.IN_ESCAPE
        else throw bad()
        continue
      }
      const byte = bytes[at] ?? 0
      if (state === State.IN_WORD) {
        const start = at
        at = Byte.endOfRun(bytes, at, Byte.WORD)
        word += bytes.toString('latin1', start, at)
        if (word.length > MAX_WORD_BYTES) throw bad()
        if (at < length) endWord(at)
        continue
      }
      if (state === State.IN_ESCAPE) {
        if (Byte.ESCAPES[byte] !== 1) throw bad()
        state = byte === 0x75 ? State.IN_HEX : State.IN_STRING
        escaped = true
        hexLeft = 4
      } else if (state === State.IN_HEX) {
        if (Byte.HEX[byte] !== 1) throw bad()
        hexLeft -= 1
        if (hexLeft === 0) state = State.IN_STRING
      } else {
        structure(byte, at)
      }
      at += 1
    }
    return rest()
  }

  /** What of the chunk can go on; what is held or dropped stays. */
  function rest(): Buffer {
    if (capturing && readingKey) {
      const longest = frames[frames.length - 1]?.node?.longestKey ?? 0
      capturing = capture(chunk.length, longest + 2)
    } else if (capturing && !capture(chunk.length, MAX_VALUE_BYTES)) {
      throw bad('a URL in the answer is too long')
    }
    const holding = capturing && !readingKey
    if (!holding && dropDepth === -1) flush(chunk.length)
    return out.length === 1 ? (out[0] ?? EMPTY) : Buffer.concat(out)
  }

  function end(): Buffer {
    chunk = EMPTY
    out = []
    sent = 0
    if (state === State.IN_WORD) endWord(0)
    // an answer without a body is not a document
    if (started && state !== State.DONE) throw bad('the answer ended in the middle of its JSON')
    return Buffer.concat(out)
  }

  return { write, end }
}
