/**
 * Foreign JSON objects, looked into without trusting their shape.
 * @module
 */

/** The fields of a JSON object; none if `value` is no object. */
export function fieldsOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map<string, unknown>(
    typeof value === 'object' && value !== null ? Object.entries(value) : [],
  )
}
