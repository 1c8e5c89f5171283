/**
 * `doctor`: examines a gateway's configuration and all that it depends on, and says what to fix first.
 * @module
 */
import { examine } from '../doctor/examine.ts'
import { configFile } from './config-file.ts'
import { findingLines, findingSummary } from './finding-text.ts'
import { EXIT, type Io } from './io.ts'
import { show, type Output } from './output.ts'

/** Of a check's name. */
const WIDTH = 10

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
        for (const finding of some)
          for (const line of findingLines(finding, io, WIDTH)) io.out(line)
    },
  })
  const ok = findings.every(({ status }) => status !== 'failed')
  show(io, output, {
    json: () => ({ ok, findings }),
    table: () => [findingSummary(findings)],
    tsv: () =>
      findings.map(({ check, status, where, what, next }) => [check, status, where, what, next]),
  })
  return ok ? EXIT.ok : EXIT.failed
}
