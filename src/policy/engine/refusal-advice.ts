/**
 * Advice for a refusal: what was missing, which templates would grant it, and which binding may be mistyped.
 * @module
 */
import { memoOf } from '../../lib/memo.ts'
import type { Operation } from '../../vocabulary/operation.ts'
import type { Binding } from '../load/bindings.ts'
import type { Uid } from '../load/conditions.ts'
import { actionsOf } from './covers.ts'
import { createUidMap, isOneOf, type Question } from './entities.ts'
import { nameOf } from '../load/references.ts'
import { evaluate } from './evaluate.ts'
import type { PolicySet, Rule } from '../load/rules.ts'
import { createSlicer, parseSlice } from './slices.ts'

/** Why there is no permit, and what would give one. */
export interface Needed {
  /** Whether the caller has anything on the place: only then are names of roles, groups and bindings told. */
  readonly hasAccess: boolean
  readonly reason: string
  /** In the caller's words. */
  readonly remedy: string
  /** For the record: the binding that may be mistyped; null if none may be. */
  readonly mistyped: string | null
  /**
   * Templates that would permit exactly this call, if they were bound for it: first those that are bound here, each time the one with the fewest
   * actions first.
   */
  readonly templates: readonly string[]
}

/** More names do not help a reader. */
const MAX_NAMED = 5
/** More than there are actions. */
const MANY = 1_000_000

/** What every template is bound to here, in order to ask which of them would permit a call. */
const ANYBODY = { type: 'Group', id: 'harness/anybody' }
const EVERYBODY = [ANYBODY]
const ANYWHERE = { type: 'Workspace', id: '/harness/anywhere' }

/** Every template that permits, bound for anybody anywhere. */
function hypothetical(set: PolicySet): Rule[] {
  return [...set.templates.values()]
    .filter(({ effect, shadow }) => effect === 'permit' && !shadow)
    .map((policy) => ({
      id: `${policy.id}@anybody`,
      policy,
      link: { binding: 'anybody', principal: ANYBODY, resource: ANYWHERE },
      principal: ANYBODY,
      resource: ANYWHERE,
      shadow: false,
    }))
}

/** Places by what their ids end with; a list of such things, which has no name, is in the place above. */
const PLACES: readonly (readonly [word: string, id: RegExp])[] = [
  ['workspace', /\/workspaces\/([^/]+)$/i],
  ['registry', /\/registries\/([^/]+)(?:\/discovery)?$/i],
  ['resource group', /^\/subscriptions\/[^/]+\/resourcegroups\/([^/]+)$/i],
  ['subscription', /^\/subscriptions\/([^/]+)$/i],
]

/** `workspace "ws-lab"`, `registry "r"`, `subscription "s"`: the nearest thing that can be bound. */
export function placeOf({ resource }: Operation): string {
  for (const { id } of [resource, ...resource.ancestors]) {
    for (const [word, pattern] of PLACES) {
      const name = pattern.exec(id)?.[1]
      if (name !== undefined) return `${word} "${name}"`
    }
  }
  return resource.id.toLowerCase() === '/subscriptions' ? 'the list of subscriptions' : 'this cloud'
}

/**
 * Creates the function that explains a refusal by default. Whether a template without conditions permits is told by the
 * index of scopes; Cedar is asked about those with conditions.
 */
export function createNeeded(set: PolicySet): (question: Question, place: string) => Needed {
  const bindingsOn = bindingsOnOf(set)
  const rules = new Map(hypothetical(set).map((rule) => [rule.id, rule]))
  const relevantTo = createSlicer({ ...set, rules })
  const mistyped = createMistyped(set)
  const sizes = templateSizes(set)

  return (question, place) => {
    const resources = [...question.resources, ANYWHERE]
    const { key, rules: relevant } = relevantTo({ ...question, principals: EVERYBODY, resources })
    const certain = relevant.filter(({ policy }) => !policy.conditional)
    const unsure = relevant.filter(({ policy }) => policy.conditional)
    const granting = new Set(certain.map(({ policy }) => policy.id))
    if (unsure.length > 0) {
      const principals = [...question.principals, ANYBODY]
      const asked = { ...question, principals, resources }
      const answer = evaluate(parseSlice(`needed ${key}`, unsure), asked)
      if (answer.permitted)
        for (const id of answer.reasons) granting.add(rules.get(id)?.policy.id ?? id)
    }
    const here = bindingsOn(question)
    const hasAccess = hasOneOf(here, question)
    const isBound = new Set(
      here.filter((one) => couldBe(one, question)).map(({ template }) => template),
    )
    const rank = (id: string): number => (isBound.has(id) ? 0 : MANY) + (sizes.get(id) ?? 0)
    const templates = [...granting].toSorted(
      (one, other) => rank(one) - rank(other) || (one < other ? -1 : 1),
    )
    const what = `needs ${question.action.name}${question.action.secrets ? ', whose answer holds secrets,' : ''} on ${place}`
    const near = mistyped(question.principals, question.resources)
    const reason = `no policy permits this call: it ${what}`
    if (!hasAccess) {
      const remedy = `you have no access to ${place}`
      const hint =
        'a binding may be meant for you but name another id; the record of this decision says which'
      return {
        hasAccess,
        reason,
        remedy: near === null ? remedy : `${remedy}; ${hint}`,
        mistyped: near,
        templates,
      }
    }
    const bound = here.filter(({ template }) => templates.includes(template))
    const groups = new Set(
      bound.flatMap(({ principal }) =>
        principal.type === 'Group' ? [nameOf(set.bindings.names, principal) ?? principal.id] : [],
      ),
    )
    const remedy = remedyOf(templates, [...groups], bound.length > 0, place)
    return {
      hasAccess,
      reason,
      remedy: near === null ? remedy : `${remedy}; ${near}`,
      mistyped: near,
      templates,
    }
  }
}

