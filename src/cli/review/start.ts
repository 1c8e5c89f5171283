/**
 * `access review start`: who may do what, through which binding, and whether anybody would notice if it were removed, as
 * a table for reviewers to decide about.
 * @module
 */
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Uid } from '../../policy/load/conditions.ts'
import type { Binding } from '../../policy/load/bindings.ts'
import { isInForce } from '../../policy/load/period.ts'
import type { PolicySet, Rule } from '../../policy/load/rules.ts'
import { csvOf } from '../csv.ts'
import { gather, type Gathered } from '../evidence/records.ts'
import { sourcesOf } from '../evidence/sources.ts'
import { EXIT, type Io } from '../io.ts'
import { show, type Output } from '../output.ts'
import { policyOf, type PolicyValues } from '../policy/options.ts'
import { Problem, UsageError } from '../problem.ts'
import { createNeeded, type Needed } from './needed.ts'
import { periodOf, type NamedPeriod, type PeriodValues } from './period.ts'
import {
  bindingDigest,
  nameIn,
  policyDigest,
  reviewTable,
  timeText,
  uidText,
  type Given,
} from './rows.ts'

export interface StartOptions extends PolicyValues, PeriodValues {
  readonly out: string
  readonly spool?: readonly string[] | undefined
  readonly records?: readonly string[] | undefined
  readonly reviewer?: string | undefined
  readonly dueDays: number
  readonly output: Output
}

const DAY_MS = 86_400_000
/** As many ids as a person looks at; "people" has the number of all. */
const MAX_USERS = 200

export async function startReview(options: StartOptions, io: Io): Promise<number> {
  const period = periodOf(options, io.now())
  const path = (given: string): string => resolve(io.cwd, given)
  const { spool = [], records = [] } = options
  if (spool.length + records.length === 0) throw new UsageError('--spool or --records is needed')
  const sources = sourcesOf(spool.map(path), records.map(path))
  const { set } = await policyOf(options, io)
  const needed = createNeeded(set)
  const gathering = { ...period, sources, sample: 0, seed: '', onRecord: needed.add }
  const found = await gather(gathering, io)
  const all = rowsOf({ set, found, needed, period, due: period.to + options.dueDays * DAY_MS })
  const { reviewer } = options
  const rows =
    reviewer === undefined
      ? all
      : all.filter(({ reviewers }) => reviewers.split(' ').includes(reviewerText(set, reviewer)))
  if (rows.length === 0)
    throw new Problem(
      reviewer === undefined
        ? 'there is nothing to review'
        : `nothing is for the reviewer "${reviewer}"`,
      'the approvers in requests.yaml are the reviewers of what may be asked for there',
    )
  const out = path(options.out)
  // never over decisions that somebody wrote
  await writeFile(out, csvOf(reviewTable(rows)), { flag: 'wx' }).catch((error: unknown) => {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'EEXIST') throw error
    throw new Problem(`"${out}" is there already`, 'name a file that is not')
  })
  const gaps = gapsIn(found)
  show(io, options.output, {
    json: () => ({
      out,
      review: period.name,
      rows: rows.length,
      complete: gaps.length === 0,
      gaps,
    }),
    table: () => [`${out}: ${rows.length} rows to decide about, of ${needed.replayed()} calls`],
    tsv: () => [[out, period.name, rows.length, gaps.length === 0]],
  })
  for (const gap of gaps) io.err(`calls may be missing: ${gap}`)
  return EXIT.ok
}

/** As the column has it, of what a person types: `Group::"name"`, with the name of bindings.yaml or an id. */
function reviewerText(set: PolicySet, given: string): string {
  const [, type = '', id = ''] = /^(\w+)::"?([^"]+)"?$/u.exec(given) ?? []
  if (type === '') throw new UsageError('--reviewer takes a principal, as in Group::"ml-owners"')
  return uidText({ type, id: set.written.bindings.names.get(`${type} ${id}`) ?? id })
}

interface Reviewed {
  readonly set: PolicySet
  readonly found: Gathered
  readonly needed: Needed
  readonly period: NamedPeriod
  /** Milliseconds since the epoch. */
  readonly due: number
}

