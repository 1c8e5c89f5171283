/**
 * Waiting by a wall clock that somebody may set back.
 * @module
 */

/**
 * Whether the time `until`, which was set at most `span` ahead, is still to come.
 *
 * Further ahead than that means that the clock was set back since; the wait is then over instead of days long.
 * All in milliseconds.
 */
export function isAhead(until: number, span: number, now: number): boolean {
  return now < until && until - now <= span
}
