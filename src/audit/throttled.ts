/**
 * Refusals of identified callers who make too many calls: a few of each have a record of their own, the others are
 * counted and written as one summary a caller and second. So nobody fills the disk by calls that are refused anyway.
 * @module
 */
import { line } from './record/safe-text.ts'
import { draftOf } from './record/draft.ts'
import { summaryRow, type UnidentifiedOptions } from './unidentified/unidentified.ts'
import { createTally } from './unidentified/tally.ts'
import { everySecond } from '../lib/every-second.ts'

/** Records of its own that a caller may leave at once, and how many more each second. */
const BURST = 100
const PER_SECOND = 10
/** Callers that are told apart; the others count as one. */
const CALLERS = 1_024
const CODE = 'too_many_requests'

export interface Throttled {
  /** Whether a refusal of this caller was counted; if not, it has to have a record of its own. */
  counts(principal: string, id: string, code: string): boolean
  /** Writes what was counted; from then on nothing is. */
  close(): Promise<void>
}

/** Begins to count; ended by `close`. */
export function createThrottled({
  spool,
  now,
  version,
  log,
}: Pick<UnidentifiedOptions, 'spool' | 'now' | 'version' | 'log'>): Throttled {
  const tally = createTally({
    burst: BURST,
    perSecond: PER_SECOND,
    sources: CALLERS,
    elapsed: () => performance.now(),
  })
  let closed = false

  async function flush(): Promise<number> {
    const results = await Promise.all(
      tally.take().map(async (summary) => {
        const who = { PrincipalId: line(summary.source, 512) }
        const row = summaryRow('refused_too_many_requests', who, summary, version)
        try {
          await spool.append(draftOf('summary', row, now), 'intent')
          return 0
        } catch {
          // what cannot be written now stays counted
          tally.keep(summary)
          return summary.count
        }
      }),
    )
    return results.reduce((sum, count) => sum + count, 0)
  }

  const stop = everySecond(async () => void (await flush()))
  return {
    counts(principal, id, code) {
      if (closed || code !== CODE || tally.spend(principal)) return false
      tally.count(principal, id, code, now())
      return true
    },
    async close() {
      closed = true
      await stop()
      const left = await flush()
      if (left > 0) log({ refusals: left }, 'counted refusals could not be recorded')
    },
  }
}
