/**
 * What must be written although nobody waits for it any more: tried again while the ledger or its key fails for a moment.
 * @module
 */
import { setTimeout as delay } from 'node:timers/promises'
import { LedgerFault } from '../approvals/ledger/ledger.ts'

/** Milliseconds before each further try. */
const WAITS_MS = [1_000, 4_000]

export interface LateWrites {
  /** @param failed told of what the last try throws, or at once of what is no fault of the ledger */
  readonly begin: (write: () => Promise<void>, failed: (error: unknown) => void) => void
  /** Waits for all that has begun; nothing waits for a further try any more. */
  readonly close: () => Promise<void>
}

export function createLateWrites(): LateWrites {
  const writing = new Set<Promise<void>>()
  const stop = new AbortController()

  async function persistently(write: () => Promise<void>): Promise<void> {
    for (const wait of WAITS_MS) {
      try {
        return await write()
      } catch (error) {
        if (!(error instanceof LedgerFault) || stop.signal.aborted) throw error
        await delay(wait, undefined, { signal: stop.signal }).catch(() => undefined)
      }
    }
    return write()
  }

  return {
    begin(write, failed) {
      const done = persistently(write).catch(failed)
      writing.add(done)
      void done.finally(() => writing.delete(done))
    },
    async close() {
      stop.abort()
      await Promise.all(writing)
    },
  }
}
