/**
 * What the repository of the policies tells: the version of each commit, and when each binding came, changed and went.
 * @module
 */
import type { Binding } from '../../policy/load/bindings.ts'
import type { PolicySet } from '../../policy/load/rules.ts'
import type { Io } from '../io.ts'
import type { Table } from '../csv.ts'
import { historyOf, type Commit } from '../policy/history.ts'
import type { PolicyOptions } from '../policy/options.ts'
import { bindingDigest, timeText, uidText } from '../review/rows.ts'
import type { Period } from './chains.ts'

/** A binding that a commit added, removed or changed. */
export interface BindingChange {
  readonly commit: Commit
  readonly what: 'added' | 'removed' | 'changed'
  /** As it is afterwards; of a removed one, as it was. */
  readonly binding: Binding
}

export interface History {
  /** By the version of their policies; of several commits with the same one, the oldest. */
  readonly commits: ReadonlyMap<string, Commit>
  /** The oldest first. */
  readonly changes: readonly BindingChange[]
}

const MAX_COMMITS = 10_000

type Bindings = ReadonlyMap<string, { readonly binding: Binding; readonly digest: string }>

/** @throws Problem where git cannot read it */
export async function readHistory(policies: PolicyOptions, io: Io): Promise<History> {
  const commits = new Map<string, Commit>()
  const changes: BindingChange[][] = []
  let newer: { readonly commit: Commit; readonly bindings: Bindings } | null = null
  for await (const { commit, set } of historyOf(policies, MAX_COMMITS, io)) {
    if (set === null) continue
    commits.set(set.version, commit)
    const bindings = bindingsOf(set)
    if (newer !== null) changes.push([...changesBetween(bindings, newer.bindings, newer.commit)])
    newer = { commit, bindings }
  }
  if (newer !== null) changes.push([...changesBetween(new Map(), newer.bindings, newer.commit)])
  return { commits, changes: changes.toReversed().flat() }
}

const bindingsOf = (set: PolicySet): Bindings =>
  new Map(
    set.written.bindings.bindings.map((binding) => [
      binding.id,
      { binding, digest: bindingDigest(set, binding) },
    ]),
  )

function* changesBetween(
  before: Bindings,
  after: Bindings,
  commit: Commit,
): Generator<BindingChange> {
  for (const [id, { binding, digest }] of after) {
    const was = before.get(id)
    if (was === undefined) yield { commit, what: 'added', binding }
    else if (was.digest !== digest) yield { commit, what: 'changed', binding }
  }
  for (const [id, { binding }] of before)
    if (!after.has(id)) yield { commit, what: 'removed', binding }
}

/** Changes of bindings in the period, and those that ended in it by themselves. */
export function bindingTable(
  changes: readonly BindingChange[],
  bindings: readonly Binding[],
  { from, to }: Period,
): Table {
  const isIn = (time: number): boolean => time >= from && time < to
  const rows = [
    ...changes
      .filter(({ commit }) => isIn(Date.parse(commit.time)))
      .map(({ commit, what, binding }) =>
        rowOf(new Date(commit.time).toISOString(), what, binding, commit),
      ),
    ...bindings
      .filter(({ until }) => until !== null && isIn(until))
      .map((binding) => rowOf(timeText(binding.until), 'ended', binding, null)),
  ]
  return {
    path: '02-access-changes/bindings.csv',
    columns: [
      'time',
      'change',
      'binding',
      'template',
      'principal',
      'resource',
      'from',
      'until',
      'reason',
      'ticket',
      'requested_by',
      'commit',
      'author',
    ],
    rows: rows.sort(([one = ''], [other = '']) => (String(one) < String(other) ? -1 : 1)),
    what: 'Bindings that commits of the period added, changed or removed, by the time of the commit, and those that ended in it; templates that changed count as changes of their bindings.',
  }
}

const rowOf = (time: string, what: string, binding: Binding, commit: Commit | null) => [
  time,
  what,
  binding.id,
  binding.template,
  uidText(binding.principal),
  uidText(binding.resource),
  timeText(binding.from),
  timeText(binding.until),
  binding.reason,
  binding.ticket,
  binding.requestedBy,
  commit?.commit,
  commit?.author,
]
