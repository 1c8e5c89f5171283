/**
 * A JSON document streams through and keeps every byte, except the values at the places that a plan names.
 *
 * Memory does not grow with the document: what is held is one watched string (64 KB at most), one key and one
 * frame a level; where secrets are removed, a text or an object with a value whose name may follow it (2 MB at most). The whole document is held to RFC 8259's grammar, because what two parsers read differently
 * could hide a field from this one. Repeated keys are refused where a plan looks; elsewhere nothing is judged.
 * @module
 */
import * as Byte from '../../lib/json/bytes.ts'
import {
  isMapped,
  isUrl,
  keyAt,
  type FieldKind,
  type MappedKind,
  type PlanKey,
  type PlanNode,
} from './json-plan.ts'
import type { Frame } from './json-frame.ts'
import { badAnswer, JsonScanner, notJson, type JsonEvents } from './json-scanner.ts'
import { isKeyOfService, namedSecret, roleOf, type Named } from './secret-names.ts'
import { REDACTED as REMOVED } from './secret-shapes.ts'
import { withoutSecrets } from './secrets.ts'

export interface JsonRewriterOptions {
  readonly plan: PlanNode
  /** The new value of a watched string; the same one leaves its bytes as they are. May throw a refusal. */
  readonly map: (value: string, kind: MappedKind) => string
  /** Every secret is removed wherever it stands, besides what the plan says; see secrets.ts. */
  readonly redact?: boolean
  /** Levels of nesting that are accepted; 64 by default. */
  readonly maxDepth?: number
}

/** All give what can be sent on; all throw `upstream_bad_answer` for what is not JSON. */
export interface JsonRewriter {
  write(chunk: Buffer): Buffer
  /** The same as `write` in pieces, for who puts them together with others: most are parts of the chunk itself. */
  pieces(chunk: Buffer): readonly Buffer[]
  end(): Buffer
}

const MAX_DEPTH = 64
const MAX_VALUE_BYTES = 65_536
/** Where secrets are looked for, every string is held: logs come as one. So are values that a name may follow. */
const MAX_TEXT_BYTES = 2_097_152
/** Bytes of the two quotes around a string. */
const QUOTES = 2
const REDACTED = Buffer.from(JSON.stringify(REMOVED))
const EMPTY = Buffer.alloc(0)

/** A rewriter for one document. */
export function createJsonRewriter(options: JsonRewriterOptions): JsonRewriter {
  const editor = new Editor(options.plan, options.map, options.redact ?? false)
  const scanner = new JsonScanner(editor, options.maxDepth ?? MAX_DEPTH)
  const pieces = (chunk: Buffer): readonly Buffer[] => {
    editor.beginChunk(chunk)
    scanner.scan(chunk)
    return editor.endChunk()
  }
  return {
    pieces,
    write: (chunk) => joined(pieces(chunk)),
    end() {
      editor.beginChunk(EMPTY)
      scanner.end()
      return joined(editor.endChunk())
    },
  }
}

function joined(pieces: readonly Buffer[]): Buffer {
  return pieces.length === 1 ? (pieces[0] ?? EMPTY) : Buffer.concat(pieces)
}

/** Follows the plan along with the scanner, and replaces what the plan names. */
class Editor implements JsonEvents {
  readonly #map: JsonRewriterOptions['map']
  readonly #redact: boolean
  readonly #frames: Frame[] = []
  /** What the name before the value that comes next says of it. */
  #named: Named = null
  /** That name, in lower case; empty in an array, and where nothing is redacted. */
  #member = ''
  /** Place of the value that comes next or is being read. */
  #node: PlanNode | null
  /** What the string being read is captured as, for the plan to look at. */
  #capturing: 'key' | 'value' | null = null
  /** Its parts from earlier chunks, and their length together. */
  #captured: Buffer[] = []
  #capturedBytes = 0
  #captureFrom = 0
  /** The last watched string and what became of it. */
  #last: { kind: FieldKind | null; bytes: Buffer; passed: Buffer | null } | null = null
  /** The captured value is a secret by its name. */
  #secret = false
  /** Depth at which the value being dropped began; -1 if none is. */
  #dropDepth = -1