type Row = Readonly<Record<Given, string>>

/** What was in force at some time of the period or is now, and all that a policy permits by itself. */
function rowsOf(reviewed: Reviewed): readonly Row[] {
  const { set, period } = reviewed
  const bindings = set.written.bindings.bindings.filter(
    (binding) =>
      isInForce(binding, set.at) ||
      ((binding.from ?? -Infinity) < period.to && (binding.until ?? Infinity) > period.from),
  )
  const policies = [...set.written.rules.values()].filter(
    ({ link, policy, shadow }) => link === null && policy.effect === 'permit' && !shadow,
  )
  return [
    ...bindings.map((binding) => bindingRow(binding, reviewed)),
    ...policies.map((rule) => policyRow(rule, reviewed)),
  ]
}

function bindingRow(binding: Binding, reviewed: Reviewed): Row {
  const { set, needed } = reviewed
  const { id, template, principal, resource, shadow, reason, ticket, requestedBy } = binding
  return {
    ...shared(reviewed, `${template}@${id}`),
    kind: 'binding',
    through: id,
    principal: uidText(principal),
    principal_name: nameIn(set, principal),
    template,
    scope: uidText(resource),
    scope_name: nameIn(set, resource),
    from: timeText(binding.from),
    until: timeText(binding.until),
    // spreadsheets write true and false in their own way
    shadow: shadow ? 'shadow' : '',
    reason: reason ?? '',
    ticket: ticket ?? '',
    requested_by: requestedBy ?? '',
    reviewers: reviewersOf(set, template, resource).map(uidText).join(' '),
    if_removed: `${needed.changed(id)} of ${needed.replayed()} calls would change`,
    not_replayed: String(needed.unreproducible(id)),
    binding_sha256: bindingDigest(set, binding),
  }
}

function policyRow(rule: Rule, reviewed: Reviewed): Row {
  const { set } = reviewed
  const { id, policy, principal, resource } = rule
  return {
    ...shared(reviewed, id),
    kind: 'policy',
    through: id,
    principal: principal === null ? 'as its text says' : uidText(principal),
    principal_name: principal === null ? '' : nameIn(set, principal),
    template: '',
    scope: resource === null ? 'as its text says' : uidText(resource),
    scope_name: resource === null ? '' : nameIn(set, resource),
    from: '',
    until: '',
    shadow: '',
    reason: policy.reason ?? '',
    ticket: '',
    requested_by: '',
    reviewers: '',
    if_removed: '',
    not_replayed: '',
    binding_sha256: policyDigest(rule),
  }
}

function shared({ set, found, period, due }: Reviewed, rule: string) {
  const use = found.rules.get(rule)
  const people = [...(use?.callers.keys() ?? [])].sort()
  return {
    review: period.name,
    due: timeText(due),
    policy_version: set.version,
    calls: String(use?.count ?? 0),
    last_use: use?.last ?? '',
    people: String(people.length),
    used_by: people.slice(0, MAX_USERS).join(' '),
  }
}

/** Who approves such access where it is asked for: of the first rule of requests.yaml that has it. */
function reviewersOf(set: PolicySet, template: string, resource: Uid): readonly Uid[] {
  const rule = set.requests.rules.find(
    ({ template: offered, within, approvers }) =>
      offered === template &&
      approvers.length > 0 &&
      (within === null || `${resource.id}/`.startsWith(`${within.id}/`)),
  )
  return rule?.approvers ?? []
}

/** Why calls of the period may be missing from the counts. */
function gapsIn({ chains, damaged }: Gathered): readonly string[] {
  const ofChains = [...chains].flatMap(([id, { records, beginsWhole, endsWhole, missing }]) => [
    ...(records > 0 && !beginsWhole ? [`chain ${id} begins within the period`] : []),
    ...(records > 0 && !endsWhole ? [`chain ${id} ends before its gateway stopped`] : []),
    ...(missing > 0 ? [`chain ${id} lacks ${missing} records`] : []),
  ])
  const records = [...chains.values()].reduce((sum, part) => sum + part.records, 0)
  return [...(records === 0 ? ['no record is of the period'] : []), ...damaged, ...ofChains]
}
