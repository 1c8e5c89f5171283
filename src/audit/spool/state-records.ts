/**
 * Writes one record, `audit_degraded` or `audit_ready`, for each change of readiness, in order; what the disk cannot
 * take is written later.
 * @module
 */
import type { Log } from '../../lib/log.ts'
import type { Detail } from '../recorder.ts'

const MAX_PENDING = 16

export interface States {
  /** Notes a change, if there is one. Cheap; writes nothing. */
  look(): void
  /** Writes what was noted; if it rejects, the rest stays noted. Not to be called twice at once. */
  record(): Promise<void>
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
      // if a failing disk changes state often while nothing can be written, the oldest and the newest changes are kept
      if (pending.length === MAX_PENDING) pending.splice(MAX_PENDING / 2, 1)
      pending.push({ name, detail: { reasons, since: new Date(options.now()).toISOString() } })
    },
    async record() {
      for (let first = pending[0]; first !== undefined; first = pending[0]) {
        await options.write(first.name, first.detail)
        pending.shift()
      }
    },
  }
}
