/**
 * Which fields of a JSON document are looked at, as a tree that a scanner can walk along with the bytes.
 * @module
 */
import { startsWithLower } from '../../lib/json/bytes.ts'

/** What is done with a field. */
export type FieldKind =
  | MappedKind
  /** The value is removed; an object or array that rules go into is kept and they apply inside it. */
  | 'redact'
  /** The value stays, although a rule with `*` would match it. */
  | 'keep'

/** Kinds of fields whose value is replaced by the gateway's own. */
export type MappedKind =
  /** Becomes a URL of the gateway's; the answer is refused if its host is not served. */
  | 'url'
  /** The same, and the gateway would read it when a client followed it as it is. */
  | 'page'
  /** Becomes a URL of the gateway's if its host is served, else stays. */
  | 'link'
  /** Becomes a URL of the gateway's; if its host is not served, one that answers so. */
  | 'scoring'
  /** The same where a client would send its token there; a place in storage stays. */
  | 'artifacts'

/** Keys from the root down; `*` is any key or array element. Keys compare without case. */
export interface FieldRule {
  readonly path: readonly string[]
  readonly kind: FieldKind
}

/** One place in a document. A key in `keys` leads to its node, any other key to `any`. */
export interface PlanNode {
  readonly kind: FieldKind | null
  readonly keys: ReadonlyMap<string, PlanKey>
  readonly any: PlanNode | null
  /** Rules go deeper than this place. */
  readonly inner: boolean
  /** Something here or deeper is removed. */
  readonly redacts: boolean
  /** A bit for each length below 32 that a key of `keys` has; longer ones have the first. */
  readonly lengths: number
  /** The keys of `keys` by their length, so that most keys of a document are passed over without being decoded. */
  readonly byLength: readonly (readonly PlanKey[] | undefined)[]
  /** Bytes of the longest key of `keys` if each character of it is escaped. */
  readonly maxKeyBytes: number
}

/** A key of a plan, in lower case. */
export interface PlanKey {
  readonly key: string
  readonly bytes: Uint8Array
  readonly node: PlanNode
  /** One bit, which no other key of the same place has. */
  readonly bit: number
}

/** Bits of a number in JavaScript's bitwise operations. */
const MAX_KEYS = 32

/** `\u0041` is six bytes for one character. */
const ESCAPED_CHARACTER_BYTES = 6

/**
 * The tree of some rules. A key named by a rule is not matched by `*` at the same place.
 * @throws RangeError for more than 32 keys at one place
 */
export function compilePlan(rules: readonly FieldRule[]): PlanNode {
  const groups = new Map<string, FieldRule[]>()
  let kind: FieldKind | null = null
  for (const rule of rules) {
    const [head, ...path] = rule.path
    if (head === undefined) {
      kind = rule.kind
      continue
    }
    const key = head.toLowerCase()
    const group = groups.get(key) ?? []
    group.push({ path, kind: rule.kind })
    groups.set(key, group)
  }
  const keys = new Map<string, PlanKey>()
  const byLength: PlanKey[][] = []
  let any: PlanNode | null = null
  let longest = 0
  let lengths = 0
  for (const [key, group] of groups) {
    if (key === '*') {
      any = compilePlan(group)
      continue
    }
    const bytes = Buffer.from(key)
    const known = { key, bytes, node: compilePlan(group), bit: 1 << keys.size }
    if (keys.size === MAX_KEYS) throw new RangeError(`more than ${MAX_KEYS} keys at one place`)
    keys.set(key, known)
    ;(byLength[bytes.length] ??= []).push(known)
    longest = Math.max(longest, key.length)
    lengths |= lengthBit(bytes.length)
  }
  return {
    kind,
    keys,
    any,
    inner: groups.size > 0,
    redacts: rules.some((rule) => rule.kind === 'redact'),
    lengths,
    byLength,
    maxKeyBytes: longest * ESCAPED_CHARACTER_BYTES,
  }
}

function lengthBit(length: number): number {
  return length < MAX_KEYS ? 1 << length : 1
}

/** The key of the plan that these bytes are, in whatever case; null if they are none. */
export function keyAt(
  place: PlanNode,
  bytes: Uint8Array,
  from: number,
  end: number,
): PlanKey | null {
  // most keys of a document have a length that none of the plan's has
  if ((place.lengths & lengthBit(end - from)) === 0) return null
  const known = place.byLength[end - from]
  if (known === undefined) return null
  for (const one of known) if (startsWithLower(bytes, from, one.bytes)) return one
  return null
}

export function isMapped(kind: FieldKind | null | undefined): kind is MappedKind {
  return kind !== null && kind !== undefined && kind !== 'redact' && kind !== 'keep'
}

/** Whether only one URL can stand here: an object or array in its place could hide one. */
export function isUrl(place: PlanNode | null): boolean {
  return place !== null && !place.inner && isMapped(place.kind) && place.kind !== 'link'
}
