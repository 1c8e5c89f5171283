/**
 * `GET state`: how the gateway is, in words and numbers, for operators.
 * @module
 */
import type { OwnCall } from '../access/own-calls.ts'
import type { AuditState } from '../audit/open.ts'
import type { RecordSource } from '../audit/search/records.ts'
import type { Target } from '../azureml/target.ts'
import type { Readiness } from '../http/readiness.ts'
import type { IssuerState } from '../identity/issuers/authorities.ts'
import type { Principal } from '../identity/principal.ts'
import type { TokenState } from '../token/broker.ts'
import { refuseUnknown } from './asked.ts'
import { judged, operationOf, type JudgeOptions } from './judged.ts'

export interface StateCallOptions extends JudgeOptions {
  readonly state: () => GatewayState
  readonly records: RecordSource
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export interface GatewayState {
  readonly readiness: Readiness
  readonly audit: AuditState
  readonly issuers: readonly IssuerState[]
  readonly tokens: readonly TokenState[]
  /** Names of the configured identities. */
  readonly identities: readonly string[]
}

export function stateCall(
  options: StateCallOptions,
  { params }: Target,
  principal: Principal,
): OwnCall {
  refuseUnknown(params, [])
  const { decision, refusal } = judged(options, principal, 'state/read', null)
  if (refusal !== null) throw refusal
  return {
    operation: operationOf('state/read', null),
    decision,
    answer() {
      const { readiness, audit, issuers, tokens, identities } = options.state()
      const { status, version, policyVersion, parts } = readiness
      return {
        status,
        says:
          status === 'ready'
            ? 'the gateway takes calls'
            : 'the gateway takes no new calls: a part of it is not ready',
        asOf: new Date(options.now()).toISOString(),
        version,
        policyVersion,
        records: options.records.kind,
        parts: Object.entries(parts).map(([name, { ok, reasons }]) => ({
          name,
          ok,
          reasons,
          says: partText(ok, reasons),
        })),
        spool: { ...audit.spool, says: spoolText(audit.spool) },
        sinks: audit.sinks.map((sink) => ({ ...sink, says: sinkText(sink) })),
        issuers: issuers.map((issuer) => ({ ...issuer, says: issuerText(issuer) })),
        identities: identities.map((name) => identityState(name, tokens)),
      }
    },
  }
}

function partText(ok: boolean, reasons: readonly string[]): string {
  if (reasons.length === 0) return ok ? 'works' : 'does not work'
  return `${ok ? 'works, but' : 'does not work:'} ${reasons.join('; ')}`
}

function spoolText({
  bytes,
  softLimitBytes,
  hardLimitBytes,
  records,
}: AuditState['spool']): string {
  const share = Math.round((bytes / hardLimitBytes) * 100)
  const full = `${records} records so far; ${share} % of the room for those not shipped or kept is used`
  if (bytes >= hardLimitBytes) return `${full}: calls are refused until sinks have taken records`
  if (bytes >= softLimitBytes)
    return `${full}: the gateway is unready until sinks have taken records`
  return full
}

function sinkText({
  state,
  unshipped,
  waitingSeconds,
  required,
}: AuditState['sinks'][number]): string {
  const rest =
    unshipped === 0
      ? 'it has every record'
      : `${unshipped} records are not there yet, the sink has not moved on for ${waitingSeconds} s`
  const kept = required ? '' : '; it is not required, and may miss records'
  if (state === 'ok') return `works: ${rest}${kept}`
  if (state === 'failing') return `fails and is tried again: ${rest}${kept}`
  return `refuses, and only a person can change that: ${rest}${kept}`
}

function issuerText({ usable, keyAgeSeconds, lastFailure }: IssuerState): string {
  const keys =
    keyAgeSeconds === null ? 'no keys are held' : `keys are ${Math.round(keyAgeSeconds)} s old`
  const failed = lastFailure === null ? '' : `; the last refresh failed: ${lastFailure}`
  return `${usable ? 'tokens are verified' : 'tokens cannot be verified'}: ${keys}${failed}`
}

function identityState(name: string, tokens: readonly TokenState[]) {
  const own = tokens.filter(({ identity }) => identity === name)
  const failing = own.filter((one) => one.failing)
  const without = failing.filter(({ usableUntil }) => usableUntil === null)
  const scopes = without.map(({ scope }) => scope).join(', ')
  const says =
    own.length === 0
      ? 'no call has needed it yet'
      : failing.length === 0
        ? 'has its tokens'
        : without.length === 0
          ? 'has its tokens; the last attempt to renew one failed'
          : `has no token for ${scopes}: calls that need it are refused`
  return {
    name,
    tokens: own.map(({ scope, failing: fails, usableUntil }) => ({
      scope,
      failing: fails,
      usableUntil: usableUntil === null ? null : new Date(usableUntil).toISOString(),
    })),
    says,
  }
}
