/**
 * Grants over the policies in force: read from now on, and counted at each call.
 * @module
 */
import type { GrantStore } from '../../approvals/grants/store.ts'
import type { DenyList } from '../../identity/deny-list.ts'
import type { LivePolicy } from '../../policy/reload.ts'
import type { OwnCalls } from '../../access/own-calls.ts'
import type { Config } from '../../config/schema/schema.ts'
import { checkSignIn } from '../../identity/sign-in.ts'
import { gauge, single, type Metric } from '../../lib/metric.ts'
import { createGrantCalls } from './calls.ts'
import { createKnownGrants, type KnownGrants } from './known.ts'
import type { GrantCallOptions } from './seen.ts'

export interface GrantsOptions extends Pick<GrantCallOptions, 'callFacts' | 'tell'> {
  readonly config: Pick<Config, 'listen' | 'identities'>
  readonly policy: Pick<LivePolicy, 'current' | 'decide' | 'useGrants'>
  readonly denyList: Pick<DenyList, 'deniesId'>
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly log: (fields: Record<string, unknown>, message: string) => void
}

export interface Grants extends Pick<KnownGrants, 'holding' | 'close'> {
  readonly own: OwnCalls
  readonly metrics: () => readonly Metric[]
}

/** The policies in force count what is known from then on. */
export function openGrants(options: GrantsOptions, store: GrantStore): Grants {
  const { config, policy, denyList, now, log } = options
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
  return {
    own: createGrantCalls({
      ...options,
      publicUrl: config.listen.publicUrl,
      identities: Object.keys(config.identities),
      checkSignIn: (principal, requirement) => checkSignIn(principal, requirement, now()),
      store,
      known,
      policy: policy.current,
      decide: policy.decide,
    }),
    holding: known.holding,
    close: known.close,
    metrics() {
      const { open, active } = known.counts()
      return [
        gauge('grants', [
          ...single(open, { state: 'open' }),
          ...single(active, { state: 'active' }),
        ]),
        gauge('grants_trusted', single(known.isTrusted() ? 1 : 0)),
      ]
    },
  }
}
