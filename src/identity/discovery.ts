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

/** `foreign`: the document names another issuer, which a retry cannot repair. */
export type Discovered =
  | { readonly ok: true; readonly metadata: Metadata }
  | { readonly ok: false; readonly foreign: boolean; readonly why: string }

/** The marker that Entra's multi-tenant issuers have in place of the tenant. */
export const TENANT_MARKER = '{tenantid}'

/** Whether `issuer` stands for many tenants. */
export function isMultiTenant(issuer: string): boolean {
  return issuer.includes(TENANT_MARKER)
}

/** The issuer as a URL: any tenant's people sign in, and the document of all tenants is, at "organizations". */
export function issuerUrl(issuer: string): string {
  return issuer.replace(TENANT_MARKER, 'organizations')
}

/** Where the discovery document of `issuer` is. */
export function discoveryUrl(issuer: string): string {
  return `${issuerUrl(issuer).replace(/\/$/, '')}/.well-known/openid-configuration`
}

/** Fetches and checks the discovery document of `issuer`. Never throws. */
export async function discover(issuer: string, signal: AbortSignal): Promise<Discovered> {
  const answer = await fetchJson(discoveryUrl(issuer), signal)
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
