/**
 * JSON that means one thing only: valid UTF-8, no duplicate names, bounded depth.
 *
 * Two parsers that disagree on which of two equal names wins are two readings of one token (RFC 7519
 * section 4 lets a parser reject duplicates; RFC 8725 section 2.4 tells why one should).
 * @module
 */

/** Claims, header members or a document's members: foreign names, so never a plain object's keys. */
export type Members = ReadonlyMap<string, unknown>

const MAX_DEPTH = 32
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const TOKENS = /"(?:[^"\\]+|\\.)*"|[{}[\]:]/g

/** Whether `value` is a JSON object. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The members of a JSON object, or null if `value` is none. `__proto__` is a name like any other here. */
export function membersOf(value: unknown): Members | null {
  return isObject(value) ? new Map(Object.entries(value)) : null
}

/** The members of a JSON object; none if `value` is no object: for answers of others, whose shape nobody promises. */
export function fieldsOf(value: unknown): Members {
  return membersOf(value) ?? new Map<string, unknown>()
}

/** Parses UTF-8 JSON; undefined for anything that is invalid, ambiguous or nested too deep. */
export function parseStrictJson(bytes: Uint8Array): unknown {
  let text: string
  let value: unknown
  try {
    text = utf8.decode(bytes)
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  return isUnambiguous(text) ? value : undefined
}

/** `text` is valid JSON, so a colon outside a string always follows a name. */
function isUnambiguous(text: string): boolean {
  const open: (Set<string> | null)[] = []
  let last = ''
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === '{' || token === '[') {
      if (open.push(token === '{' ? new Set() : null) > MAX_DEPTH) return false
    } else if (token === '}' || token === ']') {
      open.pop()
    } else if (token === ':') {
      const names = open.at(-1)
      // Names are compared as they decode: "a" and "\u0061" are one name
      const name = String(JSON.parse(last))
      if (names === null || names === undefined || names.has(name)) return false
      names.add(name)
    } else {
      last = token
    }
  }
  return true
}
