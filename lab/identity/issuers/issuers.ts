/**
 * The two issuers of the lab: one shaped as Entra ID v2, one as an Okta custom authorization server.
 * @module
 */
import type { ClientMetadata } from 'oidc-provider'
import {
  AUDIENCE_GUID,
  AUDIENCE_URI,
  ENTRA_CLI,
  LAB_CLIENT,
  OKTA_CLI,
  PERSONAS,
  TENANT,
  type Persona,
} from '../../personas.ts'
import { entraClaims, oktaClaims } from './claims.ts'
import {
  entraConsole,
  oktaConsole,
  oktaConsoleWithSecret,
  type VerifyFederated,
} from './console-client.ts'
import { createIssuer, type Issuer } from './issuer.ts'
import { PERSONA_GRANT } from './persona-grant.ts'

/** The gateway's own credentials at Okta's introspection endpoint. */
export const INTROSPECTION_CLIENT = { id: '0oa1gateway', secret: 'lab-only-0oa1gateway' } as const

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'

/** A command-line program: no secret, loopback redirects, device code, and the lab's own grant. */
function cli(id: string): ClientMetadata {
  return {
    client_id: id,
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token', DEVICE_GRANT, PERSONA_GRANT],
    response_types: ['code'],
    // loopback redirects match on any port (RFC 8252 section 7.3)
    redirect_uris: ['http://127.0.0.1/callback', 'http://localhost/callback'],
  }
}

function confidential(id: string, secret: string, grants: readonly string[]): ClientMetadata {
  return {
    client_id: id,
    client_secret: secret,
    token_endpoint_auth_method: 'client_secret_post',
    grant_types: [...grants],
    response_types: [],
    redirect_uris: [],
  }
}

function services(): ClientMetadata[] {
  const found: ClientMetadata[] = []
  for (const persona of PERSONAS.values()) {
    if (persona.kind === 'okta-service')
      found.push(confidential(persona.cid, persona.secret, ['client_credentials']))
  }
  return found
}

/** @param verifyFederated tells tokens of the lab's managed identities */
export function createEntra(origin: string, verifyFederated: VerifyFederated): Promise<Issuer> {
  const kinds: readonly Persona['kind'][] = ['entra-user', 'entra-compute']
  return createIssuer({
    origin,
    mount: `/${TENANT}/v2.0`,
    personas: kinds,
    audience: AUDIENCE_GUID,
    resource: AUDIENCE_URI,
    scopes: [`${AUDIENCE_URI}/user_impersonation`, `${AUDIENCE_URI}/.default`],
    claims: entraClaims,
    // Entra ID's access tokens are typ JWT, not at+jwt (RFC 9068)
    header: { typ: 'JWT' },
    refreshesForStorage: true,
    clients: [cli(ENTRA_CLI), cli(LAB_CLIENT), entraConsole()],
    verifyFederated,
  })
}

/** @param consoleKey the key of the console, in PEM */
export async function createOkta(origin: string, consoleKey: string): Promise<Issuer> {
  return createIssuer({
    origin,
    mount: '/oauth2/default',
    personas: ['okta-user', 'okta-service'],
    audience: AUDIENCE_URI,
    resource: AUDIENCE_URI,
    scopes: ['azureml'],
    claims: oktaClaims,
    // Okta's access tokens have no typ at all
    header: { typ: null },
    clients: [
      cli(OKTA_CLI),
      cli(LAB_CLIENT),
      await oktaConsole(consoleKey),
      oktaConsoleWithSecret(),
      confidential(INTROSPECTION_CLIENT.id, INTROSPECTION_CLIENT.secret, []),
      ...services(),
    ],
  })
}
