/**
 * `doctor`: examines a gateway's configuration and all that it depends on, and says what to mend first.
 * @module
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { examine } from '../doctor/examine.ts'
import type { Finding, Status } from '../doctor/finding.ts'
import { EXIT, type Command, type Io } from './io.ts'

const STALE_DAYS = 30

export const doctor: Command = {
  summary: 'examine a gateway and what it depends on, and say what to mend first',
  help: `Usage: azureml-harness doctor --config FILE [--stale-days N] [--json]

Examines, in the order in which to mend: the configuration, policies and bindings, certificate and secrets, the
clock, each issuer's discovery and keys, each managed identity's token, its role assignments at Azure Resource
Manager against what policies need, the sinks, the spool, and bindings to principals that are gone or unseen.
Run it where the gateway runs, as its user and with its environment. It changes nothing and records nothing.

  --config FILE     the gateway's configuration
  --stale-days N    report bindings that no recorded call has used for N days; ${STALE_DAYS} if absent
  --json            one object on standard output: {"ok", "findings": [{"check", "status", "where", "what", "next"}]},
                    status being ok, warning, unverified or failed

Exit status: 0 nothing failed, 1 something did, 2 wrong arguments.
Example: azureml-harness doctor --config /etc/azureml-harness/harness.yaml`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        config: { type: 'string' },
        'stale-days': { type: 'string' },
        json: { type: 'boolean' },
      },
    })
    if (values.config === undefined) {
      io.err('doctor needs --config FILE')
      return EXIT.usage
    }
    const staleDays = Number(values['stale-days'] ?? STALE_DAYS)
    if (!Number.isInteger(staleDays) || staleDays < 1) {
      io.err('--stale-days needs a whole number of days, 1 or more')
      return EXIT.usage
    }
    const json = values.json === true
    const findings = await examine({
      file: resolve(io.cwd, values.config),
      env: io.env,
      now: io.now,
      staleDays,
      report: (some) => {
        if (!json) for (const finding of some) show(finding, io)
      },
    })
    const ok = findings.every(({ status }) => status !== 'failed')
    io.out(json ? JSON.stringify({ ok, findings }) : summary(findings))
    return ok ? EXIT.ok : EXIT.failed
  },
}

const WIDTH = 10
const CODES: Readonly<Record<Status, number>> = { ok: 32, warning: 33, unverified: 36, failed: 31 }

function show({ check, status, where, what, next }: Finding, io: Io): void {
  const label = status.padEnd(WIDTH)
  const mark = io.colour ? `\u001B[${CODES[status]}m${label}\u001B[0m` : label
  io.out(`${mark}  ${check.padEnd(WIDTH)}  ${where}: ${what}`)
  if (next !== null) io.out(`${' '.repeat(2 * WIDTH + 4)}-> ${next}`)
}

function summary(findings: readonly Finding[]): string {
  const count = (status: Status): number => findings.filter((one) => one.status === status).length
  const [failed, warnings, unverified] = [count('failed'), count('warning'), count('unverified')]
  const rest = `${warnings} to look at, ${unverified} that could not be verified`
  return failed === 0
    ? `nothing failed; ${rest}`
    : `${failed} failed; ${rest}. Mend the first one first: later ones may follow from it`
}
