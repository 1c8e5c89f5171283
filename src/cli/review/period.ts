/**
 * The period of a review or of a bundle: a quarter, or from when until when.
 * @module
 */
import { timeOf } from '../audit/given.ts'
import { UsageError } from '../problem.ts'

export interface PeriodValues {
  readonly quarter?: string | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
}

export interface NamedPeriod {
  /** `2026Q3`, or both times. */
  readonly name: string
  /** Milliseconds since the epoch; what is at `to` is not in it. */
  readonly from: number
  readonly to: number
}

const MONTHS = 3

/** @param now milliseconds since the epoch @throws UsageError */
export function periodOf({ quarter, from, to }: PeriodValues, now: number): NamedPeriod {
  if (quarter !== undefined) {
    if (from !== undefined || to !== undefined)
      throw new UsageError('--quarter excludes --from and --to')
    const [, year, number] = /^(\d{4})-?[Qq]([1-4])$/u.exec(quarter) ?? []
    if (year === undefined || number === undefined)
      throw new UsageError('--quarter takes a year and a quarter, as in 2026Q3')
    const first = (Number(number) - 1) * MONTHS
    return {
      name: `${year}Q${number}`,
      from: Date.UTC(Number(year), first),
      to: Date.UTC(Number(year), first + MONTHS),
    }
  }
  if (from === undefined || to === undefined)
    throw new UsageError('--quarter, or --from and --to, is needed')
  const period = { from: timeOf('--from', from, now), to: timeOf('--to', to, now) }
  if (period.from >= period.to) throw new UsageError('--from must be before --to')
  const [begin, end] = [period.from, period.to].map((time) => new Date(time).toISOString())
  return { name: `${begin}/${end}`, ...period }
}
