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
  const inOrder = edits.length < 2 ? edits : edits.toSorted((one, other) => one.start - other.start)
  let length = bytes.byteLength
  let at = 0
  for (const { start, end, text } of inOrder) {
    if (start < at || end < start || end > bytes.byteLength) throw new TypeError('edits overlap')
    length += Buffer.byteLength(text) - (end - start)
    at = end
  }
  const edited = Buffer.allocUnsafe(length)
  let written = 0
  at = 0
  for (const { start, end, text } of inOrder) {
    written += bytes.copy(edited, written, at, start)
    written += edited.write(text, written)
    at = end
  }
  bytes.copy(edited, written, at)
  return edited
}
