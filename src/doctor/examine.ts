/**
 * All checks, in the order to mend what they find: what comes later often fails only because of what came before.
 * @module
 */
import { ConfigError } from '../config/faults.ts'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema/schema.ts'
import { createBroker } from '../token/broker.ts'
import { checkBindings } from './bindings.ts'
import { checkDoubtful } from './doubtful.ts'
import { checkFiles } from './files.ts'
import { findingsOf, type Finding } from './finding.ts'
import { checkIdentities, usesOf } from './identities.ts'
import { checkClock, checkIssuers } from './issuers.ts'
import { readPolicies } from './policies.ts'
import { checkRoles } from './roles.ts'
import { checkSignIns } from './sign-ins.ts'
import { checkSearch } from './records.ts'
import { checkSinks } from './sinks.ts'
import { checkSpool } from './spool.ts'
import { QUIET } from '../lib/log.ts'

export interface ExamineOptions {
  /** The configuration's absolute path. */
  readonly file: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly now: () => number
  /** Unseen for this long, a binding is reported. */
  readonly staleDays: number
  /** Sees each check's findings as they come. */
  readonly report: (findings: readonly Finding[]) => void
}

/** Runs the checks one after the other; changes nothing anywhere. Resolves with every finding. */
export async function examine(options: ExamineOptions): Promise<readonly Finding[]> {
  const { now, report } = options
  const all: Finding[] = []
  const add = (findings: readonly Finding[]): void => {
    all.push(...findings)
    report(findings)
  }
  const [config, faults] = await readConfig(options.file)
  add(faults)
  if (config === null) return all
  add(checkDoubtful(config))
  const [policies, policyFaults] = await readPolicies(config)
  add(policyFaults)
  add(await checkFiles(config, options.env, now()))
  add(await checkClock(config.issuers, now))
  add(await checkIssuers(config.issuers))
  if (policies !== null) add(checkSignIns(config, policies))
  const broker = createBroker({
    identities: new Map(Object.entries(config.identities)),
    cloud: config.cloud.name,
    now,
    log: QUIET,
    timeoutMs: config.limits.tokenTimeoutMs,
  })
  try {
    if (policies !== null) {
      add(await checkIdentities(config, usesOf(config, policies), broker))
      add(await checkRoles(config, policies, broker))
    }
    add(await checkSinks(config, broker))
    add(await checkSearch(config, broker, now))
    add(await checkSpool(config))
    if (policies !== null) {
      const days = options.staleDays
      add(await checkBindings({ config, policies, broker, days, now: now() }))
    }
  } finally {
    broker.close()
  }
  return all
}

async function readConfig(file: string): Promise<[Config | null, Finding[]]> {
  const { ok, failed } = findingsOf('config')
  try {
    return [await loadConfig(file), [ok(file, 'loads')]]
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const findings = error.faults.map(({ key, line, column, message }) =>
      failed(
        `${file}:${line}:${column}${key === '' ? '' : ` ${key}`}`,
        message,
        'mend it; config/harness.yaml shows every key, and nothing else can be checked before',
      ),
    )
    return [null, findings]
  }
}
