/**
 * The persona that a token is for, and the changes that a test asks for.
 * @module
 */
import type { AccessToken, ClientCredentials, KoaContextWithOIDC } from 'oidc-provider'
import { PERSONAS, type Persona } from '../../personas.ts'
import { clientOf, type Claims } from './claims.ts'

function personaOf(name: unknown): Persona {
  const persona = typeof name === 'string' ? PERSONAS.get(name) : undefined
  if (persona === undefined) throw new TypeError(`no persona "${String(name)}" in the lab`)
  return persona
}

/** The persona behind a token: named by the lab's grant, by the login, or by the client itself. */
export function subjectOf(
  ctx: KoaContextWithOIDC,
  token: AccessToken | ClientCredentials,
): Persona {
  const named = ctx.oidc.params?.['persona']
  if (named !== undefined) return personaOf(named)
  if (token.kind === 'AccessToken') return personaOf(token.accountId)
  for (const persona of PERSONAS.values()) {
    if (clientOf(persona) === token.clientId) return persona
  }
  throw new TypeError(`no persona of the lab has the client id ${token.clientId}`)
}

export function patchOf(ctx: KoaContextWithOIDC, name: string): Claims {
  const text = ctx.oidc.params?.[name]
  return typeof text === 'string' ? (JSON.parse(text) as Claims) : {}
}

export function patched(value: Claims, patch: Claims): Claims {
  const entries = Object.entries({ ...value, ...patch })
  return Object.fromEntries(entries.filter(([, one]) => one !== null))
}
