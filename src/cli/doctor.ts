/**
 * `doctor`: examines a gateway's configuration and all that it depends on, and says what to fix first.
 * @module
 */
import { examine } from '../doctor/examine.ts'
import type { Finding, Status } from '../doctor/finding.ts'
import { configFile } from './config-file.ts'
import { EXIT, type Io } from './io.ts'
import { show, type Output } from './output.ts'

export interface DoctorOptions {
  readonly config?: string | undefined
  readonly staleDays: number
  readonly output: Output
}

export async function doctor(options: DoctorOptions, io: Io): Promise<number> {
  const { output } = options
  const findings = await examine({
    file: configFile(options, io),
    env: io.env,
    now: io.now,
    staleDays: options.staleDays,
    report: (some) => {
      if (output === 'table')
        for (const finding of some) for (const line of linesOf(finding, io)) io.out(line)
    },
  })
  const ok = findings.every(({ status }) => status !== 'failed')
  show(io, output, {
    json: () => ({ ok, findings }),
    table: () => [summary(findings)],
    tsv: () =>
      findings.map(({ check, status, where, what, next }) => [check, status, where, what, next]),
  })
  return ok ? EXIT.ok : EXIT.failed
}

const WIDTH = 10
const FORMATS = {
  ok: 'green',
  warning: 'yellow',
  unverified: 'cyan',
  failed: 'red',
} as const satisfies Record<Status, string>

function linesOf({ check, status, where, what, next }: Finding, io: Io): readonly string[] {
  const mark = io.style(FORMATS[status], status.padEnd(WIDTH))
  const first = `${mark}  ${check.padEnd(WIDTH)}  ${where}: ${what}`
  return next === null ? [first] : [first, `${' '.repeat(2 * WIDTH + 4)}-> ${next}`]
}

function summary(findings: readonly Finding[]): string {
  const count = (status: Status): number => findings.filter((one) => one.status === status).length
  const [failed, warnings, unverified] = [count('failed'), count('warning'), count('unverified')]
  const counts = `${failed} failed, ${warnings} warnings, ${unverified} unknown`
  return failed === 0
    ? counts
    : `${counts}. Fix the first failure first; later ones often follow from it`
}
