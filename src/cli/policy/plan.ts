/**
 * `policy plan OLD NEW`: who may do more or less with other policies, whatever was asked so far.
 * @module
 */
import { setImmediate } from 'node:timers/promises'
import type { PolicySet } from '../../policy/load/rules.ts'
import { changedRules, planOf, type PlannedChange } from '../../policy/review/plan.ts'
import { PROVIDER } from '../../vocabulary/resource-types.ts'
import type { Io } from '../io.ts'
import { show, type Output } from '../output.ts'
import { createProgress, type Progress } from '../progress.ts'
import { optionsFor, type DirectoryOptions } from './directory.ts'
import { loadShown } from './options.ts'

export interface PlanOptions extends DirectoryOptions {
  /** Directories. */
  readonly old: string
  readonly now: string
  readonly output: Output
}

/** As other tools that plan have it. */
const PLAN_EXIT = { none: 0, changes: 2 } as const
/** More names do not help a reader; JSON has all. */
const MAX_SHOWN = 12

export async function policyPlan(options: PlanOptions, io: Io): Promise<number> {
  const before = await loadShown(await optionsFor(options, options.old, io), io)
  const after = await loadShown(await optionsFor(options, options.now, io), io)
  const changes: PlannedChange[] = []
  let progress: Progress | null = null
  for (const step of planOf(before, after)) {
    progress ??= createProgress(io, 'comparing', step.of)
    progress.add(1)
    changes.push(...step.changes)
    // lets an interrupt in
    await setImmediate()
    io.signal.throwIfAborted()
  }
  progress?.end()
  const rules = changedRules(before, after)
  show(io, options.output, {
    json: () => ({ before: before.version, after: after.version, changes, rules }),
    table: () => linesOf(changes, after),
    tsv: () =>
      changes.flatMap(({ principal, on, before: was, after: is, actions }) =>
        actions.map((action) => [`${principal.type} ${principal.id}`, on, was, is, action]),
      ),
  })
  const identities = after.written.bindings.order.join() !== before.written.bindings.order.join()
  if (identities) io.err('the order of "identities" changes: calls may go out under another one')
  if (rules.length > 0)
    io.err(
      `rules that differ, so that their conditions or effects may: ${rules.join(', ')}; policy diff replays recorded calls`,
    )
  return changes.length + rules.length === 0 && !identities ? PLAN_EXIT.none : PLAN_EXIT.changes
}

const SIGN = { permit: '+', depends: '~', refuse: '-' } as const
const WORD = {
  permit: 'permitted',
  depends: 'permitted depending on facts or sign-in',
  refuse: 'refused',
} as const

function* linesOf(changes: readonly PlannedChange[], set: PolicySet): Generator<string> {
  if (changes.length === 0) yield 'nobody may do more or less'
  const nameOf = (type: string, id: string): string => {
    for (const [name, named] of set.written.bindings.names)
      if (named === id && name.startsWith(`${type} `)) return name.slice(type.length + 1)
    return id
  }
  for (const { principal, on, before, after, actions } of changes) {
    const who =
      principal.id === 'harness/stranger'
        ? 'whoever is named nowhere'
        : `${principal.type} ${nameOf(principal.type, principal.id)}`
    const where = on.endsWith('/elsewhere') ? 'what is named nowhere' : nameOf('Workspace', on)
    yield `${SIGN[after]} ${who} on ${where}: ${WORD[before]} -> ${WORD[after]}`
    for (const action of actions.slice(0, MAX_SHOWN))
      yield `    ${action.replace(`${PROVIDER}/`, '')}`
    if (actions.length > MAX_SHOWN)
      yield `    and ${actions.length - MAX_SHOWN} more (--output json)`
  }
}
