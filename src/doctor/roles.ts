/**
 * Each identity's role assignments at ARM, against what the policies need of it.
 * @module
 */
import type { Config } from '../config/schema/schema.ts'
import { findDrift, type Drift } from '../policy/review/drift.ts'
import { grantsOf } from '../policy/review/export/grants.ts'
import type { PolicySet } from '../policy/load/rules.ts'
import type { Broker } from '../token/broker.ts'
import { armFetch, armOf, objectIdOf } from './arm.ts'
import { findingsOf, type Finding } from './finding.ts'

/** More names do not help a reader. */
const MAX_NAMED = 5

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
  const { origin, scope: armScope } = armOf(config.cloud)
  const askers: Asker[] = []
  for (const identity of grants.identities) {
    const held = await broker.token(identity, armScope).catch(() => null)
    if (held !== null) askers.push({ identity, token: held.token })
  }
  const objectIds = new Map(askers.map(({ identity, token }) => [identity, objectIdOf(token)]))
  const actions = [...new Set(policies.words.actions.map(({ name }) => name))]
  const fetch = armFetch(
    origin,
    askers.map(({ token }) => token),
  )
  const places = new Map(
    grants.assignments.map((one) => [`${one.identity} ${one.scope}`, one] as const),
  )
  const found: Finding[] = []
  for (const { identity, scope } of places.values()) {
    const where = `${identity} on ${scope}`
    const objectId = objectIds.get(identity)
    if (objectId === undefined || objectId === null) {
      found.push(unverified(where, 'it has no token', 'see the check "identities"'))
      continue
    }
    const here = {
      ...grants,
      assignments: grants.assignments.filter((one) => one.identity === identity),
    }
    try {
      const drift = await findDrift(here, new Map([[identity, objectId]]), actions, fetch)
      found.push(...drift.filter((one) => one.scope === scope).map((one) => judgeDrift(one, where)))
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

/** Whether an identity may do at a scope what policies need of it there. */
export function judgeDrift({ missing, inherited }: Drift, where: string): Finding {
  if (missing.length > 0) {
    const named = missing.slice(0, MAX_NAMED).join(', ')
    const more = missing.length > MAX_NAMED ? ` and ${missing.length - MAX_NAMED} more` : ''
    return failed(
      where,
      `policies permit ${missing.length} actions that Azure will refuse: ${named}${more}`,
      'assign a role that has them; azureml-harness policy export writes roles that fit exactly',
    )
  }
  const above = inherited.length > 0 ? `, by ${inherited.length} assignments from above` : ''
  return ok(where, `may do all that policies permit${above}`)
}
