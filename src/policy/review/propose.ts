/**
 * The smallest change of the policies that permits one refused call: a template, bound for the caller or a group of the
 * caller's; or a policy that names the one action, where no template has it.
 * @module
 */
import type { Operation } from '../../vocabulary/operation.ts'
import type { Principal } from '../../identity/principal.ts'
import { createDecide } from '../decide.ts'
import { principalUids } from '../engine/entities.ts'
import type { Facts } from '../facts.ts'
import { addBinding, addPolicy, type Names } from '../load/bind.ts'
import type { Source } from '../load/bindings.ts'
import type { Uid } from '../load/conditions.ts'
import { nameOf } from '../load/references.ts'
import type { PolicySet } from '../load/rules.ts'
import type { Policy } from '../load/source.ts'
import { toldIn } from './given.ts'
import { assess, accessOf, type Gain } from './effective-access.ts'

/** A call that was refused. */
export interface RefusedCall {
  readonly principal: Principal
  readonly operation: Operation
  readonly facts: Facts
  /** Whether these are all the facts of the call. */
  readonly isWhole: boolean
}

/** For whom and until when. */
export interface Wish {
  /** One of the caller's groups, or the caller. */
  readonly grantee: Uid
  /** Milliseconds since the epoch; null for no end. @param template null for a policy that names the one action */
  readonly until: (template: string | null) => number | null
  /** Templates to take before all others: what may be asked for. */
  readonly offered: readonly string[]
  /** Whether a policy that names the one action is wished for, though a template has it. */
  readonly oneAction: boolean
  readonly reason: string
  readonly ticket: string | null
  readonly requestedBy: string
}

/** A file to write, and what it changes. */
export interface Proposal {
  /** Relative to the folder of the bindings, or to that of the policies. */
  readonly file: string
  readonly kind: 'binding' | 'policy'
  readonly text: string
  /** Of a binding. */
  readonly template: string | null
  /** In a line: what for whom on what. */
  readonly title: string
  /** What it adds to what the caller has on the place. */
  readonly gain: Gain
  /** The policies with it. */
  readonly after: PolicySet
}

/** Why nothing is proposed. */
export interface NoProposal {
  readonly why: string
}

const BINDABLE = ['Workspace', 'Registry', 'ResourceGroup', 'Subscription']

/** The nearest thing around a resource that can be bound; undefined if there is none. */
export function placeToBind({ resource }: Pick<Operation, 'resource'>): Uid | undefined {
  const place = [resource, ...resource.ancestors].find(({ type }) => BINDABLE.includes(type))
  return place === undefined ? undefined : { type: place.type, id: place.id }
}

/** @param names what bindings may name */
export function propose(
  set: PolicySet,
  call: RefusedCall,
  wish: Wish,
  names: Names,
): Proposal | NoProposal {
  const { principal, operation, facts } = call
  const assessment = assess(set, principal, operation, facts)
  if (assessment.now.verdict === 'permit')
    return { why: 'the call is permitted now: it can be sent again' }
  if (assessment.forbids.length > 0) {
    const ids = assessment.forbids.map(({ id }) => id).join(', ')
    return { why: `${ids} forbids it, whatever is bound: that policy would have to change` }
  }
  const place = placeToBind(operation)
  if (place === undefined) return { why: 'it is on nothing that can be bound' }
  const rank = ({ template }: Gain): number =>
    wish.oneAction || wish.offered.includes(template) ? 0 : 1
  const least = assessment.templates.toSorted(
    (one, other) =>
      rank(one) - rank(other) || one.actions - other.actions || one.secrets - other.secrets,
  )
  let model: Policy | null = null
  for (const gain of least) {
    const { template } = gain
    const source = bindingSource(set, template, place, wish)
    const after = addBinding(set, source, names)
    if (!permits(after, call)) continue
    model = set.templates.get(template) ?? null
    if (wish.oneAction) break
    const title = titleOf(template, wish.grantee, place, set)
    return { file: source.file, kind: 'binding', text: source.text, template, title, gain, after }
  }
  const source = policySource(set, operation, place, wish, model)
  if (source === null) return { why: 'no managed identity is used for calls of this kind' }
  const after = addPolicy(set, source, names)
  if (!permits(after, call))
    return { why: 'no single binding and no single policy permits it: see azureml-harness explain' }
  const gain = { template: source.file, actions: 1, deletes: 0, secrets: operation.secrets ? 1 : 0 }
  const deletes = operation.effect === 'delete' ? 1 : 0
  const { file, text } = source
  const title = titleOf(operation.action.split('/').slice(1).join('/'), wish.grantee, place, set)
  return { file, kind: 'policy', text, template: null, title, gain: { ...gain, deletes }, after }
}

const titleOf = (what: string, grantee: Uid, place: Uid, set: PolicySet): string =>
  `${what} for ${lastPart(shown(set, grantee))} on ${lastPart(shown(set, place))}`

function permits(set: PolicySet, { principal, operation, facts, isWhole }: RefusedCall): boolean {
  const decide = createDecide(set, { cacheSize: 0 })
  const told = isWhole ? toldIn(operation, facts) : undefined
  return decide(principal, operation, facts, told).permit !== null
}

