/**
 * Grants over the policies in force: read from now on, and counted at each call.
 * @module
 */
import type { GrantStore } from '../../approvals/grants/store.ts'
import type { DenyList } from '../../identity/deny-list.ts'
import type { LivePolicy } from '../../policy/reload.ts'
import { createKnownGrants, type KnownGrants } from './known.ts'

export interface GrantsOptions {
  readonly policy: Pick<LivePolicy, 'current' | 'decide' | 'useGrants'>
  readonly denyList: Pick<DenyList, 'deniesId'>
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly log: (fields: Record<string, unknown>, message: string) => void
}

/** The policies in force count what is known from then on. */
export function openGrants(
  { policy, denyList, now, log }: GrantsOptions,
  store: GrantStore,
): KnownGrants {
  const known = createKnownGrants({
    store,
    policy: policy.current,
    isDenied: (id) => denyList.deniesId(id),
    now,
    monotonic: () => performance.now(),
    log,
  })
  policy.useGrants(known)
  known.start()
  return known
}
