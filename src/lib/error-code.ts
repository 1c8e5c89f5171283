/**
 * The codes of errors, such as `ENOENT`.
 * @module
 */

/** The error's `code` as text; `otherwise` if it has none. */
export function codeOf(error: unknown, otherwise = 'UNKNOWN'): string {
  return typeof error === 'object' && error !== null && 'code' in error
    ? String(error.code)
    : otherwise
}
