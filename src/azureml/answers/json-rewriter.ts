/**
 * A JSON document streams through and keeps every byte, except the values at the places that a plan names.
 *
 * Memory does not grow with the document: what is held is one watched string (64 KB at most), one key and one frame a
 * level; where secrets are removed, a text or an object with a value whose name may follow it (2 MB at most). The whole
 * document is held to RFC 8259's grammar, because what two parsers read differently could hide a field from this one.
 * Repeated keys are refused where a plan looks; elsewhere nothing is judged.
 * @module
 */
import * as Byte from '../../lib/json/bytes.ts'
import type { AnswerBytes } from '../../lib/json/answer-bytes.ts'
import {
  isMapped,
  isUrl,
  keyAt,
  type MappedKind,
  type PlanKey,
  type PlanNode,
} from './json-plan.ts'
import { Frames, type Frame } from './json-frame.ts'
import { stringsOf, type StringMap } from './mapped-strings.ts'
import { badAnswer, JsonScanner, notJson, type JsonEvents } from './json-scanner.ts'
import { isKeyOfService, namedSecret, roleOf, type Named } from './secret-names.ts'
import { REDACTED as REMOVED } from './secret-shapes.ts'
import { withoutSecrets } from './secrets.ts'

export interface JsonRewriterOptions {
  readonly plan: PlanNode
  /** The new value of a watched string; the same one leaves its bytes as they are. May throw a refusal. */
  readonly map: StringMap
  /** Every secret is removed wherever it stands, besides what the plan says; see secrets.ts. */
  readonly redact?: boolean
  /** Levels of nesting that are accepted; 64 by default. */
  readonly maxDepth?: number
}

/** Both add what can be sent on; both throw `upstream_bad_answer` for what is not JSON. */
export interface JsonRewriter {
  write(chunk: Buffer, out: AnswerBytes): void
  end(out: AnswerBytes): void
}

const MAX_DEPTH = 64
const MAX_VALUE_BYTES = 65_536
/** Where secrets are looked for, every string is held: logs come as one. So are values that a name may follow. */
const MAX_TEXT_BYTES = 2_097_152
const OF_NAME = [MAX_VALUE_BYTES, 'a name in the answer is too long'] as const
const OF_URL = [MAX_VALUE_BYTES, 'a URL in the answer is too long'] as const
const OF_TEXT = [MAX_TEXT_BYTES, 'a text in the answer is too long to be looked through'] as const
/** Bytes of the two quotes around a string. */
const QUOTES = 2
const REDACTED = Buffer.from(JSON.stringify(REMOVED))
const EMPTY = Buffer.alloc(0)

/** A rewriter for one document. */
export function createJsonRewriter(options: JsonRewriterOptions): JsonRewriter {
  const editor = new Editor(options.plan, options.map, options.redact ?? false)
  const scanner = new JsonScanner(editor, options.maxDepth ?? MAX_DEPTH)
  return {
    write(chunk, out) {
      editor.beginChunk(chunk, out)
      scanner.scan(chunk)
      editor.endChunk()
    },
    end(out) {
      editor.beginChunk(EMPTY, out)
      scanner.end()
      editor.endChunk()
    },
  }
}

/** Follows the plan along with the scanner, and replaces what the plan names. */
class Editor implements JsonEvents {
  readonly #map: JsonRewriterOptions['map']
  readonly #mapped: ReturnType<typeof stringsOf>
  readonly #redact: boolean
  readonly #frames = new Frames()
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
  /** Where in this chunk it begins or goes on. */
  #captureFrom = 0
  /** The captured value is a secret by its name. */
  #secret = false
  /** Depth at which the value being dropped began; -1 if none is. */
  #dropDepth = -1

  #out: AnswerBytes | null = null
  /** Where secrets are removed, what passes is put here first, because a name may yet follow its value. */
  #kept: Buffer[] = []
  /** Objects that have a value and may yet say its name; while there are any, nothing is given out. */
  #unnamed = 0
  #chunk: Buffer = EMPTY
  /** Bytes of the chunk before these were given out, or belong to something that will be replaced. */
  #sent = 0

  constructor(plan: PlanNode, map: JsonRewriterOptions['map'], redact: boolean) {
    this.#node = plan
    this.#map = map
    this.#mapped = stringsOf(map)
    this.#redact = redact
  }

  beginChunk(chunk: Buffer, out: AnswerBytes): void {
    this.#chunk = chunk
    this.#out = out
    this.#sent = 0
    this.#captureFrom = 0
  }

