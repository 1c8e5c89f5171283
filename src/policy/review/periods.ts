/**
 * Notes on bindings with a period: those that end soon, have ended, have not begun, or last for long.
 * @module
 */
import type { Binding } from '../load/bindings.ts'
import { endingWithin } from '../load/period.ts'
import type { PolicySet } from '../load/rules.ts'
import type { Note } from './notes.ts'

const DAY_MS = 86_400_000
/** Days ahead in which an end is told. */
const SOON_DAYS = 14
const LONG_DAYS = 366

/**
 * One note a binding, in the order of the files.
 * @param now milliseconds since the epoch
 */
export function periodNotes(set: PolicySet, now: number): readonly Note[] {
  const { bindings } = set.written.bindings
  const soon = new Set(endingWithin(bindings, SOON_DAYS, now))
  return bindings.flatMap((binding) => {
    const text = textOf(binding, soon.has(binding), now)
    const { id, file, line } = binding
    return text === null ? [] : [{ policy: `binding ${id}`, file, line, text }]
  })
}

function textOf({ from, until }: Binding, soon: boolean, now: number): string | null {
  if (until !== null && until <= now) return `ended at ${iso(until)}: it can be deleted`
  if (from !== null && now < from) return `begins at ${iso(from)}`
  if (until === null) return null
  if (soon) return `ends in ${span(until - now)}, at ${iso(until)}`
  return until - now > LONG_DAYS * DAY_MS ? `ends in more than a year, at ${iso(until)}` : null
}

const iso = (time: number): string => new Date(time).toISOString()

function span(ms: number): string {
  const days = Math.floor(ms / DAY_MS)
  if (days >= 1) return days === 1 ? '1 day' : `${days} days`
  const hours = Math.floor(ms / 3_600_000)
  return hours === 0 ? 'less than an hour' : hours === 1 ? '1 hour' : `${hours} hours`
}

/** Bindings of people and services that never end: some operators allow none. */
export function withoutEnd(set: PolicySet): readonly Binding[] {
  return set.written.bindings.bindings.filter(
    ({ principal, until }) =>
      until === null && (principal.type === 'User' || principal.type === 'Service'),
  )
}
