/**
 * Figures of several rounds: the middle one, and from which to which they were.
 */

export interface Figure {
  readonly median: number
  readonly least: number
  readonly most: number
}

/** @throws without values */
export function figureOf(values: readonly number[]): Figure {
  const sorted = values.toSorted((a, b) => a - b)
  const [least, median, most] = [sorted[0], sorted[Math.floor(sorted.length / 2)], sorted.at(-1)]
  if (least === undefined || median === undefined || most === undefined)
    throw new Error('nothing was measured')
  return { median, least, most }
}

/** At three digits. @throws for what is no measurement, such as a time of no call */
export function round(value: number): string {
  if (!Number.isFinite(value)) throw new Error(`${value} was measured`)
  return value >= 1000 ? String(Math.round(value)) : String(Number(value.toPrecision(3)))
}

/** `1.28 (1.21 to 1.4)`; the number alone after one round. */
export function shown({ median, least, most }: Figure): string {
  return least === most ? round(median) : `${round(median)} (${round(least)} to ${round(most)})`
}

/** The value below which `share` of ascending values are. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
