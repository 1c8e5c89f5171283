/**
 * Regions of workspaces and registries, asked of ARM and cached: hosts of the data plane and of scoring have the region
 * in their names, and the paths of clients do not.
 * @module
 */
import { Refusal } from '../../errors.ts'
import { createCache } from '../../lib/caches/cache.ts'
import type { Pending } from '../../lib/pending.ts'
import { toRegion } from '../region.ts'

/** A workspace never moves, but a deleted one can be made again elsewhere under the same name. */
const CACHED_MS = 3_600_000
const MAX_CACHED = 10_000

export interface Regions {
  /**
   * The region of a workspace or registry.
   *
   * @param scope its lower-cased ARM id
   * @param asker name of the identity that `ask` asks with: callers of one identity share one question
   * @param ask answers with ARM's `location` of the scope
   * @throws {Refusal} what `ask` throws, or `upstream_bad_answer` if the location is none
   */
  regionOf(scope: string, asker: string, ask: (scope: string) => Promise<string>): Pending<string>
}

/** @param now milliseconds; any clock that does not go back */
export function createRegions(now: () => number): Regions {
  const known = createCache<string, string>(MAX_CACHED, {
    ttl: CACHED_MS,
    perf: { now },
    ttlResolution: 0,
  })
  const asking = new Map<string, Promise<string>>()

  async function learn(scope: string, ask: (scope: string) => Promise<string>): Promise<string> {
    const region = toRegion(await ask(scope))
    if (region === null) {
      throw new Refusal('upstream_bad_answer', 'azure names no region for this workspace')
    }
    known.set(scope, region)
    return region
  }

  function regionOf(
    scope: string,
    asker: string,
    ask: (scope: string) => Promise<string>,
  ): Pending<string> {
    const region = known.get(scope)
    if (region !== undefined) return region
    const key = `${asker} ${scope}`
    const pending = asking.get(key)
    if (pending !== undefined) return pending
    const answer = learn(scope, ask).finally(() => asking.delete(key))
    asking.set(key, answer)
    return answer
  }

  return { regionOf }
}
