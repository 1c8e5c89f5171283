/**
 * The judge of what `requests.yaml` has allowed by then: asking for access, and deciding about it. The policies in force
 * count with a permit in its place, so that their forbids stand.
 * @module
 */
import { OWN_PROVIDER } from '../vocabulary/actions.ts'
import type { Operation } from '../vocabulary/operation.ts'
import { createDecide, type Decide, type DecideOptions } from './decide.ts'
import { ancestorsOf } from './engine/entities.ts'
import { addPolicy } from './load/bind.ts'
import type { Uid } from './load/conditions.ts'
import type { PolicySet } from './load/rules.ts'

/** The id of that permit in decisions. */
export const BY_REQUESTS = 'requests-yaml'

const VERBS = ['request', 'approve', 'deny', 'end'] as const
/** What is done with a grant. */
export type GrantVerb = 'read' | (typeof VERBS)[number]

/** What a call about grants is to policy: something done with what is granted. @param resource null for a list */
export function grantOperation(verb: GrantVerb, resource: Uid | null): Operation {
  const around = resource === null ? [] : ancestorsOf(resource.id)
  return {
    action: `${OWN_PROVIDER}/grants/${verb}`,
    effect: verb === 'read' ? 'read' : 'write',
    resource:
      resource === null
        ? { type: 'Harness', id: '/_harness/api/grants', ancestors: [] }
        : { ...resource, ancestors: around.filter(({ id }) => id !== resource.id) },
    family: 'harness',
    secrets: false,
    longRunning: false,
    scope: around.find(({ type }) => type === 'Workspace' || type === 'Registry')?.id ?? null,
    inspectable: false,
  }
}

/** @param identities names of the managed identities: a permit names one, which is not used for anything here */
export function createDecideByRequests(
  set: PolicySet,
  identities: readonly string[],
  options: DecideOptions,
): Decide {
  const actions = VERBS.map((verb) => `Action::"${OWN_PROVIDER}/grants/${verb}"`)
  const identity = set.bindings.order[0] ?? identities[0] ?? ''
  const text = `@id("${BY_REQUESTS}") @reason("requests.yaml says who asks and who decides") @identity("${identity}") permit (principal, action in [${actions.join(', ')}], resource);`
  const names = { identities: [...identities], issuers: [] }
  return createDecide(addPolicy(set, { file: 'requests.yaml', text }, names), options)
}
