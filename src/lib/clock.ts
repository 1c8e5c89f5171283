/**
 * Deadlines by a wall clock, which may be set back.
 * @module
 */

/**
 * Whether `until`, which was set at most `span` ahead, is still to come. All in milliseconds.
 *
 * If it is further ahead than `span`, the clock was set back since: the deadline then counts as past, so that nobody
 * waits for days.
 */
export function isAhead(until: number, span: number, now: number): boolean {
  return now < until && until - now <= span
}
