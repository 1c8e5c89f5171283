/**
 * `GET policy` and `GET policy/who-can`: which policies are in force, what is bound to whom, and who can do what.
 *
 * Everybody sees the bindings of their own; those of others where policy permits `AzureMLHarness/policy/read`. Names of
 * templates are told to whoever sees a binding of theirs, and all of them to whoever may read policies anywhere.
 * @module
 */
import type { OwnCall } from '../access/own-calls.ts'
import type { Target } from '../azureml/target.ts'
import { Refusal } from '../errors.ts'
import type { Principal } from '../identity/principal.ts'
import { isOneOf, principalUids } from '../policy/engine/entities.ts'
import type { Binding } from '../policy/load/bindings.ts'
import { commitOf } from '../policy/load/commit.ts'
import type { Uid } from '../policy/load/conditions.ts'
import { isInForce } from '../policy/load/period.ts'
import { nameOf } from '../policy/load/references.ts'
import type { PolicySet } from '../policy/load/rules.ts'
import type { Action } from '../policy/load/words.ts'
import { actionNamed, whoCan, type May } from '../policy/review/who-can.ts'
import { OWN_PROVIDER } from '../vocabulary/actions.ts'
import { GATEWAY } from '../vocabulary/resource-types.ts'
import { refuseUnknown } from './asked.ts'
import {
  createMay,
  judged,
  operationOf,
  ownDecision,
  placesWith,
  type JudgeOptions,
} from './judged.ts'
import { whereReadable } from './policy-changes.ts'

export interface PolicyCallOptions extends JudgeOptions {
  /** Where the policies are. */
  readonly directory: string
  /** When this replica last used each rule, by its id, and since when it has noted that. Milliseconds since the epoch. */
  readonly uses: { readonly since: number; readonly of: (rule: string) => number | null }
  readonly placeOf: (principal: Principal, on: string) => string | null
}

/** Actions that one grid can have. */
const MOST_ACTIONS = 12

export function policyCall(
  options: PolicyCallOptions,
  { params }: Target,
  principal: Principal,
): OwnCall {
  refuseUnknown(params, [])
  const set = options.current()
  const { decision, refusal } = judged(options, principal, 'policy/read', null)
  const own = ownDecision(set.version, 'callers see what is bound to themselves')
  return {
    operation: operationOf('policy/read', null),
    decision: refusal === null ? decision : own,
    async answer() {
      const uids = principalUids(principal)
      const may = createMay(options, principal, 'policy/read')
      const everything = refusal === null
      const anywhere = placesWith(set, principal, 'policy/read')
      const bindings = set.written.bindings.bindings.flatMap((binding) => {
        const isOwn = isOneOf(binding.principal, uids)
        const mayRead = everything || may(placeOfBound(binding.resource))
        return isOwn || mayRead ? [bindingShown(options, set, binding, mayRead)] : []
      })
      const named = new Set(bindings.map(({ template }) => template))
      const templates = [...set.templates.values()]
        .filter(({ id }) => anywhere === null || anywhere.length > 0 || named.has(id))
        .map(({ id, effect, reason, identity }) => ({
          id,
          effect,
          reason,
          ...(everything ? { identity } : {}),
        }))
      return {
        version: set.version,
        commit: everything ? await commitOf(options.directory) : null,
        // null: these are not for the caller
        changes:
          whereReadable(options, principal).refusal === null
            ? '/_harness/api/policy/changes'
            : null,
        lastUseSince: new Date(options.uses.since).toISOString(),
        bindings,
        templates,
      }
    },
  }
}

export function whoCanCall(
  options: PolicyCallOptions,
  { params }: Target,
  principal: Principal,
): OwnCall {
  refuseUnknown(params, ['action', 'on'])
  const set = options.current()
  const place = placeAsked(options, params.get('on'), principal)
  const actions = actionsAsked(set, params.get('action'))
  const { decision, refusal } = judged(options, principal, 'policy/read', place)
  if (refusal !== null) throw refusal
  return {
    operation: operationOf('policy/read', place),
    decision,
    answer: () => ({
      on: place,
      actions: actions.map(({ id }) => id),
      value: gridOf(set, actions, place),
      policyVersion: set.version,
    }),
  }
}

function bindingShown(
  { uses }: PolicyCallOptions,
  set: PolicySet,
  binding: Binding,
  mayRead: boolean,
) {
  const { id, template, principal, resource, from, until, shadow } = binding
  const used = uses.of(`${template}@${id}`)
  return {
    id,
    template,
    principal: named(set, principal),
    resource: named(set, resource),
    from: timeOrNull(from),
    until: timeOrNull(until),
    inForce: isInForce(binding, set.at),
    shadow,
    lastUse: timeOrNull(used),
    // who asked for it and why is for those who review it
    ...(mayRead
      ? {
          reason: binding.reason,
          ticket: binding.ticket,
          requestedBy: binding.requestedBy,
          at: `${binding.file}:${binding.line}`,
        }
      : {}),
  }
}

const timeOrNull = (time: number | null): string | null =>
  time === null ? null : new Date(time).toISOString()

const named = (set: PolicySet, { type, id }: Uid) => ({
  type,
  id,
  name: nameOf(set.bindings.names, { type, id }),
})

const placeOfBound = ({ type, id }: Uid): string | null => (type === GATEWAY.type ? null : id)

/** @throws Refusal `bad_query` */
function placeAsked(
  { placeOf }: PolicyCallOptions,
  on: string | undefined,
  principal: Principal,
): string {
  if (on === undefined || on === '')
    throw new Refusal('bad_query', '"on" is missing: on what', {
      remedy: 'add on=, with an ARM id or the name of a workspace of yours',
    })
  const place = placeOf(principal, on)
  if (place === null)
    throw new Refusal('not_found', 'nothing that you have access to is called so', {
      remedy: 'give its ARM id',
    })
  return place
}

/** @throws Refusal `bad_query` for none, too many, or one that there is not */
function actionsAsked(set: PolicySet, text: string | undefined): readonly Action[] {
  const names = (text ?? '').split(',').filter((name) => name !== '')
  if (names.length === 0 || names.length > MOST_ACTIONS)
    throw new Refusal('bad_query', `"action" is from 1 to ${MOST_ACTIONS} actions, with commas`)
  return names.map((name) => {
    const isOwn = name.toLowerCase().startsWith(`${OWN_PROVIDER}/`.toLowerCase())
    const found = isOwn
      ? set.words.actions.find(({ id }) => id.toLowerCase() === name.toLowerCase())
      : actionNamed(set, name)
    if (found === undefined || found === null)
      throw new Refusal('bad_query', '"action" names an action that there is not', {
        remedy: 'see docs/policy-matrix.md for all of them',
      })
    return found
  })
}

/** A row for everybody whom some rule names and who can do one of the actions. */
function gridOf(set: PolicySet, actions: readonly Action[], place: string) {
  const rows = new Map<string, { readonly principal: Uid; readonly may: May[] }>()
  const policies = new Map<string, Set<string>>()
  for (const [column, action] of actions.entries()) {
    for (const found of whoCan(set, action, place)) {
      const key = `${found.principal.type} ${found.principal.id}`
      const row = rows.get(key) ?? { principal: found.principal, may: actions.map(() => 'refuse') }
      row.may[column] = found.may
      rows.set(key, row)
      policies.set(key, new Set([...(policies.get(key) ?? []), ...found.policies]))
    }
  }
  return [...rows].map(([key, { principal, may }]) => ({
    principal: named(set, principal),
    may,
    policies: [...(policies.get(key) ?? [])],
  }))
}