/** The bindings that permit something on what a question is about. */
type BindingsOn = (question: Pick<Question, 'resources'>) => readonly Binding[]

/** By what they are on, so that a refusal costs the same however many there are. */
export const bindingsOnOf: (set: PolicySet) => BindingsOn = memoOf((set) => {
  const index = createUidMap<Binding[]>()
  for (const binding of [...set.bindings.bindings, ...set.grants]) {
    if (binding.shadow || set.templates.get(binding.template)?.effect !== 'permit') continue
    const here = index.get(binding.resource) ?? []
    index.set(binding.resource, here)
    here.push(binding)
  }
  return ({ resources }) => resources.flatMap((resource) => index.get(resource) ?? [])
})

/** Whether a caller has one of the bindings: only then are names told. */
export const hasOneOf = (
  bindings: readonly Binding[],
  { principals }: Pick<Question, 'principals'>,
): boolean => bindings.some(({ principal }) => isOneOf(principal, principals))

function remedyOf(
  templates: readonly string[],
  groups: readonly string[],
  isBound: boolean,
  place: string,
): string {
  const [least, ...more] = templates
  if (least === undefined) return 'no role allows it: whoever keeps the policies has to name it'
  const or = more.length === 0 ? '' : ` (or ${more.join(', ')})`
  const would = `the role ${least}${or} would allow it`
  if (!isBound) return `${would}; none of your groups has it`
  if (groups.length === 0) return `${would}; others have it on ${place}, you do not`
  const first = groups.slice(0, MAX_NAMED).join(', ')
  return groups.length === 1
    ? `${would}; the group ${first} has it on ${place}, and you are not in it`
    : `${would}; the groups ${first} have it on ${place}, and you are in none of them`
}

/** How many actions each template names. */
function templateSizes(set: PolicySet): ReadonlyMap<string, number> {
  return new Map(
    [...set.templates.values()].map((policy) => [policy.id, actionsOf(policy, set.words).length]),
  )
}

/** Whether callers of this kind can be whom a binding names: nobody becomes another person, service or cluster. */
function couldBe({ principal: { type } }: Binding, { principals: [who] }: Question): boolean {
  return type === 'Group' || type === 'Role' || type === who?.type
}

const textOf = ({ type, id }: Uid): string => `${type}::"${id}"`

/** An id without issuer, tenant and letter case: what people copy and get right. */
const coreOf = ({ id }: Uid): string => id.slice(id.lastIndexOf('/') + 1).toLowerCase()

const isHere = ({ resource }: Binding, resources: readonly Uid[]): boolean =>
  isOneOf(resource, resources)

/** A sentence on the first such binding, or null. */
type Mistyped = (principals: readonly Uid[], resources: readonly Uid[]) => string | null

/** An index over the bindings, so that a refusal costs the same however many there are. */
function createMistyped(set: PolicySet): Mistyped {
  const byCore = Map.groupBy(
    set.bindings.bindings.filter(
      ({ shadow, principal }) => !shadow && principal.type !== 'Workspace',
    ),
    ({ principal }) => coreOf(principal),
  )
  const byMail = set.bindings.bindings.filter(
    ({ shadow, principal }) => !shadow && principal.type === 'User' && principal.id.includes('@'),
  )

  return (principals, resources) => {
    for (const uid of principals) {
      const near = byCore
        .get(coreOf(uid))
        ?.find(
          (one) =>
            isHere(one, resources) &&
            (one.principal.id !== uid.id || one.principal.type !== uid.type),
        )
      if (near === undefined) continue
      return `binding ${near.id} may be mistyped: it names ${textOf(near.principal)}, the token carries ${textOf(uid)}`
    }
    const [who] = principals
    const mail = byMail.find((one) => isHere(one, resources))
    return mail === undefined || who?.type !== 'User'
      ? null
      : `binding ${mail.id} names an e-mail address; if this caller is meant, it has to name ${textOf(who)}`
  }
}
