/**
 * The raw request target, checked and parsed once. What is judged is byte for byte what is forwarded.
 *
 * Nothing is repaired here. A target that two readers could read differently (the gateway, a web server, a
 * front end, the service behind it) is refused, because each published bypass of a path-based gate is such a
 * pair of readings: dot segments, encoded slashes, double encoding, `;` parameters, overlong UTF-8.
 * @module
 */
import { Refusal } from '../errors.ts'
import { parseQuery } from './query.ts'

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

const MAX_TARGET_BYTES = 8_192
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE'])

/** RFC 3986 `pchar` without `;`: path parameters are read by some servers and ignored by others. */
const PATH = /^\/[A-Za-z0-9\-._~!$&'()*+,=:@%/]*$/
/** Percent-encoded, a delimiter or control character means one thing here and another after one more decoding. */
const ENCODED_DELIMITER = /%(?:[01][0-9a-f]|2[35f]|3[bf]|5c|7f)/i
/**
 * RFC 3986 section 2.3: encoded and plain unreserved characters are the same resource to one reader and two
 * to another. Decoding here would make the forwarded bytes differ from the judged ones, so they are refused.
 */
const ENCODED_UNRESERVED = /%(?:2[de]|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae])/i
/** Invisible, unassigned or private characters, and every space but the plain one. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u

/**
 * Checks the method and the request target of one request line.
 *
 * @throws {Refusal} `method_not_allowed`, `target_too_long`, `bad_path`, `bad_query` or `invalid_request`
 */
export function parseTarget(method: string, rawTarget: string): Target {
  // RFC 9110 section 9.1: methods are case-sensitive. CONNECT, TRACE and OPTIONS have no meaning to Azure ML.
  if (!METHODS.has(method)) throw new Refusal('method_not_allowed', 'this method is not served')
  if (rawTarget.length > MAX_TARGET_BYTES) {
    throw new Refusal(
      'target_too_long',
      `the request target is longer than ${MAX_TARGET_BYTES} bytes`,
    )
  }
  // RFC 9112 section 3.2: absolute-form, authority-form and asterisk-form would carry a host of their own.
  if (!rawTarget.startsWith('/')) throw badPath('the request target must be a path')
  if (rawTarget.includes('#')) throw badPath('the request target has a fragment')

  const mark = rawTarget.indexOf('?')
  const path = mark === -1 ? rawTarget : rawTarget.slice(0, mark)
  const query = mark === -1 ? '' : rawTarget.slice(mark + 1)
  if (mark !== -1 && query === '') throw new Refusal('bad_query', 'the query is empty')
  return { method, path, query, segments: parsePath(path), params: parseQuery(query) }
}

function parsePath(path: string): readonly string[] {
  if (!PATH.test(path)) throw badPath('the path has a character that is not allowed in a path')
  if (path.includes('%')) {
    if (ENCODED_DELIMITER.test(path)) {
      throw badPath('the path has a percent-encoded delimiter or control character')
    }
    if (ENCODED_UNRESERVED.test(path)) {
      throw badPath('the path percent-encodes a character that must be written plainly')
    }
  }
  const segments = path === '/' ? [] : path.slice(1).split('/').map(parseSegment)
  // The forwarder may go through the URL parser: it must leave the path as it is.
  if (new URL(path, 'https://gateway.invalid').pathname !== path) {
    throw badPath('the path is not in its normal form')
  }
  return segments
}

function parseSegment(raw: string): string {
  const segment = raw.includes('%') ? decode(raw) : raw
  if (segment === '') throw badPath('the path has two slashes in a row, or one at its end')
  // Windows file and IIS conventions drop trailing dots and spaces: `name.` and `name` would be one resource.
  if (segment.endsWith('.') || segment !== segment.trim()) {
    throw badPath('a path segment ends in a dot or has a space at its edge')
  }
  return segment
}

function decode(raw: string): string {
  let text: string
  try {
    text = decodeURIComponent(raw)
  } catch {
    throw badPath('the path is not valid percent-encoded UTF-8')
  }
  // Best-fit conversions turn look-alikes such as U+FF0F and U+2024 into `/` and `.` (NFKC shows which).
  if (UNPRINTABLE.test(text) || text.normalize('NFKC') !== text) {
    throw badPath('the path has an invisible or compatibility character')
  }
  return text
}

function badPath(message: string): Refusal {
  return new Refusal('bad_path', message)
}
