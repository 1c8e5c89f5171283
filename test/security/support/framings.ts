/**
 * Headers that say in two ways, or in none, where a body ends (RFC 9112 section 6).
 * @module
 */

/** By name; each beside a body in chunks and a request that is smuggled behind it. */
export const framings: readonly (readonly [string, readonly string[]])[] = [
  ['content-length, then chunked', ['Content-Length: 5', 'Transfer-Encoding: chunked']],
  ['chunked, then content-length', ['Transfer-Encoding: chunked', 'Content-Length: 5']],
  ['two equal content-lengths', ['Content-Length: 5', 'Content-Length: 5']],
  ['two content-lengths', ['Content-Length: 5', 'Content-Length: 6']],
  ['a list of content-lengths', ['Content-Length: 5, 5']],
  ['content-length +5', ['Content-Length: +5']],
  ['content-length 0x5', ['Content-Length: 0x5']],
  ['content-length -1', ['Content-Length: -1']],
  ['an empty content-length', ['Content-Length:']],
  ['a space before the colon', ['Transfer-Encoding : chunked']],
  ['xchunked', ['Transfer-Encoding: xchunked']],
  ['identity', ['Transfer-Encoding: identity']],
  ['chunked twice in a line', ['Transfer-Encoding: chunked, chunked']],
  ['chunked in two lines', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked']],
  ['chunked, and something else', ['Transfer-Encoding: chunked', 'Transfer-Encoding: x']],
  ['chunked behind a vertical tab', ['Transfer-Encoding: \vchunked']],
]