const slug = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/gu, '-')
    .replaceAll(/^-+|-+$/gu, '')

/** A name that no rule and no binding has. */
function freeId(set: PolicySet, ...parts: readonly string[]): string {
  const base = slug(parts.join('-'))
    .slice(0, 55)
    .replace(/^[^a-z]+/u, 'x')
  const taken = new Set([
    ...set.written.bindings.bindings.map(({ id }) => id),
    ...set.written.rules.keys(),
  ])
  for (let n = 1; ; n += 1) {
    const id = n === 1 ? base : `${base}-${n}`
    if (!taken.has(id)) return id
  }
}

const shown = (set: PolicySet, uid: Uid): string =>
  nameOf(set.written.bindings.names, uid) ?? uid.id

const lastPart = (id: string): string => id.slice(id.lastIndexOf('/') + 1)

/** The binding of a template, as a file of `bindings.d/`. */
export function bindingSource(set: PolicySet, template: string, place: Uid, wish: Wish): Source {
  const { grantee, reason, ticket, requestedBy } = wish
  const until = wish.until(template)
  const who = shown(set, grantee)
  const where = shown(set, place)
  const id = freeId(set, lastPart(who), template, lastPart(where))
  const lines = [
    `template: ${template}`,
    `principal: ${grantee.type}::"${who}"`,
    `resource: ${place.type}::"${where}"`,
    ...(until === null ? [] : [`until: ${new Date(until).toISOString()}`]),
    `reason: ${JSON.stringify(reason)}`,
    ...(ticket === null ? [] : [`ticket: ${JSON.stringify(ticket)}`]),
    `requestedBy: ${JSON.stringify(requestedBy)}`,
  ]
  return { file: `bindings.d/${id}.yaml`, text: `${lines.join('\n')}\n` }
}

/**
 * A permit of the one action, with the effects and conditions of a template that permits it: it gives nothing that the
 * template does not. Where there is none, with the effects that all permits of that kind have under its identity; null
 * if no such permit tells which identity carries it out.
 */
function policySource(
  set: PolicySet,
  operation: Operation,
  place: Uid,
  wish: Wish,
  model: Policy | null,
): Source | null {
  const action = set.words.actionOf(operation)
  const used = [...set.templates.values()].filter(
    ({ effect, actions, identity, shadow }) =>
      effect === 'permit' &&
      identity !== null &&
      !shadow &&
      (actions === null || actions.some((one) => one === operation.effect || one === action.id)),
  )
  const order = set.written.bindings.order.flatMap((name) =>
    used.filter(({ identity }) => identity === name),
  )
  const [alike] = model === null ? [...order, ...used] : [model]
  if (alike === undefined || alike.identity === null) return null
  const others = model === null ? used.filter(({ identity }) => identity === alike.identity) : []
  const effects = partsOf(alike).effects.filter((effect) =>
    others.every((one) => partsOf(one).effects.some((other) => isAlike(effect, other))),
  )
  const { grantee, reason } = wish
  const id = freeId(
    set,
    lastPart(grantee.id),
    action.name.split('/').slice(1).join('-'),
    lastPart(place.id),
  )
  const text = `// ${reason.replaceAll('\n', ' ')}
@id("${id}")
@reason(${JSON.stringify(reason)})
${effects.join('\n')}
permit (
  principal ${grantee.type === 'Group' ? 'in' : '=='} ${grantee.type}::"${grantee.id}",
  action == Action::"${action.id}",
  resource in ${place.type}::"${place.id}"
)${model === null ? '' : partsOf(model).conditions};
`
  return { file: `${id}.cedar`, text }
}

/** A comment, an annotation with its name, the effect that follows them, a string, or a bracket. */
const PART = /\/\/[^\n]*|@(\w+)(?:\s*\(\s*"(?:[^"\\]|\\.)*"\s*\))?|"(?:[^"\\]|\\.)*"|[()]/gsu
const OF_ITS_OWN = ['id', 'reason']
const isAlike = (one: string, other: string): boolean =>
  one.replaceAll(/\s/gu, '') === other.replaceAll(/\s/gu, '')

/** Annotations of a policy that are effects, and its conditions, as they are written. */
function partsOf({ text }: Policy): {
  readonly effects: readonly string[]
  readonly conditions: string
} {
  const effects: string[] = []
  for (const { 0: part, 1: name, index } of text.matchAll(PART)) {
    if (name !== undefined && !OF_ITS_OWN.includes(name)) effects.push(part)
    // the first that is no annotation's closes the scope
    if (part === ')') return { effects, conditions: text.slice(index + 1).replace(/\s*;\s*$/u, '') }
  }
  return { effects, conditions: '' }
}

/** Whom to grant it to: the group of the caller's with the fewest people, as far as records tell; else the caller. */
export function smallestGrantee(
  set: PolicySet,
  principal: Principal,
  peopleOf: (group: string) => number,
): Uid {
  const groups = accessOf(set, principal).memberships.filter(({ type }) => type === 'Group')
  const [smallest] = groups.toSorted((one, other) => peopleOf(one.id) - peopleOf(other.id))
  const [self] = principalUids(principal)
  if (smallest !== undefined) return { type: 'Group', id: smallest.id }
  if (self === undefined) throw new Error('a principal is itself')
  return self
}
