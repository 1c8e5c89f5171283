/**
 * What Azure has to grant the managed identities so that they can do what the policies permit, and no more.
 * @module
 */
import { createHash } from 'node:crypto'
import { OWN_PROVIDER, PUBLISHED_ACTIONS } from '../../../vocabulary/actions.ts'
import { evaluate } from '../../engine/evaluate.ts'
import { ancestorsOf } from '../../engine/entities.ts'
import { GATEWAY, PROVIDER, cedarTypesOf } from '../../../vocabulary/resource-types.ts'
import type { PolicySet, Rule } from '../../load/rules.ts'
import { parseRules } from '../../engine/slices.ts'
import { patternTest } from '../../load/builtin-roles.ts'
import type { Policy } from '../../load/source.ts'

/** A custom role: one a template, and one a permit without slots. */
export interface Role {
  /** The template's or policy's id. */
  readonly id: string
  readonly name: string
  /** Deterministic, so that a second deployment updates the first. */
  readonly guid: string
  readonly description: string
  readonly identity: string
  readonly actions: readonly string[]
  /** Of what wildcards among the actions cover, what no policy permits. */
  readonly notActions: readonly string[]
}

/** A role of an identity on a scope. */
export interface Assignment {
  readonly role: string
  readonly identity: string
  /** ARM id, its keywords in ARM's own spelling. */
  readonly scope: string
}

export interface Grants {
  readonly identities: readonly string[]
  readonly roles: readonly Role[]
  readonly assignments: readonly Assignment[]
  /** Subscriptions that custom roles have to be assignable in. */
  readonly subscriptions: readonly string[]
}

const published = new Set(PUBLISHED_ACTIONS.map(({ name }) => name.toLowerCase()))

/**
 * The action as a custom role can name it. Azure accepts published names and wildcards only: an action that clients
 * call but that is not published is granted by the narrowest wildcard over it. `withheldBy` takes back what else that covers.
 */
function nameable(action: string): string {
  if (published.has(action.toLowerCase()) || !action.startsWith(`${PROVIDER}/`)) return action
  const parts = action.split('/')
  const verb = parts.pop() ?? ''
  if (verb === 'action') parts.pop()
  return [...parts, '*', verb].join('/')
}

/** Published actions that wildcards cover, and that are not among those that are needed. */
function withheldBy(actions: readonly string[], needed: readonly string[]): readonly string[] {
  const tests = actions.filter((action) => action.includes('*')).map(patternTest)
  const kept = new Set(needed.map((action) => action.toLowerCase()))
  return PUBLISHED_ACTIONS.map(({ name }) => name)
    .filter((name) => !kept.has(name.toLowerCase()) && tests.some((test) => test(name)))
    .sort()
}

/** Names of all actions that a permit's scope covers, whatever its conditions say, less what is forbidden to everybody. */
function coveredBy(policy: Policy, set: PolicySet, isForbidden: (id: string) => boolean): string[] {
  const { actions, kind } = policy
  const { resourceTypes } = set.words
  const covered = set.words.actions.filter(
    ({ id, name, parents }) =>
      !name.startsWith(`${OWN_PROVIDER}/`) &&
      (kind === null || cedarTypesOf(name, resourceTypes).includes(kind)) &&
      (actions === null ||
        actions.includes(id) ||
        parents.some((parent) => actions.includes(parent))),
  )
  return covered.filter(({ id }) => !isForbidden(id)).map(({ name }) => name)
}

const NOWHERE =
  '/subscriptions/0/resourcegroups/x/providers/microsoft.machinelearningservices/workspaces/x'

/** Asks the forbids that look neither at facts nor at who and where: only those can never be lifted. */
function forbidden(set: PolicySet): (id: string) => boolean {
  const rules = [...set.rules.values()].filter(
    ({ policy, link, shadow, principal, resource }) =>
      policy.effect === 'forbid' &&
      policy.stepUp === null &&
      !shadow &&
      link === null &&
      principal === null &&
      resource === null &&
      policy.facts?.size === 0,
  )
  const slice = parseRules(`${set.key} unconditional`, rules)
  const ids = set.words.actions.flatMap((action) => {
    const type = cedarTypesOf(action.name, set.words.resourceTypes)[0] ?? 'Other'
    const answer = evaluate(slice, {
      principals: [{ type: 'User', id: 'harness/nobody' }],
      action,
      resources: [{ type, id: `${NOWHERE}/x` }, ...ancestorsOf(NOWHERE)],
      context: {},
    })
    return answer.reasons.length > 0 ? [action.id] : []
  })
  const all = new Set(ids)
  return (id) => all.has(id)
}

