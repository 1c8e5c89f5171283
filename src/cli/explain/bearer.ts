/**
 * Whose token it is that `explain` is given, as the gateway would say.
 * @module
 */
import { loadConfig } from '../../config/load.ts'
import { readSecrets } from '../../config/secrets.ts'
import { Refusal } from '../../errors.ts'
import { createDenyList } from '../../identity/deny-list.ts'
import { createIdentify } from '../../identity/identify.ts'
import type { Principal } from '../../identity/principal.ts'
import { QUIET } from '../../lib/log.ts'
import { createBroker } from '../../token/broker.ts'
import type { Io } from '../io.ts'
import { Problem } from '../problem.ts'

/**
 * The principal of a token on standard input, verified as the gateway verifies it: issuers are asked for their keys.
 * @throws Problem if the gateway would refuse it
 */
export async function principalOfToken(configFile: string, io: Io): Promise<Principal> {
  const token = (await io.input?.())?.trim() ?? ''
  if (token === '')
    throw new Problem(
      'there is no token on standard input',
      'azureml-harness token | azureml-harness explain --token - ...',
    )
  const config = await loadConfig(configFile)
  const { now } = io
  const broker = createBroker({
    identities: new Map(Object.entries(config.identities)),
    cloud: config.cloud.name,
    timeoutMs: config.limits.tokenTimeoutMs,
    now,
    log: QUIET,
  })
  const denyList = createDenyList({ file: config.denyListFile ?? null, log: QUIET.warn })
  const identify = createIdentify({
    issuers: config.issuers,
    publicUrl: config.listen.publicUrl,
    secrets: await readSecrets(config, io.env),
    denyList,
    now,
    graphToken: async (name, scope) => (await broker.token(name, scope)).token,
    timeoutMs: config.limits.issuerTimeoutMs,
    log: QUIET.warn,
  })
  try {
    await identify.start()
    const rawHeaders = ['authorization', `Bearer ${token}`]
    return await identify.identify({ method: 'GET', url: '/', rawHeaders })
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const detail = error.detail.inner === undefined ? '' : ` (${error.detail.inner})`
    throw new Problem(
      `the gateway refuses this token: ${error.code}: ${error.message}${detail}`,
      error.detail.remedy ?? 'a token that is bound to a key or certificate cannot be tried here',
      error,
    )
  } finally {
    identify.close()
    denyList.close()
    broker.close()
  }
}
