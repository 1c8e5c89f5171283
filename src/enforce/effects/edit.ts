/**
 * Edits of a document by its bytes: what is not edited stays as it was, to the last space and digit.
 * @module
 */

/** The bytes from `start` to `end` become `text`; nothing is removed where both are the same. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/**
 * Applies edits that do not overlap, in any order.
 * @throws TypeError if two overlap or one lies outside
 */
export function applyEdits(bytes: Buffer, edits: readonly Edit[]): Buffer {
  const parts: Buffer[] = []
  let at = 0
  for (const { start, end, text } of edits.toSorted((one, other) => one.start - other.start)) {
    if (start < at || end < start || end > bytes.byteLength) throw new TypeError('edits overlap')
    parts.push(bytes.subarray(at, start), Buffer.from(text))
    at = end
  }
  parts.push(bytes.subarray(at))
  return Buffer.concat(parts)
}
