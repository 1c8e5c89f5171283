/**
 * The sample of a bundle: all records of some requests, and for each request what led to it: the decision and its end, who
 * asked for the bindings that permitted it, the commit of the policies, and the review with its documents.
 * @module
 */
import { idIn } from '../../approvals/documents.ts'
import type { Binding } from '../../policy/load/bindings.ts'
import { fieldsOf, parseStrictJson } from '../../lib/strict-json.ts'
import type { Table, Value } from '../csv.ts'
import type { Commit } from '../policy/history.ts'
import type { File } from './bundle.ts'

/** What a request is traced through. */
export interface Traced {
  readonly bindings: readonly Binding[]
  /** By policy version; null without a repository. */
  readonly commits: ReadonlyMap<string, Commit> | null
  /** File names of the ledger; null without one. */
  readonly documents: readonly string[] | null
}

/** @param lines records as JSON */
export function recordsFile(lines: readonly string[]): File {
  return {
    path: '09-samples/records.jsonl',
    text: lines.map((line) => `${line}\n`).join(''),
    rows: lines.length,
    what: 'All records of the requests of the sample; the seed in the manifest chooses the same ones again.',
  }
}

type Columns = ReadonlyMap<string, unknown>

/** A row for each request of the records. */
export function trailTable(lines: readonly string[], traced: Traced): Table {
  const requests = new Map<string, Columns[]>()
  for (const line of lines) {
    const columns = fieldsOf(parseStrictJson(Buffer.from(line)))
    const id = text(columns, 'ExchangeId')
    requests.set(id, [...(requests.get(id) ?? []), columns])
  }
  return {
    path: '09-samples/trails.csv',
    columns: TRAIL_COLUMNS,
    rows: [...requests].map(([id, records]) => trailOf(id, records, traced)),
    what: 'Each request of the sample: decision and end, the bindings behind it, the commit of the policies, the review and its documents, and the records that say so.',
  }
}

const TRAIL_COLUMNS = [
  'request',
  'time',
  'principal',
  'action',
  'resource',
  'decision',
  'code',
  'policies',
  'binding_files',
  'requested_by',
  'tickets',
  'policy_version',
  'commit',
  'commit_author',
  'review',
  'reviewers',
  'documents',
  'outcome',
  'status',
  'end_time',
  'records',
]

function trailOf(id: string, records: readonly Columns[], traced: Traced): readonly Value[] {
  const { bindings, commits, documents } = traced
  const none: Columns = new Map()
  const end = records.find((one) => text(one, 'RecordKind') === 'completed')
  const decided =
    records.find((one) => one !== end && text(one, 'RecordKind') !== 'gateway') ?? none
  const policies = list(decided, 'PolicyIds')
  const used = bindings.filter((one) => policies.includes(`${one.template}@${one.id}`))
  const version = text(decided, 'PolicyVersion')
  const commit = commits?.get(version)
  const review = text(decided, 'ReviewId')
  return [
    id,
    text(decided, 'EventTime'),
    text(decided, 'PrincipalId'),
    text(decided, 'Action'),
    text(decided, 'TargetResourceId'),
    text(decided, 'RecordKind'),
    text(decided, 'RefusalCode'),
    policies.join(' '),
    joined(used.map(({ file }) => file)),
    joined(used.map(({ requestedBy }) => requestedBy)),
    joined(used.map(({ ticket }) => ticket)),
    version,
    commit?.commit,
    commit?.author,
    review,
    list(decided, 'Reviewers').join(' '),
    review === '' ? '' : documents?.filter((name) => idIn(name) === review).join(' '),
    text(end ?? decided, 'Outcome'),
    number(end ?? decided, 'Status'),
    text(end ?? none, 'EventTime'),
    records.map((one) => text(one, 'EventUid')).join(' '),
  ]
}

const joined = (values: readonly (string | null | undefined)[]): string =>
  [...new Set(values.filter((one) => one !== null && one !== undefined && one !== ''))].join(' ')

function text(columns: Columns, name: string): string {
  const value = columns.get(name)
  return typeof value === 'string' ? value : ''
}

function number(columns: Columns, name: string): Value {
  const value = columns.get(name)
  return typeof value === 'number' ? value : ''
}

function list(columns: Columns, name: string): readonly string[] {
  const value = columns.get(name)
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
}
