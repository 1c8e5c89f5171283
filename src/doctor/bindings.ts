/**
 * Bindings to principals that are gone: most "permission denied" is a stale object id, not a policy.
 * @module
 */
import { browse } from '../audit/inspect/browse.ts'
import { chainsIn } from '../audit/inspect/verify.ts'
import type { Config, IssuerConfig } from '../config/schema/schema.ts'
import { fetchJson } from '../lib/http.ts'
import type { Binding } from '../policy/load/bindings.ts'
import type { PolicySet } from '../policy/load/rules.ts'
import { createSeen, staleBindings, type Seen } from '../policy/sightings.ts'
import type { Broker } from '../token/broker.ts'
import { findingsOf, type Finding } from './finding.ts'
import { graphScope } from './identities.ts'

const DAY_MS = 86_400_000
const TIMEOUT_MS = 10_000
/** Directory objects; roles and workspaces are none. */
const OBJECTS = ['User', 'Service', 'Compute', 'Group']
const ENTRA_ID = /^([a-z][a-z0-9-]*)\/([0-9a-f-]{36})\/([0-9a-f-]{36})$/i

const { ok, warning, failed, unverified } = findingsOf('bindings')

export interface BindingsOptions {
  readonly config: Config
  readonly policies: PolicySet
  readonly broker: Broker
  /** Unseen for this long, a binding is reported. */
  readonly days: number
  readonly now: number
}

/** What Graph no longer knows first, then what no record shows in use. */
export async function checkBindings(options: BindingsOptions): Promise<Finding[]> {
  const { config, policies, days, now } = options
  const asked = await askGraph(options)
  const seen = readSpool(config.audit.spool.directory, policies)
  const found: Finding[] = [...asked.findings]
  const since = seen.since ?? now
  const stale = staleBindings(
    policies,
    { lastSeen: seen.lastSeen, since, unknown: asked.unknown },
    days,
    now,
  )
  for (const { id, line, principal, lastSeen, known } of stale) {
    const where = `bindings.yaml:${line} (${id})`
    if (known === false) {
      const what = `${principal} is no longer in the directory`
      found.push(failed(where, what, 'remove the binding, or put the id of its successor there'))
      continue
    }
    const when = lastSeen === null ? 'never since' : 'since'
    const from = new Date(lastSeen ?? since).toISOString().slice(0, 10)
    const what = `no call has used it for ${principal}, ${when} ${from}`
    found.push(warning(where, what, 'ask who asked for it; an id is often copied from elsewhere'))
  }
  const total = policies.bindings.bindings.length
  if (since > now - days * DAY_MS) {
    const reach =
      seen.since === null
        ? 'holds no record'
        : `reaches back to ${new Date(since).toISOString()} only`
    const what = `the spool ${reach}: whether all ${total} bindings are in use within ${days} days cannot be told`
    const next = 'raise audit.spool.retentionSeconds, or ask where the records were shipped to'
    found.push(unverified(config.audit.spool.directory, what, next))
  } else if (found.length === 0) {
    found.push(ok('bindings', `all ${total} have been used within ${days} days`))
  }
  return found
}

/** By whom, and through which bindings, calls came; and since when there are records. */
function readSpool(directory: string, policies: PolicySet): Seen {
  const seen = createSeen(policies)
  for (const { columns } of rowsOf(directory)) seen.add(columns)
  return seen.result()
}

function* rowsOf(directory: string): ReturnType<typeof browse> {
  let chains: string[]
  try {
    chains = chainsIn(directory)
  } catch {
    // the check of the spool says why
    return
  }
  for (const chain of chains) yield* browse(chain, new Map())
}

async function askGraph({
  config,
  policies,
  broker,
}: BindingsOptions): Promise<{ unknown: Set<string>; findings: Finding[] }> {
  const unknown = new Set<string>()
  const failures = new Map<string, string>()
  const names = new Map<string, { issuer: IssuerConfig; objectId: string }>()
  for (const { principal } of policies.bindings.bindings) {
    const place = placeOf(principal, config)
    if (place !== null) names.set(`${principal.type}::"${principal.id}"`, place)
  }
  for (const [name, { issuer, objectId }] of names) {
    if (failures.has(issuer.name)) continue
    const answer = await lookUp(issuer, objectId, broker)
    if (answer === 'gone') unknown.add(name)
    else if (answer !== 'there') failures.set(issuer.name, answer)
  }
  const findings = [...failures].map(([issuer, why]) =>
    unverified(
      `issuers (${issuer}).graph`,
      `the directory cannot be asked: ${why}`,
      'give the identity of graph the application permission Directory.Read.All',
    ),
  )
  return { unknown, findings }
}

/** Only a tenant's own directory can tell that an object is gone: in any other one it would be missing anyway. */
function placeOf(
  { type, id }: Binding['principal'],
  { issuers }: Config,
): { issuer: IssuerConfig; objectId: string } | null {
  const [, name, tenant = '', objectId] = ENTRA_ID.exec(id) ?? []
  const issuer = issuers.find((one) => one.name === name)
  if (!OBJECTS.includes(type) || issuer?.graph === undefined || objectId === undefined) return null
  return issuer.issuer.toLowerCase().includes(tenant.toLowerCase()) ? { issuer, objectId } : null
}

/** `there`, `gone`, or why it cannot be said. */
async function lookUp(issuer: IssuerConfig, objectId: string, broker: Broker): Promise<string> {
  const { graph } = issuer
  if (graph === undefined) return 'graph is not configured'
  try {
    const { token } = await broker.token(graph.identity, graphScope(graph))
    const url = `${new URL(graph.endpoint).origin}/v1.0/directoryObjects/${objectId}?$select=id`
    const answer = await fetchJson(url, AbortSignal.timeout(TIMEOUT_MS), {
      headers: { authorization: `Bearer ${token}` },
    })
    if (!answer.ok) return answer.why
    if (answer.status === 404) return 'gone'
    return answer.status === 200 ? 'there' : `status ${answer.status}`
  } catch {
    return `identity ${graph.identity} has no token`
  }
}
