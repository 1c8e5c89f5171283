/**
 * Whether the configured policies load.
 * @module
 */
import { join } from 'node:path'
import type { Config } from '../config/schema/schema.ts'
import { PolicyError } from '../policy/load/faults.ts'
import { loadPolicy } from '../policy/load/load.ts'
import type { PolicySet } from '../policy/load/rules.ts'
import { findingsOf, type Finding } from './finding.ts'

const { ok, failed } = findingsOf('policies')

/** The policies, or null with what is wrong with them. */
export async function readPolicies(config: Config): Promise<[PolicySet | null, Finding[]]> {
  const { directory } = config.policies
  try {
    const set = await loadPolicy({
      directory,
      bindings: config.policies.bindings ?? join(directory, 'bindings.yaml'),
      identities: Object.keys(config.identities),
      issuers: config.issuers.map(({ name }) => name),
    })
    return [
      set,
      [ok(directory, `${set.rules.size} rules from ${set.bindings.bindings.length} bindings`)],
    ]
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    const findings = error.faults.map(({ file, line, message, suggestion }) =>
      failed(`${file}:${line}`, message, suggestion ?? 'mend it: azureml-harness policy check'),
    )
    return [null, findings]
  }
}