/** A UUID of version 5's layout out of SHA-256: the same for the same name, everywhere. */
export function guidOf(name: string): string {
  const hex = createHash('sha256').update(`azureml-harness ${name}`).digest('hex')
  const variant = '89ab'[Number.parseInt(hex[16] ?? '0', 16) % 4]
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `5${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-')
}

/** ARM compares ids without case; tools around it do not. */
export function armSpelling(id: string): string {
  return id
    .replace('/resourcegroups/', '/resourceGroups/')
    .replace('/providers/microsoft.machinelearningservices/', `/providers/${PROVIDER}/`)
}

function subscriptionOf(id: string): string {
  return id.split('/').slice(0, 3).join('/')
}

/** What the gateway may grant for a time, as if it were bound: Azure has to let the identities do it by then. */
function offeredIn({ requests, templates }: PolicySet): readonly Rule[] {
  return requests.rules.flatMap(({ way, template, within }) => {
    const policy = templates.get(template)
    if (way !== 'grant' || policy === undefined) return []
    const id = `${template}@grant`
    return [{ id, policy, link: null, principal: null, resource: within, shadow: policy.shadow }]
  })
}

/** Roles and assignments for all rules in force and for what may be granted for a time, less what Azure gives to everybody (`@public`). */
export function grantsOf(set: PolicySet): Grants {
  const isForbidden = forbidden(set)
  const permits = [...set.rules.values(), ...offeredIn(set)].filter(
    ({ policy, shadow, resource }) =>
      policy.effect === 'permit' &&
      !policy.isPublic &&
      !shadow &&
      // nothing of Azure's
      resource?.type !== GATEWAY.type,
  )
  const bound = permits.flatMap(({ resource }) =>
    resource === null ? [] : [subscriptionOf(resource.id)],
  )
  const subscriptions = [...new Set(bound)].sort()
  const policies = new Map(permits.map(({ policy }) => [policy.id, policy]))
  const roles = [...policies.values()].flatMap((policy): Role[] => {
    const needed = coveredBy(policy, set, isForbidden)
    const actions = [...new Set(needed.map(nameable))].sort()
    const notActions = withheldBy(actions, needed)
    if (policy.identity === null || actions.length === 0) return []
    const name = `Azure ML Harness ${policy.id}`
    const { id, reason: description, identity } = policy
    return [{ id, name, guid: guidOf(name), description, identity, actions, notActions }]
  })
  // what is permitted everywhere is granted wherever anything is bound
  const scopesOf = (rule: Rule): readonly string[] =>
    rule.resource === null ? subscriptions : [armSpelling(rule.resource.id)]
  const assignments = new Map<string, Assignment>()
  const made = new Set(roles.map(({ id }) => id))
  for (const rule of permits) {
    // a permit of what callers do with the gateway alone has no role
    if (!made.has(rule.policy.id)) continue
    for (const scope of scopesOf(rule)) {
      const assignment = { role: rule.policy.id, identity: rule.policy.identity ?? '', scope }
      assignments.set(JSON.stringify(assignment), assignment)
    }
  }
  return {
    identities: [...new Set(roles.map(({ identity }) => identity))].sort(),
    roles,
    assignments: [...assignments.values()],
    subscriptions,
  }
}

/** What is to be assigned in one subscription, and the roles of that. */
export function partOf(
  { assignments, roles }: Grants,
  subscription: string,
): Pick<Grants, 'assignments' | 'roles'> {
  const here = assignments.filter(({ scope }) => `${scope}/`.startsWith(`${subscription}/`))
  const used = new Set(here.map(({ role }) => role))
  return { assignments: here, roles: roles.filter(({ id }) => used.has(id)) }
}

/** What an identity needs on a scope and has neither there nor around it so far. */
export interface AddedGrant {
  readonly identity: string
  readonly scope: string
  readonly actions: readonly string[]
}

/** What Azure has to grant more than before. */
export function addedGrants(before: Grants, after: Grants): readonly AddedGrant[] {
  const places = new Map(
    after.assignments.map(({ identity, scope }) => [`${identity} ${scope}`, { identity, scope }]),
  )
  return [...places.values()].flatMap(({ identity, scope }) => {
    const had = actionsAt(before, identity, scope)
    const actions = [...actionsAt(after, identity, scope)].filter((action) => !had.has(action))
    return actions.length === 0 ? [] : [{ identity, scope, actions: actions.sort() }]
  })
}

/** All that an identity may do on a scope, what it inherits included. */
function actionsAt(
  { roles, assignments }: Grants,
  identity: string,
  scope: string,
): ReadonlySet<string> {
  const held = assignments.filter(
    (one) => one.identity === identity && `${scope}/`.startsWith(`${one.scope}/`),
  )
  const ids = new Set(held.map(({ role }) => role))
  return new Set(roles.filter(({ id }) => ids.has(id)).flatMap(({ actions }) => actions))
}
