/**
 * Which fields of a JSON document are looked at, as a tree that a scanner can walk along with the bytes.
 * @module
 */

/**
 * What is done with a field. `url`: leads back to the gateway or the answer is refused. `link`: leads back if
 * the host is served, else stays. `scoring`: leads back, or to where the gateway answers that it is not served. `redact`: its value is removed, whole or, where rules go deeper, only if it is
 * no object or array. `keep`: stays, though `*` would have it.
 */
export type FieldKind = MappedKind | 'redact' | 'keep'
/** Those whose values become others. */
export type MappedKind = 'url' | 'link' | 'scoring'

/** Keys from the root down; `*` is any key or array element. Keys compare without case. */
export interface FieldRule {
  readonly path: readonly string[]
  readonly kind: FieldKind
}

/** One place of a document. A key that `keys` has goes there, any other to `any`. */
export interface PlanNode {
  readonly kind: FieldKind | null
  readonly keys: ReadonlyMap<string, PlanNode>
  readonly any: PlanNode | null
  /** Rules go deeper than this place. */
  readonly inner: boolean
  /** Something here or deeper is removed. */
  readonly redacts: boolean
  /** 1 at each length that a key of `keys` has: most keys are told apart without being read. */
  readonly lengths: Uint8Array
  /** Bytes that the longest key of `keys` may take with each character escaped. */
  readonly longestKey: number
}

/** `\u0041` is six bytes for one character. */
const ESCAPED_CHARACTER_BYTES = 6

/** The tree of some rules. A key named by a rule is not matched by `*` at the same place. */
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
  const keys = new Map<string, PlanNode>()
  let any: PlanNode | null = null
  let longest = 0
  for (const [key, group] of groups) {
    if (key === '*') {
      any = compilePlan(group)
    } else {
      keys.set(key, compilePlan(group))
      longest = Math.max(longest, key.length)
    }
  }
  const lengths = new Uint8Array(longest + 1)
  for (const key of keys.keys()) lengths[key.length] = 1
  return {
    kind,
    keys,
    any,
    inner: groups.size > 0,
    redacts: rules.some((rule) => rule.kind === 'redact'),
    lengths,
    longestKey: longest * ESCAPED_CHARACTER_BYTES,
  }
}

export function isMapped(kind: FieldKind | null | undefined): kind is MappedKind {
  return kind === 'url' || kind === 'link' || kind === 'scoring'
}
