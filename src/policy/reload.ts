/**
 * Policies that can be loaded again while requests are judged: as a whole, and keeping the last valid ones. Bindings with
 * a period begin and end at the instant, whether or not anything is loaded.
 * @module
 */
import {
  createDecide,
  createRefuseWithoutBody,
  type Decide,
  type DecideOptions,
  type RefuseWithoutBody,
} from './decide.ts'
import { Refusal } from '../errors.ts'
import type { Principal } from '../identity/principal.ts'
import type { Binding } from './load/bindings.ts'
import { PolicyError } from './load/faults.ts'
import { loadPolicy, type LoadOptions } from './load/load.ts'
import { setAt, withGrants, type PolicySet } from './load/rules.ts'
import { isWithin } from './load/period.ts'

/** How one reload ended. */
export type Reloaded =
  | { readonly outcome: 'changed'; readonly before: string; readonly after: string }
  | { readonly outcome: 'unchanged'; readonly version: string }
  | { readonly outcome: 'kept'; readonly version: string; readonly error: Error }

/** Bindings that began or ended by their own period. */
export interface Turns {
  readonly began: readonly Binding[]
  readonly ended: readonly Binding[]
  /** When the next one begins or ends, in milliseconds since the epoch; null if none will. */
  readonly next: number | null
}

/** What is granted for a time, besides the bindings in the files. */
export interface GrantSource {
  /** What grants give; another list whenever that changes. The principal of each is the grant. */
  readonly bindings: () => readonly Binding[]
  /** The caller with the grants that the caller holds now, judged anew. */
  readonly holding: (principal: Principal) => Principal
  /** Whether the caller had grants and nobody can tell now which: their ledger does not answer. */
  readonly isUntold: (principal: Principal) => boolean
}

const NO_BINDINGS: readonly Binding[] = []
const NO_GRANTS: GrantSource = {
  bindings: () => NO_BINDINGS,
  holding: (principal) => principal,
  isUntold: () => false,
}

/** The policies in force. */
export interface LivePolicy {
  /** Always the judge of one whole set: a request never sees half of a reload. */
  readonly decide: Decide
  /** Asked before a body is read. */
  readonly refuseWithoutBody: RefuseWithoutBody
  readonly current: () => PolicySet
  /** Which bindings began and ended by their period since the last call. */
  readonly turns: () => Turns
  /** Loads again. Never rejects: if there is a fault, the policies in force are kept. Calls that overlap share one load. */
  readonly reload: () => Promise<Reloaded>
  /** Grants count from now on. */
  readonly useGrants: (source: GrantSource) => void
}

/**
 * Loads for the first time.
 * @throws PolicyError if what is there cannot be used: a gateway does not start without policies
 */
export async function createLivePolicy(
  options: LoadOptions,
  tuning: DecideOptions = {},
): Promise<LivePolicy> {
  const now = options.now ?? Date.now
  /** By the files alone. */
  let written = await loadPolicy(options)
  let source = NO_GRANTS
  let granted = NO_BINDINGS
  let set = written
  let judge = createDecide(set, tuning)
  let early = createRefuseWithoutBody(set, tuning)
  let began: Binding[] = []
  let ended: Binding[] = []
  let pending: Promise<Reloaded> | null = null

  // nothing is awaited in between: set and judge change together
  const use = (next: PolicySet): void => {
    written = next
    granted = source.bindings()
    set = withGrants(next, granted)
    judge = createDecide(set, tuning)
    early = createRefuseWithoutBody(set, tuning)
  }
  const inForce = (time = now()): PolicySet => {
    if (isWithin(set.holds, time)) {
      if (granted !== source.bindings()) use(written)
      return set
    }
    const before = set.bindings.bindings
    use(setAt(written, time))
    const after = set.bindings.bindings
    began.push(...after.filter((binding) => !before.includes(binding)))
    ended.push(...before.filter((binding) => !after.includes(binding)))
    return set
  }

  const load = async (): Promise<Reloaded> => {
    const before = set.version
    try {
      const loaded = await loadPolicy(options)
      if (loaded.version === before) return { outcome: 'unchanged', version: before }
      // both at one instant, so that a binding that ends just now is counted once
      const time = now()
      inForce(time)
      use(setAt(loaded, time))
      return { outcome: 'changed', before, after: loaded.version }
    } catch (error) {
      const known = error instanceof PolicyError || error instanceof Error
      return {
        outcome: 'kept',
        version: before,
        error: known ? error : new Error('the policies could not be read'),
      }
    } finally {
      pending = null
    }
  }

  return {
    decide(principal, operation, facts, told) {
      inForce()
      const verdict = judge(source.holding(principal), operation, facts, told)
      if (verdict.permit !== null || !source.isUntold(principal)) return verdict
      return { ...verdict, refusal: untold(verdict.refusal) }
    },
    refuseWithoutBody(principal, ...call) {
      inForce()
      const refused = early(source.holding(principal), ...call)
      if (refused === null || !source.isUntold(principal)) return refused
      return { ...refused, refusal: untold(refused.refusal) }
    },
    current: () => inForce(),
    turns() {
      const { holds } = inForce()
      const turns = { began, ended, next: holds.before === Infinity ? null : holds.before }
      began = []
      ended = []
      return turns
    },
    reload: () => (pending ??= load()),
    useGrants(given) {
      source = given
    },
  }
}

const RETRY_SECONDS = 5

/** The same refusal, for a caller whose grants cannot be read. */
function untold({ code, message, detail }: Refusal): Refusal {
  const words = 'grants cannot be looked up now: if you hold one, try again'
  const { remedy } = detail
  return new Refusal(code, message, {
    ...detail,
    retryAfter: RETRY_SECONDS,
    remedy: remedy === undefined ? words : `${remedy}; ${words}`,
  })
}
