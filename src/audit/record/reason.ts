/**
 * What a record repeats of what a refusal says: the gateway's own words, not the caller's.
 *
 * Over the wire a refusal names the offending thing, which the reader sent and knows. A record is read by others, and
 * what a caller put by mistake where a name belongs can be a key or a token; the message's form and its code say what
 * happened, `PathHash` and `QueryHashes` find the place.
 * @module
 */
import type { Refusal } from '../../errors.ts'

/** Quoted words that are the gateway's: names of headers, claims, parameters and services that it knows. */
const OWN = new Set(
  [
    'host content-length content-type content-encoding transfer-encoding expect authorization upgrade',
    'x-ms-authorization-auxiliary x-http-method-override x-http-method x-method-override',
    'chunked application/json dpop mferp api-version',
    'GET HEAD PUT POST PATCH DELETE OPTIONS TRACE',
    'iss aud exp nbf iat sub oid tid uid cid scp ver azp appid idtyp roles groups cnf',
  ].flatMap((words) => words.split(' ')),
)

/** A path or a JSON pointer: its steps can be the caller's own. */
const PLACE = /(^|[\s(])\/\S*/g

/**
 * Everything from the first to the last quote goes unless it is words of the gateway's and nothing else: a foreign word
 * can itself hold quotes.
 */
function withoutForeign(message: string): string {
  const first = message.indexOf('"')
  const last = message.lastIndexOf('"')
  if (first === last) return message
  const words = message.slice(first + 1, last).split(/" n?or "/)
  return words.every((word) => OWN.has(word))
    ? message
    : `${message.slice(0, first)}"(...)"${message.slice(last + 1)}`
}

/**
 * A refusal's message as it is recorded. What the gateway depends on (5xx) is named in full: those names come from
 * the configuration.
 */
export function recordable(refusal: Refusal): string {
  return refusal.status >= 500
    ? refusal.message
    : withoutForeign(refusal.message).replace(PLACE, '$1/(...)')
}