  #out: Buffer[] = []
  /** Objects that have a value and may yet say its name; while there are any, nothing is given out. */
  #unnamed = 0
  #chunk: Buffer = EMPTY
  /** Bytes of the chunk before these were given out, or belong to something that will be replaced. */
  #sent = 0

  constructor(plan: PlanNode, map: JsonRewriterOptions['map'], redact: boolean) {
    this.#node = plan
    this.#map = map
    this.#redact = redact
  }

  beginChunk(chunk: Buffer): void {
    this.#chunk = chunk
    if (this.#unnamed === 0) this.#out = []
    this.#sent = 0
    this.#captureFrom = 0
  }

  /** What of the chunk can go on; what is held or dropped stays. */
  endChunk(): readonly Buffer[] {
    const { length } = this.#chunk
    const held = this.#capturing === 'value' || (this.#capturing === 'key' && this.#redact)
    // what was begun in this chunk
    if (held && this.#captured.length === 0) this.#flush(this.#captureFrom)
    if (this.#capturing === 'key' && this.#redact) {
      if (!this.#capture(length, MAX_VALUE_BYTES))
        throw badAnswer('a name in the answer is too long')
    } else if (this.#capturing === 'key') {
      // a key that is longer than all of the plan's is none of them
      const max = this.#frames.at(-1)?.node?.maxKeyBytes ?? 0
      if (!this.#capture(length, max + QUOTES)) this.#capturing = null
    } else if (this.#capturing === 'value') {
      this.#holdValue(length)
    }
    if (!held && this.#dropDepth === -1) this.#flush(length)
    if (this.#unnamed > 0) {
      if (this.#out.reduce((sum, { length: bytes }) => sum + bytes, 0) > MAX_TEXT_BYTES)
        throw badAnswer('a value in the answer is too long to be kept until its name is known')
      return []
    }
    return this.#out
  }

  /** Nothing is told of a value that nothing can be done with, nor of what is in it. */
  beginValue(byte: number, at: number): boolean {
    const node = this.#node
    if (node === null && !this.#redact) return false
    const kind = node?.kind ?? null
    const container = byte === Byte.OPEN_OBJECT || byte === Byte.OPEN_ARRAY
    if (isUrl(node) && byte !== Byte.QUOTE && byte !== Byte.LOWER_N) {
      throw badAnswer('the answer has something else where a URL should be')
    }
    const secret = this.#redact && this.#isSecret(container)
    if (secret && !container && byte !== Byte.QUOTE && Byte.beginsNumber(byte)) this.#drop(at)
    if (kind === 'redact' && !(container && node?.inner === true)) {
      this.#drop(at)
      this.#node = null
    }
    const canBeSecret = container || byte === Byte.QUOTE || Byte.beginsNumber(byte)
    const isUnnamed = this.#redact && !secret && canBeSecret && this.#keepUnnamed(byte, at)
    if (container) {
      this.#frames.push({ node: this.#node, seen: 0, secret, isPair: false, values: null })
      if (byte === Byte.OPEN_ARRAY) this.nextItem()
      return true
    }
    if (this.#dropDepth !== -1) return this.#dropDepth === this.#frames.length
    if (byte !== Byte.QUOTE || !(this.#redact || isMapped(kind))) return isUnnamed
    this.#secret = secret
    this.#beginCapture('value', at)
    return true
  }

  endValue(at: number): void {
    if (this.#capturing === 'value') this.#replaceValue(at)
    if (this.#dropDepth === this.#frames.length) {
      this.#out.push(REDACTED)
      this.#sent = at
      this.#dropDepth = -1
    }
    const last = this.#frames[this.#frames.length - 1]?.values?.at(-1)
    if (last?.to === -1) {
      this.#flush(at)
      last.to = this.#out.length
    }
  }

  /** Begins to keep back a value whose name may follow it. A page of a list has none. */
  #keepUnnamed(byte: number, at: number): boolean {
    const frame = this.#frames[this.#frames.length - 1]
    if (frame === undefined || this.#dropDepth !== -1 || roleOf(this.#member) !== 'value')
      return false
    if (byte === Byte.OPEN_ARRAY && this.#frames.length === 1) return false
    this.#flush(at)
    if (frame.values === null) this.#unnamed += 1
    frame.values ??= []
    frame.values.push({ from: this.#out.length, to: -1 })
    return true
  }

  /** Takes out the values that came before the name which says that they are secrets. */
  #hideValues(frame: Frame): void {
    for (const { from, to } of frame.values ?? [])
      for (let at = from; at < to; at += 1) this.#out[at] = at === from ? REDACTED : EMPTY
  }

  wholeKey(from: number, end: number): boolean {
    if (this.#redact) {
      this.beginKey(from)
      this.endKey(end)
      return true
    }
    const frame = this.#frames[this.#frames.length - 1]
    this.#node = null
    if (frame === undefined || frame.node === null) return false
    const known = keyAt(frame.node, this.#chunk, from + 1, end - 1)
    this.#node = known === null ? frame.node.any : this.#watched(frame, known)
    return this.#node !== null
  }

  beginKey(at: number): void {
    const place = this.#frames[this.#frames.length - 1]?.node ?? null
    this.#node = place === null ? null : place.any
    if (this.#dropDepth !== -1) return
    if (this.#redact || (place !== null && place.keys.size > 0)) this.#beginCapture('key', at)
  }

  /** Looks whether the key is one of the plan's. */
  endKey(at: number): void {
    if (this.#capturing === null) return
    this.#capturing = null
    const frame = this.#frames[this.#frames.length - 1]
    const place = frame?.node ?? null
    const full = this.#redact ? this.#passKey(at) : null
    if (frame === undefined || place === null) return
    const key = full ?? this.#readKey(place, at)
    const known = key === null ? undefined : place.keys.get(key)
    if (known !== undefined) this.#node = this.#watched(frame, known)
  }

  /** The place of a key of the plan, which an object may have once. */
  #watched(frame: Frame, { key, node, bit }: PlanKey): PlanNode {
    if ((frame.seen & bit) !== 0) throw badAnswer(`the answer has "${key}" twice in one object`)
    frame.seen |= bit
    return node
  }

  leave(): void {
    if (this.#frames.pop()?.values) this.#unnamed -= 1
  }

  nextItem(): boolean {
    this.#named = null
    this.#member = ''
    this.#node = this.#frames[this.#frames.length - 1]?.node?.any ?? null
    return this.#redact || this.#node !== null
  }

  /** Whether the value that begins is a secret by its name or by what it is in. */
  #isSecret(container: boolean): boolean {
    const named = this.#named
    this.#named = null
    const frame = this.#frames[this.#frames.length - 1]
    const within = frame?.secret ?? false
    if (frame?.isPair === true) {
      const isItem = this.#member === ''
      if (isItem) frame.isPair = false
      if (isItem || roleOf(this.#member) === 'value') return true
    }
    if (named === 'told') return within && container
    return within || named === 'secret'
  }

  #drop(at: number): void {
    if (this.#dropDepth !== -1) return
    this.#flush(at)
    this.#dropDepth = this.#frames.length
  }

  /** The captured key in lower case; what is secret in it does not pass. */
  #passKey(at: number): string {
    if (!this.#capture(at, MAX_VALUE_BYTES)) throw badAnswer('a name in the answer is too long')
    const bytes = this.#capturedWhole()
    const key = Byte.decodeString(bytes)
    if (key === null) throw notJson()
    const passed = withoutSecrets(key)
    this.#pass(bytes, passed === key ? null : Byte.encodeString(passed), at)
    this.#named = namedSecret(key)
    this.#member = key.toLowerCase()
    return this.#member
  }

  #capturedWhole(): Buffer {
    return joined(this.#captured)
  }

  /** Gives out the captured string, or what it is replaced by. */
  #pass(bytes: Buffer, replaced: Buffer | null, at: number): void {
    const isHere = this.#captured.length === 1
    // it goes out with what is around it
    if (isHere && replaced === null) return
    if (isHere) this.#flush(at - bytes.byteLength)
    this.#out.push(replaced ?? bytes)
    this.#sent = at
  }

  #holdValue(at: number): void {
    if (isMapped(this.#node?.kind)) {
      if (!this.#capture(at, MAX_VALUE_BYTES)) throw badAnswer('a URL in the answer is too long')
    } else if (!this.#capture(at, MAX_TEXT_BYTES)) {
      throw badAnswer('a text in the answer is too long to be looked through')
    }
  }

  /** Gives out what has passed, up to `at`. */
  #flush(at: number): void {
    if (at > this.#sent) this.#out.push(this.#chunk.subarray(this.#sent, at))
    this.#sent = at
  }

  #beginCapture(as: 'key' | 'value', at: number): void {
    this.#capturing = as
    this.#capturedBytes = 0
    this.#captureFrom = at
    if (this.#captured.length > 0) this.#captured = []
  }

  /** Keeps what has been read of the captured string; false if it is longer than the limit. */
  #capture(at: number, limit: number): boolean {
    this.#capturedBytes += at - this.#captureFrom
    if (this.#capturedBytes > limit) return false
    this.#captured.push(this.#chunk.subarray(this.#captureFrom, at))
    this.#captureFrom = at
    return true
  }

  #replaceValue(at: number): void {
    const kind = this.#node?.kind ?? null
    this.#holdValue(at)
    const bytes = this.#capturedWhole()
    this.#capturing = null
    if (!this.#redact) {
      // the items of a list say the same again and again
      if (this.#last?.kind !== kind || !this.#last.bytes.equals(bytes))
        this.#last = { kind, bytes, passed: this.#mapped(bytes, kind) }
      this.#pass(bytes, this.#last.passed, at)
      return
    }
    const value = Byte.decodeString(bytes)
    if (value === null) throw notJson()
    const frame = this.#frames[this.#frames.length - 1]
    if (frame !== undefined && this.#names(value)) {
      frame.isPair = true
      this.#hideValues(frame)
    }
    const mapped = isMapped(kind) ? this.#map(value, kind) : value
    const passed = this.#withoutSecrets(mapped, mapped !== value)
    this.#pass(bytes, passed === value ? null : Byte.encodeString(passed), at)
  }

  /** Whether a text says that the value beside it, or the next item of a command line, is a secret. */
  #names(text: string): boolean {
    const isName = this.#member === '' ? /^--?\w/.test(text) : roleOf(this.#member) === 'name'
    return isName && namedSecret(text) === 'secret'
  }

  /** What a watched string becomes; null if it stays. */
  #mapped(bytes: Buffer, kind: FieldKind | null): Buffer | null {
    const value = Byte.decodeString(bytes)
    if (value === null) throw notJson()
    const mapped = isMapped(kind) ? this.#map(value, kind) : value
    return mapped === value ? null : Byte.encodeString(mapped)
  }

  /** @param own it is a URL of the gateway's, whose query Azure reads and nobody else */
  #withoutSecrets(text: string, own: boolean): string {
    if (own || text === '') return text
    const isSecret = this.#secret || isKeyOfService(this.#member, text)
    return isSecret ? REMOVED : withoutSecrets(text)
  }

  /** The key in lower case; null if by its bytes it is none of the plan's. */
  #readKey(place: PlanNode, at: number): string | null {
    if (!this.#capture(at, place.maxKeyBytes + QUOTES)) return null
    const key = Byte.decodeString(Buffer.concat(this.#captured))
    if (key === null) throw notJson()
    return key.toLowerCase()
  }
}
