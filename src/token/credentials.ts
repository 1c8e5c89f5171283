/**
 * The explicit credentials, one kind each: managed identity, workload identity, on behalf of the caller.
 * Never a chain that tries one after another: the identity of a request is configured, not discovered.
 * @module
 */
import {
  ManagedIdentityCredential,
  OnBehalfOfCredential,
  WorkloadIdentityCredential,
} from '@azure/identity'
import type { TokenCredential } from '@azure/identity'
import { Refusal } from '../errors.ts'
import { attempting, httpClient } from './transport.ts'
import type { Attempt } from './transport.ts'
import type { IdentityConfig } from '../config/schema/schema.ts'

export interface FetchRequest {
  readonly scope: string
  /** Ends the attempt. */
  readonly signal: AbortSignal
  /** The caller's own token, for on-behalf-of; used for this attempt and kept nowhere. */
  readonly assertion: string | null
}

/**
 * Asks for a token, once and now: no cache, no retry, no redirect.
 * @throws Refusal `identity_unavailable`; of on-behalf-of also `insufficient_claims` and `invalid_token`,
 *   which are the caller's matter and not the endpoint's
 */
export type FetchToken = (request: FetchRequest) => Promise<string>

export interface CredentialContext {
  readonly name: string
  /** Where tenants' token endpoints are, unless the identity names its own. */
  readonly authorityHost: string
  /** The token of the managed identity that authenticates the client of an on-behalf-of identity. */
  readonly federatedToken: () => Promise<string>
  readonly now: () => number
}

export type CredentialFactory = (config: IdentityConfig, context: CredentialContext) => FetchToken

/**
 * A credential object is made anew for each fetch: those of @azure/identity have caches, negative ones among
 * them, that would answer in place of the endpoint; the broker's cache is the only one wanted.
 */
export const createCredential: CredentialFactory = (config, context) => async (request) => {
  const federated = config.kind === 'on-behalf-of' ? await context.federatedToken() : ''
  const [issued, attempt] = await attempting(request.signal, context.now, () =>
    build(config, context, request, federated).getToken(request.scope),
  )
  if (issued !== null) return issued.token
  throw refusal(context.name, config, attempt)
}

const OPTIONS = {
  httpClient,
  retryOptions: { maxRetries: 0 },
  // a redirect would carry the endpoint's secret header or an assertion to a host that nobody configured
  redirectOptions: { maxRetries: 0 },
}

function build(
  config: IdentityConfig,
  context: CredentialContext,
  request: FetchRequest,
  federated: string,
): TokenCredential {
  if (config.kind === 'managed-identity') {
    const { clientId } = config
    return clientId === undefined
      ? new ManagedIdentityCredential(OPTIONS)
      : new ManagedIdentityCredential({ clientId, ...OPTIONS })
  }
  const common = {
    ...OPTIONS,
    tenantId: config.tenantId,
    clientId: config.clientId,
    authorityHost: config.authorityHost ?? context.authorityHost,
    // the authority is trusted because the configuration names it; no third host is asked whether it is known
    disableInstanceDiscovery: true,
  }
  if (config.kind === 'workload-identity') {
    return new WorkloadIdentityCredential({ ...common, tokenFilePath: config.tokenFile })
  }
  if (request.assertion === null) {
    throw new TypeError('an on-behalf-of identity was asked for a token without a caller')
  }
  return new OnBehalfOfCredential({
    ...common,
    userAssertionToken: request.assertion,
    getAssertion: () => Promise.resolve(federated),
  })
}

function refusal(name: string, config: IdentityConfig, attempt: Attempt): Refusal {
  if (config.kind === 'on-behalf-of' && attempt.status !== null && attempt.status < 500) {
    // Entra asks the user for more than the token shows: second factor, compliant device, fresh sign-in
    if (attempt.claims !== null) {
      return new Refusal(
        'insufficient_claims',
        'the issuer asks for more before it exchanges this token',
        {
          claims: Buffer.from(attempt.claims).toString('base64'),
        },
      )
    }
    if (attempt.error !== null) {
      return new Refusal('invalid_token', `the token cannot be exchanged for identity "${name}"`, {
        inner: attempt.error,
      })
    }
  }
  return new Refusal('identity_unavailable', `no token can be had for identity "${name}"`, {
    inner: describe(attempt),
    retryAfter: Math.ceil(attempt.retryAfterMs / 1000),
  })
}

function describe({ status, code }: Attempt): string {
  if (status === null) return code === null ? 'the endpoint was never asked' : `no answer: ${code}`
  return status < 400 ? `status ${status} without a usable token` : `status ${status}`
}
