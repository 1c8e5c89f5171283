/**
 * The digest of a document's parameters: the same for the same document, however it is written.
 * @module
 */
import { hash } from 'node:crypto'
import {
  BACKSLASH,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
} from '../../lib/json/bytes.ts'
import type { JsonMember, JsonNode } from '../../lib/json/document.ts'

/**
 * Whether a member is left out.
 * @param within names in lower case, and positions, that lead to what the member is in
 * @param name of the member, in lower case
 */
export type Without = (within: readonly string[], name: string, value: JsonNode) => boolean

/** SHA-256 in hex. */
export function sha256(bytes: Buffer | string): string {
  return hash('sha256', bytes)
}

/** A document as it was parsed, and its bytes. */
export interface Parsed {
  readonly root: JsonNode
  readonly bytes: Buffer
}

/**
 * SHA-256 over canonical JSON: members sorted by name, no space, strings as JSON.stringify writes them, numbers as they
 * are written. (RFC 8785 would take numbers through a double, and two that differ could come out the same.)
 */
export function parameterDigest({ root, bytes }: Parsed, without: Without): string {
  return sha256(new Canonical(bytes, without).of(root))
}

/** Bytes of the two quotes around a text. */
const QUOTES = 2
/** Bytes that are copied faster one by one than by Node. */
const SHORT = 64

/**
 * Canonical JSON, copied from the document: a text without escapes is written as JSON.stringify writes it, and one with
 * escapes is never shorter than that, so that there is room for all of it.
 */
class Canonical {
  readonly #from: Buffer
  readonly #to: Buffer
  readonly #without: Without
  /** What leads to the value that is being written. */
  readonly #within: string[] = []
  #length = 0

  constructor(from: Buffer, without: Without) {
    this.#from = from
    this.#to = Buffer.allocUnsafe(from.length)
    this.#without = without
  }

  of(root: JsonNode): Buffer {
    this.#value(root)
    return this.#to.subarray(0, this.#length)
  }

  #value(node: JsonNode): void {
    if (node.kind === 'object') this.#object(node.members)
    else if (node.kind === 'array') this.#array(node.items)
    // each byte that does not stand for itself makes a text shorter than its bytes
    else if (node.kind === 'string' && node.value.length !== node.end - node.start - QUOTES)
      this.#text(node.start, node.value)
    else this.#copy(node.start, node.end)
  }

  #object(members: readonly JsonMember[]): void {
    this.#byte(OPEN_OBJECT)
    let isFirst = true
    for (const { key, keyStart, value } of byName(members)) {
      const name = key.toLowerCase()
      if (this.#without(this.#within, name, value)) continue
      if (!isFirst) this.#byte(COMMA)
      isFirst = false
      this.#text(keyStart, key)
      this.#byte(COLON)
      this.#within.push(name)
      this.#value(value)
      this.#within.pop()
    }
    this.#byte(CLOSE_OBJECT)
  }

  #array(items: readonly JsonNode[]): void {
    this.#byte(OPEN_ARRAY)
    let at = 0
    for (const item of items) {
      if (at > 0) this.#byte(COMMA)
      this.#within.push(String(at))
      this.#value(item)
      this.#within.pop()
      at += 1
    }
    this.#byte(CLOSE_ARRAY)
  }

  #byte(byte: number): void {
    this.#to[this.#length] = byte
    this.#length += 1
  }

  #copy(start: number, end: number): void {
    if (end - start > SHORT) {
      this.#length += this.#from.copy(this.#to, this.#length, start, end)
      return
    }
    const [from, to] = [this.#from, this.#to]
    let length = this.#length
    for (let at = start; at < end; at += 1) {
      to[length] = from[at] ?? 0
      length += 1
    }
    this.#length = length
  }

  /** @param start of the text in its quotes, in the document */
  #text(start: number, text: string): void {
    const from = this.#from
    let end = start + 1
    while (from[end] !== QUOTE) {
      if (from[end] === BACKSLASH) {
        this.#length += this.#to.write(JSON.stringify(text), this.#length)
        return
      }
      end += 1
    }
    this.#copy(start, end + 1)
  }
}

/** As JSON.stringify writes it; most texts need no look at what has to be escaped. */
export function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text)
}

/** Printable ASCII that stands for itself. */
const PLAIN = /^[ !#-[\]-~]*$/

/** So many members are sorted faster by putting each in its place. */
const FEW = 16

/** Members sorted by name. */
function byName(members: readonly JsonMember[]): readonly JsonMember[] {
  if (members.length > FEW) return members.toSorted((one, other) => (one.key < other.key ? -1 : 1))
  if (members.length < 2) return members
  const sorted = members.slice()
  let done = 0
  for (const member of members) {
    let at = done
    for (; at > 0; at -= 1) {
      const before = sorted[at - 1]
      if (before === undefined || before.key < member.key) break
      sorted[at] = before
    }
    sorted[at] = member
    done += 1
  }
  return sorted
}
