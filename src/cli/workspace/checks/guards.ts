/**
 * What watches over the workspace whoever writes: diagnostics, Azure Policy, deny assignments of a deployment stack.
 * @module
 */
import { findingsOf, type Finding } from '../../../doctor/finding.ts'
import { fieldsOf, type Members } from '../../../lib/strict-json.ts'
import { patternTest } from '../../../policy/load/builtin-roles.ts'
import { PROVIDER } from '../../../vocabulary/resource-types.ts'
import { GUARDS } from '../initiative.ts'
import { assignedPolicies } from './assigned-policies.ts'
import { inside, listIn, text, type Subject } from './subject.ts'

const diagnostics = findingsOf('diagnostics')
const policy = findingsOf('azure-policy')
const deny = findingsOf('deny-assignments')

export async function checkDiagnostics({ id, azure }: Subject): Promise<Finding[]> {
  const settings = await azure.list({
    id: `${id}/providers/Microsoft.Insights/diagnosticSettings`,
    apiVersion: '2021-05-01-preview',
    permission: 'Microsoft.Insights/diagnosticSettings/read',
  })
  const next = 'assign the built-in policy that writes diagnostic settings, or make one by hand'
  const found = settings.map((one) => {
    const properties = inside(one, 'properties')
    const where = text(properties, 'workspaceId')
    const on = listIn(properties, 'logs').some((log) => fieldsOf(log).get('enabled') === true)
    return { where, on: on && where !== '' }
  })
  const good = found.filter(({ on }) => on)
  return good.length > 0
    ? good.map(({ where }) => diagnostics.ok(id, `logs go to ${where}`))
    : [diagnostics.failed(id, 'what goes around the gateway is logged nowhere', next)]
}

export async function checkPolicies({ id, azure }: Subject): Promise<Finding[]> {
  const inForce = await assignedPolicies(azure, id)
  const missing = GUARDS.filter((guard) => !guard.ids.some((one) => inForce.has(one)))
  if (missing.length === 0) return [policy.ok(id, `${GUARDS.length} of ${GUARDS.length} in force`)]
  const what = `${missing.length} of ${GUARDS.length} are not in force: ${missing.map(({ name }) => name).join(', ')}`
  const next =
    'assign the initiative of deploy/policy to what the workspace is in; set denyEffect to Deny once nothing is left that it would refuse'
  return [
    missing.length === GUARDS.length
      ? policy.failed(id, what, next)
      : policy.warning(id, what, next),
  ]
}

/** Azure's name for whoever there is. */
const EVERYBODY = '00000000-0000-0000-0000-000000000000'
/** What a deny assignment is tried with. */
const WRITES = [`${PROVIDER}/workspaces/write`, `${PROVIDER}/workspaces/computes/write`]

export async function checkDenyAssignments({ id, azure, gateway }: Subject): Promise<Finding[]> {
  const { ok, warning, failed, unverified } = deny
  const all = await azure.list({
    id: `${id}/providers/Microsoft.Authorization/denyAssignments`,
    apiVersion: '2022-04-01',
    permission: 'Microsoft.Authorization/denyAssignments/read',
  })
  const denying = all
    .map((one) => inside(one, 'properties'))
    .filter((one) => WRITES.some((action) => denies(one, action)))
  const found: Finding[] = []
  for (const properties of denying) {
    const where = text(properties, 'denyAssignmentName') || 'deny assignment'
    const left = idsIn(properties, 'excludePrincipals')
    const named = idsIn(properties, 'principals')
    const hit = [...(gateway?.ids ?? [])].filter(
      ([, objectId]) =>
        (named.has(EVERYBODY) || named.has(objectId)) &&
        !left.has(objectId) &&
        !left.has(EVERYBODY),
    )
    const writers = new Set(writersOf(gateway))
    const blocked = hit.map(([name]) => name).filter((name) => writers.has(name))
    const unknown = [...writers].filter((name) => gateway?.ids.has(name) !== true)
    const next = 'exclude it in the deny settings of the deployment stack'
    if (blocked.length > 0)
      found.push(failed(where, `denies writes to the gateway’s own ${blocked.join(', ')}`, next))
    else if (gateway === null || unknown.length > 0)
      found.push(unverified(where, 'whether it denies the gateway’s writes is not known', IDS))
    else if (named.has(EVERYBODY))
      found.push(ok(where, 'denies writes to all but those it excludes'))
  }
  if (found.length > 0) return found
  const next = 'see docs/workspaces.md, "The deployment stack", and try it on Azure first'
  return [warning(id, 'nothing denies writes to owners', next)]
}

const IDS = 'give --config, and --principal NAME=OBJECT-ID for each identity without objectId'

/** Identities that some permit uses, which are those whose calls have to pass. */
function writersOf(gateway: Subject['gateway']): readonly string[] {
  if (gateway === null) return []
  return [...gateway.policies.rules.values()].flatMap(({ policy: { effect, identity } }) =>
    effect === 'permit' && identity !== null ? [identity] : [],
  )
}

function denies(properties: Members, action: string): boolean {
  return listIn(properties, 'permissions')
    .map(fieldsOf)
    .some((permission) => {
      const matches = (name: string): boolean =>
        listIn(permission, name).some(
          (pattern) => typeof pattern === 'string' && patternTest(pattern)(action),
        )
      return matches('actions') && !matches('notActions')
    })
}

function idsIn(properties: Members, name: string): ReadonlySet<string> {
  return new Set(listIn(properties, name).map((one) => text(fieldsOf(one), 'id').toLowerCase()))
}
