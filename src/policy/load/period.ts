/**
 * When a binding is in force: `from` and `until` of a binding, and which bindings hold at an instant.
 * @module
 */
/** Milliseconds since the epoch. */
export interface Period {
  /** The first instant at which it is in force; null if it always was. */
  readonly from: number | null
  /** The first instant at which it is not in force any more; null if it never ends. */
  readonly until: number | null
}

/** RFC 3339 with its zone: without one, an instant would depend on where the gateway runs. */
const INSTANT =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/u
const WITHOUT_ZONE = /^\d{4}-\d{2}-\d{2}([Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?$/u

/** Milliseconds since the epoch, or what is wrong with the text. */
export function readInstant(text: string): number | { readonly fault: string } {
  const match = INSTANT.exec(text)
  if (match === null) {
    return {
      fault: WITHOUT_ZONE.test(text) ? `"${text}" has no time zone` : `"${text}" is not an instant`,
    }
  }
  const time = Date.parse(text)
  // Date.parse takes the 31st of each month, and 24:00
  const [, year, month, day, hour] = match
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)))
  const exists = date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day)
  if (Number.isNaN(time) || !exists || hour === '24') return { fault: `"${text}" does not exist` }
  return time
}

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds of `30m`, `8h` or `90d`; null if the text is none. */
export function readLength(text: string): number | null {
  const [, number, unit = ''] = /^(\d{1,5})([mhd])$/u.exec(text) ?? []
  return number === undefined ? null : Number(number) * (UNITS[unit] ?? 0)
}

/** `8h`, `90d`: the largest unit that fits. @param length milliseconds, whole minutes */
export function lengthText(length: number): string {
  const [unit = 'm', ms = 60_000] =
    Object.entries(UNITS).findLast(([, one]) => length % one === 0) ?? []
  return `${Math.ceil(length / ms)}${unit}`
}

export function isInForce({ from, until }: Period, now: number): boolean {
  return (from === null || from <= now) && (until === null || now < until)
}

/** The span of time around `now` in which the same bindings are in force: from `since`, before `before`. */
export interface Span {
  readonly since: number
  readonly before: number
}

export function spanAround(bindings: readonly Period[], now: number): Span {
  let since = -Infinity
  let before = Infinity
  for (const { from, until } of bindings) {
    for (const instant of [from, until]) {
      if (instant === null) continue
      if (instant <= now) since = Math.max(since, instant)
      else before = Math.min(before, instant)
    }
  }
  return { since, before }
}

export function isWithin({ since, before }: Span, now: number): boolean {
  return since <= now && now < before
}

const DAY_MS = 86_400_000

/** Bindings in force that end within so many days, the first to end first. */
export function endingWithin<Bound extends Period>(
  bindings: readonly Bound[],
  days: number,
  now: number,
): readonly Bound[] {
  return bindings
    .filter(({ until }) => until !== null && now < until && until - now <= days * DAY_MS)
    .toSorted((one, other) => (one.until ?? 0) - (other.until ?? 0))
}
