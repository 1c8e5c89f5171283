/**
 * What an identity that acts on behalf of a caller asks of that caller.
 * @module
 */
import { Refusal } from '../errors.ts'
import type { IdentityConfig } from '../config/schema/schema.ts'
import type { Principal } from '../identity/principal.ts'

type OnBehalfOf = Extract<IdentityConfig, { kind: 'on-behalf-of' }>

/**
 * The caller's token, if the tenant's token endpoint may see it: only people of that tenant can be acted for, and the
 * token of anybody else, above all of another identity provider, would be shown to a party that it is not for.
 * @param assertion undefined for a token that is bound to its sender's key: it is worth nothing to others
 * @throws Refusal `policy_refused`
 */
export function exchangeable(
  name: string,
  identity: OnBehalfOf,
  principal: Principal,
  assertion: string | undefined,
): string {
  const isTheirs = principal.tenant?.toLowerCase() === identity.tenantId.toLowerCase()
  if (principal.kind === 'user' && isTheirs && assertion !== undefined) return assertion
  throw new Refusal(
    'policy_refused',
    `policy permits this under identity "${name}" only, which acts on behalf of people of its tenant who bring a bearer token`,
    { remedy: 'permit services, compute and people of other tenants under another identity' },
  )
}

/**
 * A claims challenge for a client that did not say that it can take one (`xms_cc`) would be lost on it: it is told
 * plainly instead. Any other failure stays as it is.
 */
export function answerable(error: unknown, principal: Principal): unknown {
  if (!(error instanceof Refusal) || error.code !== 'insufficient_claims') return error
  if (principal.challengeable) return error
  return new Refusal('insufficient_scope', error.message, {
    remedy: 'sign in again, with what the organisation asks for, and retry with the new token',
    cause: error,
  })
}
