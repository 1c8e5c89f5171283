/**
 * The gateway's console as an application of the issuers, which people sign in to with a browser.
 *
 * At the issuer shaped as Entra ID it shows a managed identity's token in the place of a secret (federated identity
 * credential), at the one shaped as Okta it signs with a key of its own.
 * @module
 */
import { createPublicKey } from 'node:crypto'
import type { ClientMetadata, Provider } from 'oidc-provider'
import { exportJWK } from 'jose'
import { ENTRA_CONSOLE, OKTA_CONSOLE, OKTA_CONSOLE_WITH_SECRET } from '../../personas.ts'

/** The port of the gateway is known later, see `allowAnyPort`. */
const REDIRECT = 'https://localhost/_harness/console/callback'
const EXCHANGE = 'api://AzureADTokenExchange'
/** Never leaves the lab: what a verified assertion is exchanged for before oidc-provider sees it. */
const INNER_SECRET = 'lab-only-entra-console'

const WEB = {
  application_type: 'web',
  grant_types: ['authorization_code'],
  response_types: ['code'],
  redirect_uris: [REDIRECT],
} as const satisfies Partial<ClientMetadata>

export function entraConsole(): ClientMetadata {
  return withSecret(ENTRA_CONSOLE, INNER_SECRET)
}

export function oktaConsoleWithSecret(): ClientMetadata {
  return withSecret(OKTA_CONSOLE_WITH_SECRET.id, OKTA_CONSOLE_WITH_SECRET.secret)
}

function withSecret(id: string, secret: string): ClientMetadata {
  return {
    ...WEB,
    client_id: id,
    client_secret: secret,
    token_endpoint_auth_method: 'client_secret_post',
    grant_types: [...WEB.grant_types],
    response_types: [...WEB.response_types],
    redirect_uris: [...WEB.redirect_uris],
  }
}

/** @param privateKey in PEM */
export async function oktaConsole(privateKey: string): Promise<ClientMetadata> {
  const jwk = await exportJWK(createPublicKey(privateKey))
  return {
    ...WEB,
    client_id: OKTA_CONSOLE,
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256',
    jwks: { keys: [{ ...jwk, kid: 'console', use: 'sig', alg: 'ES256' }] },
    grant_types: [...WEB.grant_types],
    response_types: [...WEB.response_types],
    redirect_uris: [...WEB.redirect_uris],
  }
}

const CONSOLES = new Set<string>([ENTRA_CONSOLE, OKTA_CONSOLE, OKTA_CONSOLE_WITH_SECRET.id])

/** Gateways of tests and of `HARNESS_PORT` come back to the console on ports of their own. */
export function allowAnyPort({ Client }: Provider): void {
  const before: unknown = Object.getOwnPropertyDescriptor(
    Client.prototype,
    'redirectUriAllowed',
  )?.value
  Client.prototype.redirectUriAllowed = function allowed(uri: string): boolean {
    if (!CONSOLES.has(this.clientId))
      return typeof before === 'function' && Reflect.apply(before, this, [uri]) === true
    return /^https:\/\/[\w.-]+(?::\d+)?\/_harness\/console\/callback$/u.test(uri)
  }
}

/** Whether a managed identity of the lab wrote the token for one of these audiences. */
export type VerifyFederated = (token: string, audiences: readonly string[]) => Promise<unknown>

/** A verified assertion becomes the secret that oidc-provider knows. */
export async function takeFederated(form: URLSearchParams, verify: VerifyFederated): Promise<void> {
  if (form.get('client_id') !== ENTRA_CONSOLE) return
  const identity = await verify(form.get('client_assertion') ?? '', [EXCHANGE])
  form.delete('client_assertion')
  form.delete('client_assertion_type')
  form.set('client_secret', identity === null ? 'not federated' : INNER_SECRET)
}
