/**
 * The grants in the ledger as this replica knows them, and what callers hold by them at each call.
 *
 * The ledger is read again every few seconds: what was granted or ended at another replica counts here after that. Once it
 * could not be read for longer than a bound, nobody holds anything, until it can be.
 * @module
 */
import type { GrantStore } from '../../approvals/grants/store.ts'
import {
  MAX_SKEW_SECONDS,
  standingOfGrant,
  type Grant,
  type GrantStanding,
} from '../../approvals/grants/state.ts'
import { createTurns } from '../../lib/single-flight.ts'
import type { Principal } from '../../identity/principal.ts'
import { GRANT_TYPE, isOneOf, principalUids } from '../../policy/engine/entities.ts'
import { voidBecause } from '../../policy/grants.ts'
import type { Binding } from '../../policy/load/bindings.ts'
import type { PolicySet } from '../../policy/load/rules.ts'
import type { GrantSource } from '../../policy/reload.ts'

/** Milliseconds between two reads of the ledger. */
export const READ_EVERY_MS = 5_000
/** Milliseconds after which grants do not count any more if the ledger could not be read. */
export const TRUSTED_FOR_MS = 15_000

export interface KnownGrantsOptions {
  readonly store: Pick<GrantStore, 'readAll'>
  readonly policy: () => PolicySet
  readonly isDenied: (principal: string) => boolean
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Milliseconds that only grow, whatever the clock is set to. */
  readonly monotonic: () => number
  readonly log: (fields: Record<string, unknown>, message: string) => void
}

export interface KnownGrants extends GrantSource {
  /** Reads the ledger, from a moment after the call on. @throws {LedgerFault} */
  readonly read: () => Promise<ReadonlyMap<string, Grant>>
  readonly standingOf: (grant: Grant) => GrantStanding
  /** Grants that nobody has ended yet and that have not run out. */
  readonly counts: () => { readonly open: number; readonly active: number }
  /** Whether the ledger was read recently enough. */
  readonly isTrusted: () => boolean
  /** Reads again and again, as long as some rule offers grants. */
  readonly start: () => void
  readonly close: () => void
}

export function createKnownGrants(options: KnownGrantsOptions): KnownGrants {
  const { store, policy, isDenied, now, monotonic, log } = options
  let readAt = Number.NEGATIVE_INFINITY
  let live: Live = NOTHING
  let all: ReadonlyMap<string, Grant> = new Map()
  let timer: NodeJS.Timeout | null = null
  const holders = new WeakMap<Principal, Holder>()

  const seconds = (): number => Math.floor(now() / 1_000)
  const standingOf = (grant: Grant): GrantStanding =>
    standingOfGrant(grant, { now: seconds(), isDenied })
  const isTrusted = (): boolean => monotonic() - readAt <= TRUSTED_FOR_MS

  // a read that is under way may have missed what was just written
  const readAgain = createTurns()(async () => {
    const began = monotonic()
    all = await store.readAll()
    live = liveOf(live, all, seconds())
    readAt = began
  })

  async function look(): Promise<void> {
    if (!policy().requests.rules.some(({ way }) => way === 'grant')) return
    await readAgain().catch((error: unknown) => {
      const why = error instanceof Error ? error.message : typeof error
      log({ why }, 'grants could not be read')
    })
  }

  function idsOf(principal: Principal): readonly string[] {
    const own = live.byGrantee.get(principal.id)
    if (own === undefined || !isTrusted()) return []
    const principals = principalUids(principal)
    return own
      .filter(
        (grant) =>
          isOneOf(grant.request.grantee, principals.slice(0, 1)) &&
          standingOf(grant).state === 'active' &&
          voidBecause(policy(), grant.request, principals) === null,
      )
      .map(({ request }) => request.id)
  }

  function ownOf(principal: Principal): Principal {
    if (principal.grants === undefined) return principal
    const { grants: _grants, ...own } = principal
    return holders.get(principal)?.own ?? own
  }

  return {
    async read() {
      await readAgain()
      return all
    },
    standingOf,
    isTrusted,
    bindings: () => live.bindings,
    holding(principal) {
      const own = ownOf(principal)
      const ids = idsOf(own)
      if (ids.length === 0) return own
      // one object for as long as it holds the same: what is known of a caller is kept by it
      const key = ids.join(' ')
      const known = holders.get(own)
      if (known?.key === key) return known.holder
      const holder = { ...own, grants: ids }
      holders.set(own, { own, key, holder })
      holders.set(holder, { own, key, holder })
      return holder
    },
    isUntold: (principal) => live.byGrantee.has(principal.id) && !isTrusted(),
    counts() {
      const states = [...live.byGrantee.values()].flat().map((grant) => standingOf(grant).state)
      return {
        open: states.filter((state) => state === 'open').length,
        active: states.filter((state) => state === 'active').length,
      }
    },
    start() {
      void look()
      timer ??= setInterval(() => void look(), READ_EVERY_MS).unref()
    },
    close() {
      if (timer !== null) clearInterval(timer)
      timer = null
    },
  }
}

interface Holder {
  /** As the token says. */
  readonly own: Principal
  readonly key: string
  readonly holder: Principal
}

/** Seconds by which the clock may be set. */
const MARGIN = MAX_SKEW_SECONDS

/** Of all grants, those that can count now or later. */
interface Live {
  readonly byGrantee: ReadonlyMap<string, readonly Grant[]>
  /** Of those that are approved, what they give. */
  readonly bindings: readonly Binding[]
}

const NOTHING: Live = { byGrantee: new Map(), bindings: [] }

function liveOf(before: Live, all: ReadonlyMap<string, Grant>, now: number): Live {
  const lasting = [...all.values()].filter(
    (grant) => isLasting(standingAt(grant, now)) || isLasting(standingAt(grant, now - MARGIN)),
  )
  const bindings = lasting
    .filter((grant) => standingAt(grant, now + MARGIN).since !== null)
    .map((grant) => bindingOf(grant.request, standingAt(grant, now).until))
    .toSorted((one, other) => (one.id < other.id ? -1 : 1))
  const isSame = JSON.stringify(bindings) === JSON.stringify(before.bindings)
  return {
    byGrantee: Map.groupBy(lasting, ({ request }) => request.grantee.id),
    bindings: isSame ? before.bindings : bindings,
  }
}

/** Whoever is on the deny list may come off it again. */
function standingAt(grant: Grant, now: number): GrantStanding {
  return standingOfGrant(grant, { now, isDenied: () => false })
}

function isLasting({ state }: GrantStanding): boolean {
  return state === 'open' || state === 'active'
}

function bindingOf(request: Grant['request'], until: number | null): Binding {
  const { id, template, resource, reason, ticket, by } = request
  return {
    id: `grant:${id}`,
    template,
    principal: { type: GRANT_TYPE, id },
    resource,
    shadow: false,
    from: null,
    until: until === null ? null : until * 1_000,
    reason,
    ticket,
    requestedBy: by,
    file: 'the ledger',
    line: 0,
  }
}
