/**
 * Each managed identity: whether it gets a token for each scope that it is used for.
 * @module
 */
import { tokensOf } from '../audit/ship/sinks/sinks.ts'
import { CLOUDS } from '../vocabulary/clouds.ts'
import type { Config } from '../config/schema/schema.ts'
import { Refusal } from '../errors.ts'
import type { PolicySet } from '../policy/load/rules.ts'
import type { Broker } from '../token/broker.ts'
import { findingsOf, type Finding } from './finding.ts'

const { ok, warning, failed, unverified } = findingsOf('identities')

/** The same in every cloud. */
const STORAGE_SCOPE = 'https://storage.azure.com/.default'

/** What an identity is needed for, by the scope that it needs a token of. */
export interface Use {
  readonly identity: string
  readonly scope: string
  readonly why: string
}

/** Every use that configuration and policies make of the identities. */
export function usesOf(config: Config, policies: PolicySet): readonly Use[] {
  const { armScope, exchangeScope, logs, sites } = CLOUDS[config.cloud.name]
  const { search } = config.audit
  const permits = [...policies.rules.values()].flatMap(({ policy }) =>
    policy.effect === 'permit' && policy.identity !== null ? [policy.identity] : [],
  )
  return [
    ...[...new Set(permits)].map((identity) => ({ identity, scope: armScope, why: 'policies' })),
    ...config.issuers.flatMap(({ name, graph }) =>
      graph === undefined
        ? []
        : [{ identity: graph.identity, scope: graphScope(graph), why: `groups of ${name}` }],
    ),
    ...config.issuers.flatMap(({ name, console }) =>
      console !== undefined && 'federatedBy' in console.authentication
        ? [
            {
              identity: console.authentication.federatedBy,
              scope: exchangeScope,
              why: `sign-in to the console at ${name}`,
            },
          ]
        : [],
    ),
    ...(search === undefined
      ? []
      : [{ identity: search.identity, scope: `${logs}/.default`, why: 'records' }]),
    ...reviewsUse(config, `https://${sites.suffixes.keyVaultDns}/.default`),
    ...config.audit.sinks.flatMap((sink) =>
      tokensOf(sink).map((token) => ({ ...token, why: `sink ${sink.name}` })),
    ),
  ]
}

/** What signs reviews, and what keeps them. */
function reviewsUse({ approvals }: Config, vaultScope: string): Use[] {
  if (approvals === undefined) return []
  const { keys, ledger } = approvals
  const signers = keys.flatMap((key) => ('keyVault' in key ? [key.identity] : []))
  return [
    ...[...new Set(signers)].map((identity) => ({
      identity,
      scope: vaultScope,
      why: 'keys of reviews',
    })),
    ...('container' in ledger
      ? [{ identity: ledger.identity, scope: STORAGE_SCOPE, why: 'reviews' }]
      : []),
  ]
}

/** The scope of a token for Microsoft Graph at this endpoint. */
export function graphScope(graph: { endpoint: string; scope?: string }): string {
  return graph.scope ?? `${new URL(graph.endpoint).origin}/.default`
}

export async function checkIdentities(
  config: Config,
  uses: readonly Use[],
  broker: Broker,
): Promise<Finding[]> {
  const found: Finding[] = []
  for (const [name, identity] of Object.entries(config.identities)) {
    const where = `identities.${name}`
    const own = uses.filter((use) => use.identity === name)
    const federates = Object.values(config.identities).some(
      (other) => other.kind === 'on-behalf-of' && other.federatedBy === name,
    )
    if (identity.kind === 'on-behalf-of') {
      const what = 'acts for a caller, and there is none here'
      found.push(unverified(where, what, 'send a call through the gateway that uses it'))
      continue
    }
    if (own.length === 0 && !federates) {
      found.push(
        warning(where, 'nothing uses it', 'remove it, or name it with @identity in a policy'),
      )
    }
    for (const use of own) found.push(await checkUse(use, where, broker))
  }
  return found
}

async function checkUse(use: Use, where: string, broker: Broker): Promise<Finding> {
  try {
    await broker.token(use.identity, use.scope)
    return ok(where, `gets tokens for ${use.scope} (${use.why})`)
  } catch (error) {
    const code = error instanceof Refusal ? error.code : 'failed'
    const inner = error instanceof Refusal ? (error.detail.inner ?? '') : ''
    const what = `gets no token for ${use.scope} (${use.why}): ${inner === '' ? code : inner}`
    return failed(where, what, adviceOn(code, inner))
  }
}

/** What to do, by the status of the token endpoint. */
function adviceOn(code: string, inner: string): string {
  if (code === 'identity_mismatch')
    return 'compare clientId and objectId with the identity’s: az identity show'
  if (/status 40[04]/.test(inner))
    return 'assign the identity to the machine that the gateway runs on, and check its clientId'
  if (/status 40[13]/.test(inner))
    return 'IDENTITY_HEADER is not the one of this machine: start the gateway where it was assigned'
  if (/status 429|status 5/.test(inner)) return 'the endpoint itself fails: try again in a minute'
  return 'check that IDENTITY_ENDPOINT (or 169.254.169.254) can be reached from here, and no proxy is in between'
}
