/**
 * Outcomes that the disk did not take: kept, and written as soon as it takes records again.
 *
 * What is owed is bounded by what was running when the disk failed, because nothing begins while it fails. If the
 * process ends before, recovery finds the intent without an end and says `unknown`.
 * @module
 */
import type { Draft } from './record/spool-line.ts'
import type { Spool } from './spool/spool.ts'

export interface Owed {
  /** Makes the end of a request durable; rejects if it cannot be now, and then owes it. */
  append(draft: Draft): Promise<void>
  /** Outcomes that are not on the disk yet. */
  count(): number
}

export function createOwed(spool: Spool): Owed {
  let drafts: Draft[] = []
  /** Owed, and being written. */
  let trying = 0

  async function append(draft: Draft): Promise<void> {
    try {
      await spool.append(draft, 'must')
    } catch (error) {
      drafts.push(draft)
      throw error
    }
  }

  // a group that became durable shows that the disk works; what fails again is owed again
  spool.onDurable(() => {
    const again = drafts
    drafts = []
    trying += again.length
    for (const draft of again) {
      void append(draft)
        .catch(() => undefined)
        .finally(() => {
          trying -= 1
        })
    }
  })
  return { append, count: () => drafts.length + trying }
}
