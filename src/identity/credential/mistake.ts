/**
 * Names the mistake behind a token of the wrong kind, so that its sender can correct it.
 *
 * Judged on claims that nobody verified: it only ever chooses the words of a refusal.
 * @module
 */
import { Refusal } from '../../errors.ts'
import type { Unverified } from './jws.ts'

const GRAPH = 'Microsoft Graph'
const ARM = 'Azure Resource Manager'
const FOREIGN_AUDIENCES: ReadonlyMap<unknown, string> = new Map([
  ['00000003-0000-0000-c000-000000000000', GRAPH],
  ['https://graph.microsoft.com', GRAPH],
  ['https://graph.microsoft.com/', GRAPH],
  ['00000002-0000-0000-c000-000000000000', 'Azure AD Graph'],
  ['https://graph.windows.net', 'Azure AD Graph'],
  ['https://graph.windows.net/', 'Azure AD Graph'],
  ['797f4846-ba00-4fd7-ba43-dac1f8f63013', ARM],
  ['https://management.azure.com', ARM],
  ['https://management.azure.com/', ARM],
  ['https://management.core.windows.net', ARM],
  ['https://management.core.windows.net/', ARM],
  ['18a66f5f-dbdf-4c17-9dd7-1634712a9cbe', 'Azure Machine Learning'],
  ['https://ml.azure.com', 'Azure Machine Learning'],
  ['https://ml.azure.com/', 'Azure Machine Learning'],
])
const ACCESS_TOKEN_REMEDY = 'send the access token that was issued together with it'

/** The refusal for a token that is no JWT where no issuer can be asked about it. */
export function opaqueRefusal(): Refusal {
  return new Refusal('invalid_token', 'the token is not a signed JWT', {
    remedy: 'send an access token of an issuer configured here; keys of endpoints are not accepted',
  })
}

/** The refusal for an ID token, wherever it is recognised. */
export function idTokenRefusal(): Refusal {
  return new Refusal('invalid_token', 'this is an ID token', { remedy: ACCESS_TOKEN_REMEDY })
}

/** A refusal that names the mistake, or null if the token shows none that is known. */
export function nameMistake({ typ, claims }: Pick<Unverified, 'typ' | 'claims'>): Refusal | null {
  if (typ === 'okta-internal-at+jwt') {
    return new Refusal('invalid_token', 'this is a token of an Okta organisation server', {
      remedy: 'use a custom authorization server, or configure introspection for this issuer',
    })
  }
  const jti = claims.get('jti')
  // ID tokens alone carry these (OpenID Connect Core 1.0 section 2); Okta marks its own by the jti
  const isIdToken = claims.has('at_hash') || claims.has('c_hash') || claims.has('nonce')
  if (isIdToken || (typeof jti === 'string' && jti.startsWith('ID.'))) return idTokenRefusal()
  const audience = FOREIGN_AUDIENCES.get(claims.get('aud'))
  if (audience !== undefined) {
    return new Refusal('wrong_audience', `this is a token for ${audience}`, {
      remedy: 'ask for a token whose audience is this gateway',
    })
  }
  return null
}
