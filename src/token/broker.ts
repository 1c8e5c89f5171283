/**
 * The broker: turns permits into grants, with tokens of the configured identities; no token is ever printed.
 * @module
 */
import { Refusal } from '../errors.ts'
import { Grant, ReadGrant } from './grant.ts'
import { CLOUDS, type CloudName } from '../vocabulary/clouds.ts'
import { createCredential } from './credentials.ts'
import { answerable, exchangeable } from './on-behalf-of.ts'
import { createSlot } from './slot.ts'
import type { CredentialFactory } from './credentials.ts'
import type { Held, Slot } from './slot.ts'
import type { IdentityConfig } from '../config/schema/schema.ts'
import type { Awaiting, Permit } from '../policy/decide.ts'
import type { Logger } from '../lib/log.ts'
import { after, isPending, type Pending } from '../lib/pending.ts'
import { counter, gauge, single, type Metric } from '../lib/metric.ts'

export interface BrokerOptions {
  readonly identities:
    ReadonlyMap<string, IdentityConfig> | Readonly<Record<string, IdentityConfig>>
  /** For each attempt, in milliseconds: no caller waits longer. */
  readonly timeoutMs: number
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** In [0, 1): spreads the refreshes of replicas that started together. */
  readonly random?: () => number
  readonly log: Logger
  readonly credentials?: CredentialFactory
  /** Where identities that name no login endpoint of their own get tokens; AzureCloud by default. */
  readonly cloud?: CloudName
}

/** What clients of the Azure SDK take as a credential: the shape of `TokenCredential`, without its package. */
export interface BrokerCredential {
  readonly getToken: (
    scopes: string | string[],
  ) => Promise<{ token: string; expiresOnTimestamp: number }>
}

/** A token that calls asked for, for operators. */
export interface TokenState {
  readonly identity: string
  readonly scope: string
  /** Whether the last attempt to fetch it failed. */
  readonly failing: boolean
  /** Milliseconds since the epoch; null if none is held. */
  readonly usableUntil: number | null
}

export interface Broker {
  /**
   * A permit and the token of the identity that it names. `assertion` is the caller's own token: on-behalf-of
   * identities need it, for all others it is left alone; it is kept only as long as the call that it is sent with.
   * @throws Refusal `identity_unavailable`, `identity_mismatch`; for on-behalf-of also `policy_refused` (a caller who
   *   is no person of the identity's tenant), `insufficient_claims`, `insufficient_scope` and `invalid_token`
   */
  readonly grant: (permit: Permit, scope: string, assertion?: string) => Pending<Grant>
  /** The same to ask Azure in the place of a call that waits for a review, or is permitted. */
  readonly readGrant: (
    judged: Permit | Awaiting,
    scope: string,
    assertion?: string,
  ) => Pending<ReadGrant>
  /** `expiresAt` in milliseconds since the epoch. Refuses as `grant` does. */
  readonly token: (
    identity: string,
    scope: string,
  ) => Promise<{ readonly token: string; readonly expiresAt: number }>
  readonly credential: (identity: string) => BrokerCredential
  /** Azure refused this token: it is not served again. One that has replaced it meanwhile stays. */
  readonly invalidate: (identity: string, scope: string, token?: string) => void
  /** Tokens that were asked for so far. */
  readonly states: () => readonly TokenState[]
  readonly metrics: () => readonly Metric[]
  /** Not ok once every identity that was asked for is without a token; the reasons name each that is. */
  readonly ready: () => { readonly ok: boolean; readonly reasons: readonly string[] }
  /** Ends what is under way and forgets all tokens. */
  readonly close: () => void
}

