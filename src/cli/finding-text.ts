/**
 * Findings of checks as lines for people.
 * @module
 */
import type { Finding, Status } from '../doctor/finding.ts'
import type { Io } from './io.ts'

/** Of a status. */
const WIDTH = 10
const FORMATS = {
  ok: 'green',
  warning: 'yellow',
  unverified: 'cyan',
  failed: 'red',
} as const satisfies Record<Status, string>

/** One finding: where and what, and below it what to do. @param width of the check's name */
export function findingLines(
  { check, status, where, what, next }: Finding,
  io: Io,
  width: number,
): readonly string[] {
  const mark = io.style(FORMATS[status], status.padEnd(WIDTH))
  const first = `${mark}  ${check.padEnd(width)}  ${where}: ${what}`
  return next === null ? [first] : [first, `${' '.repeat(WIDTH + width + 4)}-> ${next}`]
}

/** How many there are of each kind that is not right. */
export function findingSummary(findings: readonly Finding[]): string {
  const count = (status: Status): number => findings.filter((one) => one.status === status).length
  const [failed, warnings, unverified] = [count('failed'), count('warning'), count('unverified')]
  const counts = `${failed} failed, ${warnings} warnings, ${unverified} unknown`
  return failed === 0
    ? counts
    : `${counts}. Fix the first failure first; later ones often follow from it`
}
