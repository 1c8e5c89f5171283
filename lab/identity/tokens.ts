/**
 * A persona's token, from its issuer's token endpoint.
 * @module
 */
import { request } from '../server/http.ts'
import { clientOf } from './issuers/claims.ts'
import { PERSONA_GRANT } from './issuers/persona-grant.ts'
import { LAB_CLIENT, PERSONAS } from '../personas.ts'

/** Changes to a token, so that tests can have odd but really signed ones. */
export interface TokenOverrides {
  /** Replaces claims; null removes one. */
  readonly claims?: Readonly<Record<string, unknown>>
  /** Replaces header members; null removes one. */
  readonly header?: Readonly<Record<string, unknown>>
  /** A reference that only introspection can resolve, instead of a JWT. */
  readonly opaque?: boolean
}

export interface TokenSource {
  readonly issuer: string
  readonly ca: string
}

function form(name: string, overrides: TokenOverrides | undefined): Record<string, string> {
  const persona = PERSONAS.get(name)
  if (persona === undefined) throw new TypeError(`no persona "${name}" in the lab`)
  const client = { client_id: clientOf(persona) }
  if (persona.kind === 'okta-service' && overrides === undefined) {
    const secret = { client_secret: persona.secret }
    return { ...client, ...secret, grant_type: 'client_credentials', scope: 'azureml' }
  }
  return {
    grant_type: PERSONA_GRANT,
    persona: name,
    ...(overrides?.claims === undefined ? {} : { claims: JSON.stringify(overrides.claims) }),
    ...(overrides?.header === undefined ? {} : { header: JSON.stringify(overrides.header) }),
    ...(overrides?.opaque === true ? { format: 'opaque' } : {}),
  }
}

/**
 * Asks discovery for the token endpoint and that for a token: client credentials for the service,
 * the lab's own grant for the others and whenever something is to be changed.
 */
export async function requestToken(
  source: TokenSource,
  name: string,
  overrides?: TokenOverrides,
): Promise<string> {
  const { ca } = source
  const discovery = await request(`${source.issuer}/.well-known/openid-configuration`, { ca })
  const { token_endpoint: endpoint } = discovery.json() as { token_endpoint: string }
  const fields = form(name, overrides)
  // the lab's grant is asked for by the issuer's public client, whoever the persona is
  fields['client_id'] ??= LAB_CLIENT
  const reply = await request(endpoint, {
    ca,
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  })
  const body = reply.json() as { access_token?: string; error?: string; error_description?: string }
  if (body.access_token === undefined)
    throw new Error(`${source.issuer} refused: ${body.error ?? ''} ${body.error_description ?? ''}`)
  return body.access_token
}
