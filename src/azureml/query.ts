/**
 * The query of a request target: each name once, nothing that two parsers would split differently.
 * @module
 */
import { Refusal } from '../errors.ts'

/** RFC 3986 `query` without `;` (a separator to some) and without `[` and `]` (arrays and objects to some). */
const QUERY = /^[A-Za-z0-9\-._~!$&'()*+,=:@%/?]*$/
/** Parameter names: unreserved characters and the `$` of OData, which clients also send as `%24`. */
const NAME = /^[A-Za-z0-9\-._~$]+$/
const CONTROL = /\p{Cc}/u

/**
 * Names under which credentials travel in URLs. RFC 9700 section 4.3.2: a URL is written to every log on its
 * way, so a secret there is already lost; Azure's signed URLs (`sig`) and function keys (`code`) are the same.
 */
const CREDENTIALS: ReadonlySet<string> = new Set([
  'access_token',
  'refresh_token',
  'id_token',
  'client_secret',
  'client_assertion',
  'assertion',
  'authorization',
  'password',
  'sig',
  'sas',
  'code',
  'key',
  'api-key',
  'api_key',
  'apikey',
  'subscription-key',
  'token',
])

/**
 * Parameters by lower-case name, percent-decoded; `+` in a value is a space, as ARM reads it.
 *
 * @throws {Refusal} `bad_query`
 */
export function parseQuery(query: string): ReadonlyMap<string, string> {
  const params = new Map<string, string>()
  if (query === '') return params
  if (!QUERY.test(query)) throw badQuery('the query has a character that is not allowed there')
  for (const part of query.split('&')) {
    if (part === '') throw badQuery('the query has an empty parameter')
    const equals = part.indexOf('=')
    const name = parseName(equals === -1 ? part : part.slice(0, equals))
    if (params.has(name)) throw badQuery(`the query has "${name}" twice`)
    if (CREDENTIALS.has(name)) {
      throw badQuery(`the query has a credential in "${name}": it belongs in a header`)
    }
    params.set(name, equals === -1 ? '' : decode(part.slice(equals + 1)))
  }
  return params
}

/** Only `$` may be encoded in a name: `%61pi-version` is `api-version` to one reader and unknown to another. */
function parseName(raw: string): string {
  const name = raw.replaceAll('%24', '$')
  if (!NAME.test(name)) throw badQuery('a query parameter has a name that is not allowed')
  return name.toLowerCase()
}

function decode(raw: string): string {
  let value: string
  try {
    value = decodeURIComponent(raw.replaceAll('+', ' '))
  } catch {
    throw badQuery('the query is not valid percent-encoded UTF-8')
  }
  if (CONTROL.test(value)) throw badQuery('the query has a control character')
  return value
}

function badQuery(message: string): Refusal {
  return new Refusal('bad_query', message)
}
