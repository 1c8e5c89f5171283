/**
 * What the two issuers put into access tokens, as Entra ID v2 and an Okta custom authorization server do.
 *
 * https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
 * https://developer.okta.com/docs/api/openapi/okta-oauth/guides/overview/#access-token
 * @module
 */
import { createHash, randomBytes } from 'node:crypto'
import {
  AUDIENCE_GUID,
  AUDIENCE_URI,
  ENTRA_CLI,
  OKTA_CLI,
  TENANT,
  type Persona,
} from '../../personas.ts'

/** What oidc-provider knows of the token that it is about to sign. */
export interface TokenFacts {
  readonly issuer: string
  readonly iat: number
  readonly exp: number
  readonly client: string
  readonly scope: string | undefined
}

export type Claims = Record<string, unknown>

const unique = (): string => randomBytes(16).toString('base64url')

/** Pairwise in Entra ID: another one in each application. */
function pairwise(oid: string): string {
  return createHash('sha256').update(`${oid} ${AUDIENCE_GUID}`).digest('base64url')
}

function delegatedScope(scope: string | undefined): string {
  const own = (scope ?? '')
    .split(' ')
    .filter((one) => one.startsWith(`${AUDIENCE_URI}/`) && !one.endsWith('/.default'))
    .map((one) => one.slice(AUDIENCE_URI.length + 1))
  return own.length === 0 ? 'user_impersonation' : own.join(' ')
}

/** Entra ID, access token version 2. */
export function entraClaims(persona: Persona, facts: TokenFacts): Claims {
  const common = {
    aud: AUDIENCE_GUID,
    iss: facts.issuer,
    iat: facts.iat,
    nbf: facts.iat,
    exp: facts.exp,
    aio: unique(),
    rh: `1.${unique()}.`,
    tid: TENANT,
    uti: unique(),
    ver: '2.0',
  }
  if (persona.kind === 'entra-user') {
    return {
      ...common,
      azp: facts.client,
      azpacr: '0',
      oid: persona.oid,
      sub: pairwise(persona.oid),
      scp: delegatedScope(facts.scope),
      idtyp: 'user',
      name: persona.name,
      preferred_username: persona.upn,
      upn: persona.upn,
      email: persona.upn,
      ...(persona.groups.length === 0 ? {} : { groups: persona.groups }),
      amr: ['pwd', 'mfa'],
      auth_time: facts.iat - 60,
    }
  }
  if (persona.kind === 'entra-compute') {
    return {
      ...common,
      azp: persona.clientId,
      azpacr: '2',
      idtyp: 'app',
      oid: persona.oid,
      sub: persona.oid,
      xms_mirid: persona.resourceId,
    }
  }
  throw new TypeError(`Entra ID does not know a ${persona.kind}`)
}

/** Okta, custom authorization server. */
export function oktaClaims(persona: Persona, facts: TokenFacts): Claims {
  const common = {
    ver: 1,
    jti: `AT.${unique()}`,
    iss: facts.issuer,
    aud: AUDIENCE_URI,
    iat: facts.iat,
    exp: facts.exp,
    scp: (facts.scope ?? 'azureml').split(' '),
  }
  if (persona.kind === 'okta-user') {
    return {
      ...common,
      cid: facts.client,
      uid: persona.uid,
      auth_time: facts.iat - 60,
      sub: persona.login,
      groups: persona.groups,
    }
  }
  if (persona.kind === 'okta-service') return { ...common, cid: persona.cid, sub: persona.cid }
  throw new TypeError(`Okta does not know a ${persona.kind}`)
}

/** The public client under which a persona asks, unless it has one of its own. */
export function clientOf(persona: Persona): string {
  if (persona.kind === 'okta-service') return persona.cid
  if (persona.kind === 'entra-compute') return persona.clientId
  return persona.kind === 'okta-user' ? OKTA_CLI : ENTRA_CLI
}
