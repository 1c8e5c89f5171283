/**
 * What "serve" needs, proved on this machine and without a network: `config check --deep`.
 *
 * Wherever it can, it calls what the gateway itself calls at its start.
 * @module
 */
import type { Config } from '../../config/schema/schema.ts'
import type { Environment } from '../../config/secrets.ts'
import { checkCertificate } from '../certificate.ts'
import { checkDoubtful } from '../doubtful.ts'
import type { Finding } from '../finding.ts'
import { checkSpool } from '../spool.ts'
import { checkNamedFiles } from './files.ts'
import { checkKeys } from './keys.ts'
import { checkPolicies } from './policies.ts'
import { checkPorts } from './ports.ts'
import { checkSignInSettings } from './sign-in.ts'
import { checkSpoolIsOurs } from './spool.ts'

export interface OfflineOptions {
  /** Path of the configuration itself. */
  readonly file: string
  readonly config: Config
  readonly env: Environment
  readonly now: number
}

/** Every finding at once, in the order in which to mend; `where` begins with the key of the configuration. */
export async function checkOffline({
  file,
  config,
  env,
  now,
}: OfflineOptions): Promise<readonly Finding[]> {
  const spool = await checkSpoolIsOurs(config)
  return [
    ...checkDoubtful(config, 'failed'),
    ...checkSignInSettings(config),
    ...(await checkCertificate(config, now)),
    ...(await checkNamedFiles(file, config)),
    ...(await checkKeys(config, env)),
    ...(await checkPolicies(config)),
    ...spool.findings,
    // a directory that "serve" would make is gone again by now
    ...(spool.isThere ? await checkSpool(config) : []),
    ...(await checkPorts(config)),
  ]
}
