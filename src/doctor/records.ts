/**
 * Where records are searched: whether it answers, by a query that counts the calls of the last minute.
 * @module
 */
import { configuredSearch } from '../audit/search/configured.ts'
import type { Config } from '../config/schema/schema.ts'
import { Refusal } from '../errors.ts'
import type { Broker } from '../token/broker.ts'
import { findingsOf, type Finding } from './finding.ts'

const { ok, failed, warning } = findingsOf('records')
const MINUTE_MS = 60_000

/** @param now milliseconds since the epoch */
export async function checkSearch(
  { audit, cloud }: Config,
  broker: Broker,
  now: () => number,
): Promise<Finding[]> {
  if (audit.search === undefined) return []
  const where = 'audit.search'
  const { identity, workspaceId } = audit.search
  const search = await configuredSearch(audit.search, cloud.name, broker.credential, now)
  const until = now()
  const nothing = { decision: null, action: null, resource: null, outcome: null, code: null }
  const asked = {
    ...nothing,
    principal: null,
    secrets: null,
    review: null,
    source: null,
    events: null,
  }
  try {
    const { asOf, faults } = await search.count(
      { ...asked, since: until - MINUTE_MS, until },
      { own: '', mayRead: () => false, within: [] },
    )
    const [fault] = faults
    if (fault !== undefined)
      return [warning(where, fault, 'look at the sinks: do records arrive there?')]
    return [ok(where, `answers; its newest record is of ${new Date(asOf).toISOString()}`)]
  } catch (error) {
    const why = error instanceof Refusal ? (error.detail.inner ?? error.message) : 'it failed'
    const next = `assign the role Log Analytics Data Reader to ${identity} on the workspace ${workspaceId}, which needs the function AmlHarnessAuditUnique (deploy/azure-monitor)`
    return [failed(where, `cannot be asked: ${why}`, next)]
  }
}
