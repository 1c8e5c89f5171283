/**
 * The query of a request target, in which each name stands once and no two parsers would split differently.
 * @module
 */
import { Refusal } from '../errors.ts'
import { createCache } from '../lib/caches/cache.ts'

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

/** MLflow's lists of ids, one parameter an id. No call is judged by one of them. */
const LISTS: ReadonlySet<string> = new Set(['trace_ids', 'experiment_ids', 'run_ids', 'scorer_ids'])

/** Most calls have an `api-version` and nothing else: one map for all that are remembered, where each would take 300 bytes. */
const MAX_ALIKE = 64
/** Characters; a longer one is of few calls. */
const MAX_LENGTH = 64
const alike = createCache<string, ReadonlyMap<string, string>>(MAX_ALIKE)

/**
 * Parameters by lower-case name, percent-decoded; `+` in a value is a space, as ARM reads it. A list of ids is one text.
 *
 * @throws {Refusal} `bad_query`, and `invalid_request` for the caller's token
 */
export function parseQuery(query: string): ReadonlyMap<string, string> {
  if (query.length > MAX_LENGTH) return parsed(query)
  let params = alike.get(query)
  if (params === undefined) {
    params = parsed(query)
    alike.set(query, params)
  }
  return params
}

function parsed(query: string): ReadonlyMap<string, string> {
  const params = new Map<string, string>()
  if (query === '') return params
  if (!QUERY.test(query)) throw badQuery('the query has a character that is not allowed there')
  for (const part of query.split('&')) {
    if (part === '') throw badQuery('the query has an empty parameter')
    const equals = part.indexOf('=')
    const rawName = equals === -1 ? part : part.slice(0, equals)
    refuseToken(rawName)
    const name = parseName(rawName)
    const value = equals === -1 ? '' : decode(part.slice(equals + 1))
    const before = params.get(name)
    if (before !== undefined && !LISTS.has(name)) throw badQuery(`the query has "${name}" twice`)
    if (CREDENTIALS.has(name)) {
      throw badQuery(
        `the query has a credential in "${name}"; credentials are read from the authorization header alone`,
      )
    }
    params.set(name, before === undefined ? value : `${before},${value}`)
  }
  return params
}

/** RFC 6750 section 2.3 lets a query carry the token, section 3.1 has a code for one that must not, however spelt. */
function refuseToken(rawName: string): void {
  const plain = rawName.replace(/%[0-9a-f]{2}/gi, (hex) =>
    String.fromCharCode(Number.parseInt(hex.slice(1), 16)),
  )
  if (plain.toLowerCase() !== 'access_token') return
  throw new Refusal('invalid_request', 'a token in the query is not accepted', {
    remedy: 'send the token in the authorization header and revoke the one that was in the url',
  })
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