export function createBroker(options: BrokerOptions): Broker {
  const { now, log, timeoutMs, random = Math.random } = options
  const { cloud = 'AzureCloud', credentials = createCredential } = options
  const identities = toMap(options.identities)
  // the tenant is a part of the key by way of the identity, whose configuration names one
  const slots = new Map<string, Map<string, Slot>>()
  let closed = false

  async function get(name: string, scope: string, assertion: string | null): Promise<Held> {
    if (closed) throw new Refusal('not_ready', 'the gateway is stopping')
    if (find(name).kind === 'on-behalf-of' && assertion === null) throw withoutCaller(name)
    return slotOf(name, scope).get(assertion)
  }

  function slotOf(name: string, scope: string): Slot {
    const known = slots.get(name)?.get(scope)
    if (known !== undefined) return known
    const identity = find(name)
    const fetchToken = credentials(identity, {
      name,
      authorityHost: CLOUDS[cloud].authorityHost,
      federatedToken: () => federatedToken(identity),
      now,
    })
    const slot = createSlot({ name, identity, scope, fetchToken, timeoutMs, now, random, log })
    const ofIdentity = slots.get(name) ?? new Map<string, Slot>()
    slots.set(name, ofIdentity.set(scope, slot))
    return slot
  }

  function find(name: string): IdentityConfig {
    const identity = identities.get(name)
    if (identity !== undefined) return identity
    // policies are checked against the configuration at load, so this should not happen
    throw new Refusal('identity_unavailable', `identity "${name}" is not configured`)
  }

  async function federatedToken(identity: IdentityConfig): Promise<string> {
    if (identity.kind !== 'on-behalf-of') throw new TypeError('only on-behalf-of is federated')
    return (await get(identity.federatedBy, CLOUDS[cloud].exchangeScope, null)).token
  }

  async function fetched(...[judged, scope, assertion]: Parameters<typeof found>): Promise<Held> {
    const name = judged.effects.identity
    const own = ownAssertion(find(name), judged, assertion)
    return get(name, scope, own).catch((error: unknown) => {
      throw answerable(error, judged.principal)
    })
  }

  /** The token that is held, and otherwise a promise of one. */
  function found(judged: Permit | Awaiting, scope: string, assertion?: string): Pending<Held> {
    const held = closed ? null : slots.get(judged.effects.identity)?.get(scope)?.held()
    return held ?? fetched(judged, scope, assertion)
  }

  return {
    grant(permit, scope, assertion) {
      const held = found(permit, scope, assertion)
      return isPending(held)
        ? held.then(({ identity, authorization }) => new Grant(permit, identity, authorization))
        : new Grant(permit, held.identity, held.authorization)
    },
    readGrant: (...asked) => after(found(...asked), readGrantOf),
    async token(name, scope) {
      const { token, expiresAt } = await get(name, scope, null)
      return { token, expiresAt }
    },
    credential: (name) => credentialOf((scope) => get(name, scope, null), now),
    invalidate(name, scope, token) {
      slots.get(name)?.get(scope)?.invalidate(token)
    },
    states: () => [...each(slots)].map(stateOf),
    metrics: () => [...each(slots)].flatMap(metricsOf),
    ready: () => readyWith([...each(slots)], closed),
    close() {
      closed = true
      for (const { slot } of each(slots)) slot.close()
    },
  }
}

/** An identity that acts for itself must not even see the caller's token. */
function ownAssertion(
  identity: IdentityConfig,
  { effects, principal }: Permit | Awaiting,
  assertion: string | undefined,
): string | null {
  return identity.kind === 'on-behalf-of'
    ? exchangeable(effects.identity, identity, principal, assertion)
    : null
}

function stateOf({ name, scope, slot }: Place): TokenState {
  const { open, usableUntil } = slot.state()
  return { identity: name, scope, failing: open, usableUntil }
}

function readyWith(slots: readonly Place[], closed: boolean): ReturnType<Broker['ready']> {
  const states = slots.map(({ name, scope, slot }) => ({ name, scope, ...slot.state() }))
  const without = states.filter(({ open, usableUntil }) => open && usableUntil === null)
  const reasons = without.map(({ name, scope }) => `identity ${name} has no token for ${scope}`)
  return { ok: !closed && (states.length === 0 || without.length < states.length), reasons }
}

const readGrantOf = ({ identity, authorization }: Held): ReadGrant =>
  new ReadGrant(identity, authorization)

function credentialOf(get: (scope: string) => Promise<Held>, now: () => number): BrokerCredential {
  return {
    async getToken(scopes) {
      const [scope, ...others] = typeof scopes === 'string' ? [scopes] : scopes
      if (scope === undefined || others.length > 0) throw new TypeError('one scope a token')
      const { token } = await get(scope)
      // Said to be at its end already, so that azure-core asks each time and waits: given a real end it
      // refreshes in the background, and a failure there with nobody waiting ends the process as an
      // unhandled rejection (core-rest-pipeline, tokenCycler). The broker's cache answers at no cost.
      return { token, expiresOnTimestamp: now() }
    },
  }
}

function withoutCaller(name: string): Refusal {
  const message = `identity "${name}" acts on behalf of a caller, and there is none`
  return new Refusal('identity_unavailable', message)
}

function toMap(identities: BrokerOptions['identities']): ReadonlyMap<string, IdentityConfig> {
  return identities instanceof Map ? identities : new Map(Object.entries(identities))
}

interface Place {
  readonly name: string
  readonly scope: string
  readonly slot: Slot
}

function* each(slots: ReadonlyMap<string, ReadonlyMap<string, Slot>>): Generator<Place> {
  for (const [name, ofIdentity] of slots) {
    for (const [scope, slot] of ofIdentity) yield { name, scope, slot }
  }
}

function metricsOf({ name, scope, slot }: Place): Metric[] {
  const labels = { identity: name, scope }
  const { fetched, failed, mismatched, open, usableUntil } = slot.state()
  const fetches = [
    { labels: { ...labels, result: 'ok' }, value: fetched },
    { labels: { ...labels, result: 'unavailable' }, value: failed },
    { labels: { ...labels, result: 'mismatch' }, value: mismatched },
  ]
  return [
    counter('token_fetches_total', fetches),
    gauge('token_breaker_open', single(open ? 1 : 0, labels)),
    gauge('token_usable_until_seconds', single((usableUntil ?? 0) / 1000, labels)),
  ]
}
