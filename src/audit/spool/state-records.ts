/**
 * Degraded and back, on record: each change once and in order, also one that the disk could not take when it came.
 * @module
 */
import type { Log } from '../../lib/log.ts'
import type { Detail } from '../recorder.ts'

const MOST_PENDING = 16

export interface States {
  /** Notes a change, if there is one. Cheap; writes nothing. */
  look(): void
  /** Writes what was noted; rejects with the rest still noted. Not to be called twice at once. */
  declare(): Promise<void>
}

/** @param reasons why no request may begin, empty if one may */
export function createStates(options: {
  readonly reasons: () => readonly string[]
  readonly now: () => number
  readonly write: (name: string, detail: Detail) => Promise<void>
  readonly log: Log
}): States {
  const pending: { readonly name: string; readonly detail: Detail }[] = []
  let noted = ''
  return {
    look() {
      const reasons = options.reasons().join('; ')
      if (reasons === noted) return
      noted = reasons
      const name = reasons === '' ? 'audit_ready' : 'audit_degraded'
      options.log({ reasons }, name)
      // a disk that flaps while nothing can be written: how it began and how it stands is what counts
      if (pending.length === MOST_PENDING) pending.splice(MOST_PENDING / 2, 1)
      pending.push({ name, detail: { reasons, since: new Date(options.now()).toISOString() } })
    },
    async declare() {
      for (let first = pending[0]; first !== undefined; first = pending[0]) {
        await options.write(first.name, first.detail)
        pending.shift()
      }
    },
  }
}
