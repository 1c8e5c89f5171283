/**
 * Each identity's role assignments at ARM, against what the policies need of it.
 * @module
 */
import { CLOUDS } from '../azureml/clouds.ts'
import type { Config } from '../config/schema.ts'
import { fetchJson } from '../identity/outbound.ts'
import { parseStrictJson } from '../identity/strict-json.ts'
import { findDrift, type ArmFetch, type Drift } from '../policy/drift.ts'
import { grantsOf } from '../policy/export/grants.ts'
import type { PolicySet } from '../policy/rules.ts'
import type { Broker } from '../token/broker.ts'
import { findingsOf, type Finding } from './finding.ts'

const TIMEOUT_MS = 10_000
/** A person reads this: more names do not help. */
const NAMED = 5

const { ok, failed, unverified } = findingsOf('roles')

interface Asker {
  readonly identity: string
  readonly token: string
}

/**
 * Asks ARM with the gateway's own identities, one after the other until one of them may read role assignments:
 * Azure's Reader role is enough for that, its Machine Learning roles are not.
 */
export async function checkRoles(
  config: Config,
  policies: PolicySet,
  broker: Broker,
): Promise<Finding[]> {
  const grants = grantsOf(policies)
  const { resourceManager: origin, armScope } = {
    ...CLOUDS[config.cloud.name],
    ...(config.cloud.resourceManager === undefined
      ? {}
      : { resourceManager: config.cloud.resourceManager }),
  }
  const askers: Asker[] = []
  for (const identity of grants.identities) {
    const held = await broker.token(identity, armScope).catch(() => null)
    if (held !== null) askers.push({ identity, token: held.token })
  }
  const objectIds = new Map(askers.map(({ identity, token }) => [identity, objectIdOf(token)]))
  const actions = [...new Set(policies.words.actions.map(({ name }) => name))]
  const fetch = armFetch(origin, askers)
  const places = new Map(
    grants.assignments.map((one) => [`${one.identity} ${one.scope}`, one] as const),
  )
  const found: Finding[] = []
  for (const { identity, scope } of places.values()) {
    const where = `${identity} on ${scope}`
    const objectId = objectIds.get(identity)
    if (objectId === undefined || objectId === '') {
      found.push(unverified(where, 'it has no token', 'see the check "identities"'))
      continue
    }
    const here = {
      ...grants,
      assignments: grants.assignments.filter((one) => one.identity === identity),
    }
    try {
      const drift = await findDrift(here, new Map([[identity, objectId]]), actions, fetch)
      found.push(...drift.filter((one) => one.scope === scope).map((one) => judge(one, where)))
    } catch (error) {
      const why = error instanceof Error ? error.message : 'failed'
      found.push(
        unverified(
          where,
          `its role assignments cannot be read: ${why}`,
          'give one of the identities the role Reader there, or ask as yourself: azureml-harness policy drift',
        ),
      )
    }
  }
  return found
}

function judge({ missing, inherited }: Drift, where: string): Finding {
  if (missing.length > 0) {
    const named = missing.slice(0, NAMED).join(', ')
    const more = missing.length > NAMED ? ` and ${missing.length - NAMED} more` : ''
    return failed(
      where,
      `policies permit ${missing.length} actions that Azure will refuse: ${named}${more}`,
      'assign a role that has them; azureml-harness policy export writes roles that fit exactly',
    )
  }
  const above = inherited.length > 0 ? `, by ${inherited.length} assignments from above` : ''
  return ok(where, `may do all that policies permit${above}`)
}

/** GETs of ARM alone: an absolute URL must be of its own origin, or a token would follow it anywhere. */
function armFetch(origin: string, askers: readonly Asker[]): ArmFetch {
  return async (pathOrUrl) => {
    const url = new URL(pathOrUrl, origin)
    if (url.origin !== new URL(origin).origin) throw new Error('ARM names a page of another host')
    let why = 'no identity has a token'
    for (const { token } of askers) {
      const answer = await fetchJson(url.href, AbortSignal.timeout(TIMEOUT_MS), {
        headers: { authorization: `Bearer ${token}` },
      })
      if (answer.ok && answer.status === 200) return answer.body
      why = answer.ok ? `status ${answer.status}` : answer.why
      if (!answer.ok || (answer.status !== 401 && answer.status !== 403)) break
    }
    throw new Error(why)
  }
}

/** The token has been inspected by the broker; '' if it names no object. */
function objectIdOf(token: string): string {
  const payload = parseStrictJson(Buffer.from(token.split('.')[1] ?? '', 'base64url'))
  if (typeof payload !== 'object' || payload === null) return ''
  const oid: unknown = new Map<string, unknown>(Object.entries(payload)).get('oid')
  return typeof oid === 'string' ? oid : ''
}
