/**
 * Policies that can be loaded again while requests are judged: as a whole, and keeping the last valid ones.
 * @module
 */
import {
  createDecide,
  createRefuseWithoutBody,
  type Decide,
  type DecideOptions,
  type RefuseWithoutBody,
} from './decide.ts'
import { PolicyError } from './load/faults.ts'
import { loadPolicy, type LoadOptions } from './load/load.ts'
import type { PolicySet } from './load/rules.ts'

/** How one reload ended. */
export type Reloaded =
  | { readonly outcome: 'changed'; readonly before: string; readonly after: string }
  | { readonly outcome: 'unchanged'; readonly version: string }
  | { readonly outcome: 'kept'; readonly version: string; readonly error: Error }

/** The policies in force. */
export interface LivePolicy {
  /** Always the judge of one whole set: a request never sees half of a reload. */
  readonly decide: Decide
  /** Asked before a body is read. */
  readonly refuseWithoutBody: RefuseWithoutBody
  readonly current: () => PolicySet
  /** Loads again. Never rejects: if there is a fault, the policies in force are kept. Calls that overlap share one load. */
  readonly reload: () => Promise<Reloaded>
}

/**
 * Loads for the first time.
 * @throws PolicyError if what is there cannot be used: a gateway does not start without policies
 */
export async function createLivePolicy(
  options: LoadOptions,
  tuning: DecideOptions = {},
): Promise<LivePolicy> {
  let set = await loadPolicy(options)
  let judge = createDecide(set, tuning)
  let early = createRefuseWithoutBody(set, tuning)
  let pending: Promise<Reloaded> | null = null

  const load = async (): Promise<Reloaded> => {
    const before = set.version
    try {
      const loaded = await loadPolicy(options)
      if (loaded.version === before) return { outcome: 'unchanged', version: before }
      // no await between the two: set and judge change together
      judge = createDecide(loaded, tuning)
      early = createRefuseWithoutBody(loaded, tuning)
      set = loaded
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
    decide: (...asked) => judge(...asked),
    refuseWithoutBody: (...call) => early(...call),
    current: () => set,
    reload: () => (pending ??= load()),
  }
}
