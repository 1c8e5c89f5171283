/**
 * The question that `explain` is asked: who, and what.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { classify } from '../../azureml/classify.ts'
import type { Operation } from '../../vocabulary/operation.ts'
import { parseTarget } from '../../azureml/target.ts'
import { loadConfig } from '../../config/load.ts'
import { readSecrets } from '../../config/secrets.ts'
import { Refusal } from '../../errors.ts'
import { callFacts } from '../../exchange.ts'
import { createDenyList } from '../../identity/deny-list.ts'
import { createIdentify } from '../../identity/identify.ts'
import type { Principal } from '../../identity/principal.ts'
import type { Facts } from '../../policy/facts.ts'
import { parseFacts, parsePrincipal, withAbsent } from '../../policy/review/given.ts'
import { createBroker } from '../../token/broker.ts'
import type { Io } from '../io.ts'
import { Problem } from '../problem.ts'
import { QUIET } from '../../lib/log.ts'

export interface Question {
  readonly principal: Principal
  readonly operation: Operation
  readonly facts: Facts
}

/** Facts that only a connection or a real token has. */
const UNKNOWN = ['sourceIp', 'ownOperation']
const OF_TOKEN = ['tokenAgeSeconds']

/** What is asked by a line such as `GET /subscriptions/...`, with the facts that it tells. */
export function questionOf(
  who: { readonly principal: Principal; readonly token: boolean },
  request: string,
  facts: string,
  now: number,
): Question {
  const [method = '', path = ''] = request.trim().split(/\s+/u)
  const target = parseTarget(method, path)
  const { principal } = who
  const call = { target, principal, receivedAt: now, source: { ip: '', port: 0 } }
  const left = new Set([...UNKNOWN, ...(who.token ? [] : OF_TOKEN)])
  const known = Object.entries(callFacts(call, false)).filter(([name]) => !left.has(name))
  return {
    principal,
    operation: classify(target),
    facts: withAbsent({ ...Object.fromEntries(known), ...parseFacts(facts) }),
  }
}

/** @throws Error if the file is not a principal's JSON */
export async function principalIn(file: string, io: Io): Promise<Principal> {
  return parsePrincipal(await readFile(resolve(io.cwd, file), 'utf8'), io.now())
}

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
