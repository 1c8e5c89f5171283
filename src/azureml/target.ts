/**
 * The raw request target, checked and parsed once. What is judged is byte for byte what is forwarded.
 * @module
 */

/** A request target that passed the grammar: nothing downstream parses it again. */
export interface Target {
  readonly method: string
  /** The path as received and as forwarded; holds no dot segment, empty segment, backslash or encoded delimiter. */
  readonly path: string
  /** The query as received, without `?`; empty if there was none. */
  readonly query: string
  /** Path segments, percent-decoded; the leading empty one is left out. */
  readonly segments: readonly string[]
  /** Query parameters, percent-decoded, names in lower case; no name twice. */
  readonly params: ReadonlyMap<string, string>
}
