/**
 * An issuer's discovery document, and the rule that it must be that issuer's own (OpenID Connect Discovery 1.0
 * section 4.3, RFC 8414 section 3.3).
 * @module
 */
import { fetchJson, isSafeUrl } from '../lib/http.ts'
import { isObject } from '../lib/strict-json.ts'

/** Where an issuer says its endpoints are. */
export interface Metadata {
  readonly jwksUri: string
  readonly introspectionEndpoint: string | null
}

/** `foreign`: the document names another issuer, which no retry will mend. */
export type Discovered =
  | { readonly ok: true; readonly metadata: Metadata }
  | { readonly ok: false; readonly foreign: boolean; readonly why: string }

/** The marker that Entra's multi-tenant issuers have in place of the tenant. */
export const TENANT_MARKER = '{tenantid}'

/** Fetches and checks the discovery document of `issuer`. Never throws. */
export async function discover(issuer: string, signal: AbortSignal): Promise<Discovered> {
  // Entra serves its multi-tenant document, whose issuer has the marker in it, under "organizations"
  const base = issuer.replace(TENANT_MARKER, 'organizations').replace(/\/$/, '')
  const answer = await fetchJson(`${base}/.well-known/openid-configuration`, signal)
  if (!answer.ok) return { ok: false, foreign: false, why: answer.why }
  if (answer.status !== 200 || !isObject(answer.body)) {
    return { ok: false, foreign: false, why: `status ${answer.status}` }
  }
  const document = answer.body
  if (document['issuer'] !== issuer) {
    return { ok: false, foreign: true, why: 'the discovery document names another issuer' }
  }
  const jwksUri = document['jwks_uri']
  const introspection = document['introspection_endpoint']
  if (typeof jwksUri !== 'string' || !isSafeUrl(jwksUri)) {
    return { ok: false, foreign: false, why: 'the discovery document has no safe jwks_uri' }
  }
  const safe = typeof introspection === 'string' && isSafeUrl(introspection)
  return { ok: true, metadata: { jwksUri, introspectionEndpoint: safe ? introspection : null } }
}
