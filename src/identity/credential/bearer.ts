/**
 * The credential of a request: exactly one `Authorization` header, `Bearer` or `DPoP`, and nothing in the URL or a form.
 * @module
 */
import { Refusal } from '../../errors.ts'

/** What the caller presented, not yet verified. */
export interface Credential {
  readonly scheme: 'bearer' | 'dpop'
  /** Of a bearer, `checkToken` is still to be asked, unless the very same token was verified before. */
  readonly token: string
  /** The `DPoP` header, if there is exactly one. */
  readonly proof: string | null
  /** The header that it came in. */
  readonly value: string
}

/** What of a request proves the possession of a key. */
export interface Presented {
  readonly credential: Credential
  readonly method: string
  readonly url: string
  /** DER. */
  readonly clientCertificate: Buffer | null
}

/** A token with 200 groups, the most that Entra puts into one, has 12 KB; longer ones are refused before any work is done on them. */
const MAX_TOKEN_LENGTH = 16_384

// RFC 6750 section 2.1 and RFC 9110 section 11.2: token68
const TOKEN68 = /^[A-Za-z0-9\-._~+/]+=*$/
const JWT = /^ey[\w-]+\.[\w-]+\.[\w-]*$/
/** Headers that clients of other services put their key or token in. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  'api-key',
  'api_key',
  'apikey',
  'authentication',
  'ocp-apim-subscription-key',
  'proxy-authorization',
  'token',
  'x-access-token',
  'x-api-key',
  'x-auth-token',
  'x-azureml-token',
  'x-functions-key',
  'x-goog-api-key',
  'x-ms-token-aad-access-token',
])
const AS_BEARER = 'send it as "authorization: Bearer <token>"'
const SUSPECT_QUERY = /%|access_token/i
const FORM = /^application\/x-www-form-urlencoded\s*(?:;|$)/i

/**
 * Reads the credential from the headers as they were received (Node keeps only the first of two
 * `Authorization` headers elsewhere).
 *
 * @param earlier one that was read before: the same header is not read again
 * @throws Refusal `missing_token` (no credential, or another scheme), `invalid_request` (two, or malformed),
 *   `headers_too_large`, `invalid_token` (of a DPoP token, as `checkToken`), `invalid_dpop_proof`
 */
export function readCredential(
  rawHeaders: readonly string[],
  url: string,
  earlier: Credential | null = null,
): Credential {
  refuseTokenInQuery(url)
  let found: string | null = null
  let proof: string | null = null
  let several: 'authorization' | 'dpop' | null = null
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]
    const value = rawHeaders[i + 1]
    if (name === undefined || value === undefined) break
    if (name.length === 13 && name.toLowerCase() === 'authorization') {
      if (found !== null) several = 'authorization'
      found ??= value
    } else if (name.length === 4 && name.toLowerCase() === 'dpop') {
      if (proof !== null) several ??= 'dpop'
      proof ??= value
    } else if (name.length === 12 && name.toLowerCase() === 'content-type') refuseForm(value)
  }
  if (found === null) throw missing(rawHeaders)
  if (several === 'authorization') {
    // RFC 6750 section 3.1: more than one method of presenting a token
    throw new Refusal('invalid_request', 'more than one authorization header')
  }
  // a proof is another one each time
  if (earlier?.value === found && earlier.proof === null) return earlier
  return readValue(found, several === 'dpop' ? null : proof)
}

/** The token of a request that was identified, if it is worth anything to others: one that is bound to a key is not. */
export function bearerToken(rawHeaders: readonly string[]): string | undefined {
  const { scheme, token } = readCredential(rawHeaders, '')
  return scheme === 'bearer' ? token : undefined
}

/** Whether it can be a token at all. @throws Refusal `invalid_token` */
export function checkToken(token: string): void {
  if (TOKEN68.test(token)) return
  throw new Refusal('invalid_token', 'the token has characters that no token has')
}

/** Says where a token is that stands in the wrong place. */
function missing(rawHeaders: readonly string[]): Refusal {
  const names = rawHeaders.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase())
  const found = names.find((name) => ELSEWHERE.has(name))
  if (found === undefined) return new Refusal('missing_token', 'no authorization header')
  const message = `no authorization header; a token in header "${found}" is not read`
  return new Refusal('missing_token', message, { remedy: AS_BEARER })
}

/** @param proof null unless there is exactly one */
function readValue(value: string, proof: string | null): Credential {
  const space = value.indexOf(' ')
  const scheme = (space === -1 ? value : value.slice(0, space)).toLowerCase()
  const token = space === -1 ? '' : value.slice(space + 1)
  if (scheme !== 'bearer' && scheme !== 'dpop') {
    // RFC 6750 section 3: an unsupported method is answered as if there were none
    const message = JWT.test(value)
      ? 'header "authorization" has a token without a scheme before it'
      : 'the authorization scheme is neither bearer nor dpop'
    throw new Refusal('missing_token', message, { remedy: AS_BEARER })
  }
  if (token === '' || token.startsWith(' ') || (token.includes(',') && !token.startsWith('{'))) {
    throw new Refusal('invalid_request', 'the authorization header is not one scheme and one token')
  }
  if (token.length > MAX_TOKEN_LENGTH) {
    // the code that every header has which is too long: another token of the same person would be no shorter
    throw new Refusal(
      'headers_too_large',
      `header "authorization" has a token of more than ${MAX_TOKEN_LENGTH} bytes`,
      { remedy: 'ask an administrator to have fewer groups or claims put into it' },
    )
  }
  if (scheme === 'bearer') return { scheme, token, proof: null, value }
  checkToken(token)
  if (proof === null) {
    // RFC 9449 section 4.3, check 1
    throw new Refusal('invalid_dpop_proof', 'a dpop token needs exactly one dpop header')
  }
  return { scheme, token, proof, value }
}

/**
 * RFC 6750 section 2.2 lets a form carry the token. Bodies are not opened here and no operation of Azure Machine
 * Learning takes a form, so every form is refused, before anybody could forward or record what is in it.
 */
function refuseForm(contentType: string): void {
  if (!FORM.test(contentType.trimStart())) return
  throw new Refusal('invalid_request', 'a form is not accepted: it could carry a token', {
    remedy: 'send the token in the authorization header and the body as application/json',
  })
}

/**
 * RFC 9700 section 4.3.2: URLs end in logs and histories, so a token in one is no secret any more.
 *
 * `azureml/query.ts` has refused such a request before this stage is asked; it is refused here as well so that nothing
 * about credentials depends on the order of stages.
 */
function refuseTokenInQuery(url: string): void {
  const start = url.indexOf('?')
  if (start === -1) return
  const query = url.slice(start + 1)
  if (!SUSPECT_QUERY.test(query)) return
  for (const name of new URLSearchParams(query).keys()) {
    if (name.toLowerCase() === 'access_token') {
      throw new Refusal('invalid_request', 'a token in the query is not accepted', {
        remedy: 'send the token in the authorization header and revoke the one that was in the url',
      })
    }
  }
}