  /** Gives out what of the chunk can go on; what is held or dropped stays. */
  endChunk(): void {
    const { length } = this.#chunk
    const held = this.#capturing === 'value' || (this.#capturing === 'key' && this.#redact)
    // what was begun in this chunk
    if (held && this.#captured.length === 0) this.#flush(this.#captureFrom)
    if (this.#capturing === 'key') {
      // where nothing is removed, a key that is longer than all of the plan's is none of them
      const max = this.#frames.top?.node?.maxKeyBytes ?? 0
      if (this.#redact) this.#hold(length, OF_NAME)
      else if (!this.#isWithin(length, max + QUOTES)) this.#capturing = null
    } else if (this.#capturing === 'value') {
      this.#hold(length, isMapped(this.#node?.kind) ? OF_URL : OF_TEXT)
    }
    if (this.#capturing !== null) this.#keepCaptured(length)
    if (!held && this.#dropDepth === -1) this.#flush(length)
    if (this.#redact) this.#giveKept()
    this.#chunk = EMPTY
  }

  #giveKept(): void {
    if (this.#unnamed > 0) {
      if (this.#kept.reduce((sum, { length }) => sum + length, 0) > MAX_TEXT_BYTES)
        throw badAnswer('a value in the answer is too long to be kept until its name is known')
      return
    }
    for (const piece of this.#kept) this.#out?.add(piece, 0, piece.length)
    this.#kept = []
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
      this.#frames.open(this.#node, secret)
      if (byte === Byte.OPEN_ARRAY) this.nextItem()
      return true
    }
    if (this.#dropDepth !== -1) return this.#dropDepth === this.#frames.depth
    if (byte !== Byte.QUOTE || !(this.#redact || isMapped(kind))) return isUnnamed
    this.#secret = secret
    this.#beginCapture('value', at)
    return true
  }

  endValue(at: number): void {
    if (this.#capturing === 'value') this.#replaceValue(at)
    if (this.#dropDepth === this.#frames.depth) {
      this.#give(REDACTED)
      this.#sent = at
      this.#dropDepth = -1
    }
    if (this.#unnamed === 0) return
    const last = this.#frames.top?.values?.at(-1)
    if (last?.to === -1) {
      this.#flush(at)
      last.to = this.#kept.length
    }
  }

  /** Begins to keep back a value whose name may follow it. A page of a list has none. */
  #keepUnnamed(byte: number, at: number): boolean {
    const frame = this.#frames.top
    if (frame === null || this.#dropDepth !== -1 || roleOf(this.#member) !== 'value') return false
    if (byte === Byte.OPEN_ARRAY && this.#frames.depth === 1) return false
    this.#flush(at)
    if (frame.values === null) this.#unnamed += 1
    frame.values ??= []
    frame.values.push({ from: this.#kept.length, to: -1 })
    return true
  }

  /** Takes out the values that came before the name which says that they are secrets. */
  #hideValues(frame: Frame): void {
    for (const { from, to } of frame.values ?? [])
      for (let at = from; at < to; at += 1) this.#kept[at] = at === from ? REDACTED : EMPTY
  }

  wholeKey(from: number, end: number): boolean {
    if (this.#redact) {
      this.beginKey(from)
      this.endKey(end)
      return true
    }
    const frame = this.#frames.top
    this.#node = null
    if (frame === null || frame.node === null) return false
    const known = keyAt(frame.node, this.#chunk, from + 1, end - 1)
    this.#node = known === null ? frame.node.any : this.#watched(frame, known)
    return this.#node !== null
  }

  beginKey(at: number): void {
    const place = this.#frames.top?.node ?? null
    this.#node = place === null ? null : place.any
    if (this.#dropDepth !== -1) return
    if (this.#redact || (place !== null && place.keys.size > 0)) this.#beginCapture('key', at)
  }

  /** Looks whether the key is one of the plan's. */
  endKey(at: number): void {
    if (this.#capturing === null) return
    this.#capturing = null
    const frame = this.#frames.top
    const place = frame?.node ?? null
    const full = this.#redact ? this.#passKey(at) : null
    if (frame === null || place === null) return
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
    if (this.#frames.close()?.values) this.#unnamed -= 1
  }

  nextItem(): boolean {
    this.#named = null
    this.#member = ''
    this.#node = this.#frames.top?.node?.any ?? null
    return this.#redact || this.#node !== null
  }

  /** Whether the value that begins is a secret by its name or by what it is in. */
  #isSecret(container: boolean): boolean {
    const named = this.#named
    this.#named = null
    const frame = this.#frames.top
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
    this.#dropDepth = this.#frames.depth
  }

  /** The captured key in lower case; what is secret in it does not pass. */
  #passKey(at: number): string {
    this.#hold(at, OF_NAME)
    const bytes = this.#capturedWhole(at)
    const key = Byte.decodeString(bytes)
    if (key === null) throw notJson()
    const passed = withoutSecrets(key)
    this.#pass(bytes, passed === key ? null : Byte.encodeString(passed), at)
    this.#named = namedSecret(key)
    this.#member = key.toLowerCase()
    return this.#member
  }

  /** Gives out the captured string, or what it is replaced by. */
  #pass(bytes: Buffer, replaced: Buffer | null, at: number): void {
    const isHere = this.#captured.length === 0
    // it goes out with what is around it
    if (isHere && replaced === null) return
    if (isHere) this.#flush(this.#captureFrom)
    this.#give(replaced ?? bytes)
    this.#sent = at
  }

  #hold(at: number, [limit, what]: readonly [number, string]): void {
    if (!this.#isWithin(at, limit)) throw badAnswer(what)
  }

  /** Gives out what has passed, up to `at`. */
  #flush(at: number): void {
    if (at > this.#sent) {
      if (this.#redact) this.#kept.push(this.#chunk.subarray(this.#sent, at))
      else this.#out?.add(this.#chunk, this.#sent, at)
    }
    this.#sent = at
  }

  #give(bytes: Buffer): void {
    if (this.#redact) this.#kept.push(bytes)
    else this.#out?.add(bytes, 0, bytes.length)
  }

  #beginCapture(as: 'key' | 'value', at: number): void {
    this.#capturing = as
    this.#capturedBytes = 0
    this.#captureFrom = at
    if (this.#captured.length > 0) this.#captured = []
  }

  /** Whether the captured string has no more bytes than that. */
  #isWithin(at: number, limit: number): boolean {
    return this.#capturedBytes + at - this.#captureFrom <= limit
  }

  /** The captured string goes on in the next chunk. */
  #keepCaptured(at: number): void {
    this.#capturedBytes += at - this.#captureFrom
    this.#captured.push(this.#chunk.subarray(this.#captureFrom, at))
    this.#captureFrom = at
  }

  #capturedWhole(at: number): Buffer {
    const here = this.#chunk.subarray(this.#captureFrom, at)
    return this.#captured.length === 0 ? here : Buffer.concat([...this.#captured, here])
  }

  #replaceValue(at: number): void {
    const kind = this.#node?.kind ?? null
    this.#hold(at, isMapped(kind) ? OF_URL : OF_TEXT)
    this.#capturing = null
    if (!this.#redact && isMapped(kind)) {
      this.#mapValue(kind, at)
      return
    }
    const bytes = this.#capturedWhole(at)
    const value = Byte.decodeString(bytes)
    if (value === null) throw notJson()
    const { top } = this.#frames
    if (top !== null && this.#names(value)) {
      top.isPair = true
      this.#hideValues(top)
    }
    const mapped = isMapped(kind) ? this.#map(value, kind) : value
    const passed = this.#withoutSecrets(mapped, mapped !== value)
    this.#pass(bytes, passed === value ? null : Byte.encodeString(passed), at)
  }

  /** The same where no secrets are looked for. */
  #mapValue(kind: MappedKind, at: number): void {
    const isHere = this.#captured.length === 0
    const bytes = isHere ? this.#chunk : this.#capturedWhole(at)
    const from = isHere ? this.#captureFrom : 0
    const end = isHere ? at : bytes.length
    this.#pass(bytes, this.#mapped.replacement(bytes, from, end, kind), at)
  }

  /** Whether a text says that the value beside it, or the next item of a command line, is a secret. */
  #names(text: string): boolean {
    const isName = this.#member === '' ? /^--?\w/.test(text) : roleOf(this.#member) === 'name'
    return isName && namedSecret(text) === 'secret'
  }

  /** @param own it is a URL of the gateway's, whose query Azure reads and nobody else */
  #withoutSecrets(text: string, own: boolean): string {
    if (own || text === '') return text
    const isSecret = this.#secret || isKeyOfService(this.#member, text)
    return isSecret ? REMOVED : withoutSecrets(text)
  }

  /** The key in lower case; null if by its bytes it is none of the plan's. */
  #readKey(place: PlanNode, at: number): string | null {
    if (!this.#isWithin(at, place.maxKeyBytes + QUOTES)) return null
    const key = Byte.decodeString(this.#capturedWhole(at))
    if (key === null) throw notJson()
    return key.toLowerCase()
  }
}
