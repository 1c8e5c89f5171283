/**
 * Where records go: whether the ingestion endpoint takes this identity, without sending it a record.
 * @module
 */
import { connect } from 'node:net'
import { once } from 'node:events'
import { scopeOf } from '../audit/ship/sinks/azure-monitor.ts'
import type { Config, SinkConfig } from '../config/schema/schema.ts'
import { fetchJson } from '../lib/http.ts'
import type { Broker } from '../token/broker.ts'
import { findingsOf, type Finding } from './finding.ts'

const TIMEOUT_MS = 10_000
const API_VERSION = '2023-01-01'
const ROLE = 'Monitoring Metrics Publisher'

const { ok, failed, unverified } = findingsOf('sinks')

type AzureMonitor = Extract<SinkConfig, { kind: 'azure-monitor' }>

export async function checkSinks(config: Config, broker: Broker): Promise<Finding[]> {
  return Promise.all(
    config.audit.sinks.map(async (sink, index) => {
      const where = `audit.sinks[${index}] (${sink.name})`
      if (sink.kind === 'stdout') return ok(where, 'writes to standard output')
      if (sink.kind === 'azure-monitor') return checkAzureMonitor(sink, where, broker)
      const [host, port] =
        sink.kind === 'syslog' ? [sink.host, sink.port] : placeOf(new URL(sink.endpoint))
      return checkReachable(host, port, where)
    }),
  )
}

/** An empty batch: authentication, role, rule and stream are judged before there is anything to store. */
async function checkAzureMonitor(
  sink: AzureMonitor,
  where: string,
  broker: Broker,
): Promise<Finding> {
  let token: string
  try {
    ;({ token } = await broker.token(sink.identity, scopeOf(sink.endpoint)))
  } catch {
    const what = `its identity ${sink.identity} has no token`
    return failed(where, what, 'see the check "identities"')
  }
  const path = `dataCollectionRules/${encodeURIComponent(sink.ruleId)}/streams/${encodeURIComponent(sink.stream)}`
  const url = `${sink.endpoint.replace(/\/$/, '')}/${path}?api-version=${API_VERSION}`
  const answer = await fetchJson(url, AbortSignal.timeout(TIMEOUT_MS), {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '[]',
  })
  if (!answer.ok) {
    const next = 'check the endpoint’s name, egress rules and private link'
    return failed(where, `${new URL(url).host} does not answer: ${answer.why}`, next)
  }
  return judge(answer.status, sink, where)
}

function judge(status: number, sink: AzureMonitor, where: string): Finding {
  if (status === 204) return ok(where, 'takes an empty batch of this identity')
  const said = `answers ${status} to an empty batch`
  if (status === 401 || status === 403) {
    const next = `assign the role ${ROLE} on the data collection rule to ${sink.identity}; it takes up to 30 minutes to hold`
    return failed(where, said, next)
  }
  if (status === 404) {
    const next = 'check ruleId (the rule’s immutable id, dcr-...) and stream (Custom-..._CL)'
    return failed(where, said, next)
  }
  if (status === 400 || status === 413) {
    const next =
      'reached and let in, but only a real record shows whether it is stored: azureml-harness audit reconcile'
    return unverified(where, said, next)
  }
  return failed(where, said, 'try again in a minute; the spool keeps records meanwhile')
}

/** Nothing harmless can be sent to these: their contracts have no empty batch. */
async function checkReachable(host: string, port: number, where: string): Promise<Finding> {
  const socket = connect({ host, port })
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('time-out')))
  try {
    await once(socket, 'connect')
    const next = 'start the gateway and look at the sink for its record of the start'
    return unverified(where, 'can be reached; more would need a record', next)
  } catch {
    return failed(where, `${host}:${port} cannot be reached`, 'check its name and egress rules')
  } finally {
    socket.destroy()
  }
}

function placeOf({ hostname, port, protocol }: URL): [string, number] {
  return [hostname, port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)]
}
