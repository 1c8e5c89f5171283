/**
 * Outcomes that the disk did not take: kept, and written as soon as it takes records again.
 *
 * They are at most as many as requests were running when the disk failed, because none begins while it fails. If the
 * process ends first, recovery finds the intent without an end and records `unknown`.
 * @module
 */
import type { Draft } from '../record/draft.ts'

export interface Owed {
  readonly owe: (outcome: Draft) => void
  /** Writes all of them again; what fails is owed again. */
  readonly retry: () => void
  /** Outcomes that are not on the disk yet. */
  readonly count: () => number
}

/** @param append makes an outcome durable; if it cannot, it owes it again and rejects */
export function createOwed(append: (outcome: Draft) => Promise<void>): Owed {
  let outcomes: Draft[] = []
  /** How many are being written again. */
  let trying = 0
  return {
    owe(outcome) {
      outcomes.push(outcome)
    },
    retry() {
      const again = outcomes
      outcomes = []
      trying += again.length
      for (const outcome of again) {
        void append(outcome)
          .catch(() => undefined)
          .finally(() => {
            trying -= 1
          })
      }
    },
    count: () => outcomes.length + trying,
  }
}
