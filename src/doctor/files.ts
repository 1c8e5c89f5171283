/**
 * The files and variables that the configuration names: certificate, key and secrets.
 * @module
 */
import { readSecret, secretsOf, type Environment } from '../config/secrets.ts'
import type { Config } from '../config/schema/schema.ts'
import { checkCertificate } from './certificate.ts'
import { findingsOf, type Finding } from './finding.ts'

const { ok, failed } = findingsOf('files')

/** Checks certificate, key and secrets. No finding has the value of a secret. */
export async function checkFiles(
  config: Config,
  env: Environment,
  now: number,
): Promise<Finding[]> {
  const found = await checkCertificate(config, now)
  for (const [where, source] of secretsOf(config)) {
    try {
      await readSecret(source, env)
      found.push(ok(where, 'the secret is there'))
    } catch (error) {
      const what = error instanceof Error ? error.message : 'cannot be read'
      found.push(failed(where, what, 'put the secret where the configuration says it is'))
    }
  }
  return found
}
