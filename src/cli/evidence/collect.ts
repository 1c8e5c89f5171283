/**
 * `evidence collect`: what an auditor asks for of a period, from records, policies and reviews, with the proof that
 * nothing of it is missing.
 * @module
 */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { idIn } from '../../approvals/documents.ts'
import { grantIn } from '../../approvals/grants/documents.ts'
import { bytesIn } from '../../audit/inspect/stream.ts'
import { chainsIn } from '../../audit/inspect/verify.ts'
import type { Binding } from '../../policy/load/bindings.ts'
import { loadPolicy } from '../../policy/load/load.ts'
import { examineLedger, type Examined } from '../approvals/verify.ts'
import { checkChain } from '../audit/check-chain.ts'
import { timeOf } from '../audit/given.ts'
import { EXIT, type Io } from '../io.ts'
import { show, type Output } from '../output.ts'
import { policyOptions, type PolicyOptions, type PolicyValues } from '../policy/options.ts'
import { Problem, UsageError } from '../problem.ts'
import { createProgress } from '../progress.ts'
import type { ReviewRow } from '../review/rows.ts'
import { VERSION } from '../version.ts'
import { accessOf } from './access.ts'
import { accessReviewOf, readReviews } from './access-review.ts'
import { approvalsOf } from './approvals.ts'
import { digestOf, fileOf, linesOf, README, writeBundle, type File } from './bundle.ts'
import { mappingTable, type Control } from './controls/controls.ts'
import type { Table } from '../csv.ts'
import { denialTables, keyTable } from './denials.ts'
import { exceptionTable, type Exception } from './exceptions.ts'
import { bindingTable, readHistory, type History } from './history.ts'
import { integrityOf, type Checked } from './integrity.ts'
import { leaversOf, leaversTable, type Leaver } from './leavers.ts'
import type { Period } from './chains.ts'
import { mappingOf } from './controls/mapping.ts'
import { outOfBand, readDrift, type Granted } from './out-of-band.ts'
import { gather, recordsOf, type Gathered } from './records.ts'
import { reportOf } from './report.ts'
import { recordsFile, trailTable, type Traced } from './samples.ts'
import { sourcesOf, type Source } from './sources.ts'
import { versionsOf } from './versions.ts'

/** Complete, but not everything went as the controls say. */
const WITH_EXCEPTIONS = 3

export interface CollectOptions extends PolicyValues {
  readonly from: string
  readonly to: string
  readonly out: string
  readonly spool?: readonly string[] | undefined
  readonly records?: readonly string[] | undefined
  readonly repository?: true | undefined
  readonly ledger?: string | undefined
  readonly keys?: string | undefined
  readonly leavers?: string | undefined
  readonly review?: readonly string[] | undefined
  readonly drift?: string | undefined
  readonly mapping?: string | undefined
  readonly sample: number
  readonly seed: string
  readonly sign?: string | undefined
  readonly output: Output
}

export async function collect(options: CollectOptions, io: Io): Promise<number> {
  const out = resolve(io.cwd, options.out)
  if (existsSync(out)) throw new Problem(`"${out}" is there already`, 'name a folder that is not')
  const key = options.sign === undefined ? null : await signingKey(resolve(io.cwd, options.sign))
  const sources = await read(options, io)
  const judged = await judge(sources, io)
  const { exceptions } = judged
  const sample = await recordsOf(sources.sources, sources.found.sample, io)
  const trails = trailTable(sample, { ...tracedBy(sources), bindings: judged.bindings })
  const tables = [...judged.tables, trails]
  const files = [
    ...tables.map(fileOf),
    ...(await documentsOf(sources.ledger, judged.documents)),
    recordsFile(sample),
  ]
  await writeBundle(
    out,
    [
      ...files,
      ...tables.map(linesOf),
      {
        path: 'index.html',
        text: pageOf(sources, exceptions, files),
        rows: null,
        what: 'All of this for people.',
      },
      { path: 'README.txt', text: README, rows: null, what: 'How to check this bundle.' },
    ],
    manifestOf(options, sources, exceptions, io),
    key,
  )
  tell(io, options.output, { out, records: sources.found.records, exceptions })
  if (exceptions.some(({ kind }) => kind === 'incomplete')) return EXIT.failed
  return exceptions.length > 0 ? WITH_EXCEPTIONS : EXIT.ok
}

/** All that a bundle is made of. */
interface Sources {
  readonly period: Period
  readonly sources: readonly Source[]
  readonly found: Gathered
  /** Of each chain of each spool. */
  readonly checked: readonly Checked[]
  readonly policies: PolicyOptions
  /** Null without a repository. */
  readonly history: History | null
  readonly ledger: (Examined & { readonly folder: string }) | null
  readonly leavers: readonly Leaver[]
  /** Tables of reviews of access; null without any. */
  readonly reviews: readonly ReviewRow[] | null
  /** Null if Azure was not asked. */
  readonly granted: readonly Granted[] | null
  readonly controls: readonly Control[]
}

/** Each chain of each spool, verified. */
async function checkChains(sources: readonly Source[], io: Io): Promise<readonly Checked[]> {
  const spools = sources.filter(({ kind }) => kind === 'spool')
  const total = spools.reduce((sum, { path }) => sum + bytesIn(path), 0)
  const progress = createProgress(io, 'checking records', total)
  const all: Checked[] = []
  for (const { path, name } of spools)
    for (const chain of chainsIn(path))
      all.push({ source: name, verdict: await checkChain(chain, [], progress) })
  progress.end()
  return all
}

async function read(options: CollectOptions, io: Io): Promise<Sources> {
  const period = periodOf(options, io)
  const path = (given: string): string => resolve(io.cwd, given)
  const { spool = [], records = [] } = options
  if (spool.length + records.length === 0) throw new UsageError('--spool or --records is needed')
  const sources = sourcesOf(spool.map(path), records.map(path))
  const ledger = await ledgerOf(options, path, io)
  const leavers = options.leavers === undefined ? [] : await leaversOf(path(options.leavers))
  const policies = await policyOptions(options, io)
  const history = options.repository === true ? await readHistory(policies, io) : null
  const { review, drift, mapping } = options
  const reviews = review === undefined ? null : await readReviews(review.map(path))
  const granted = drift === undefined ? null : await readDrift(path(drift))
  const controls = await mappingOf(mapping === undefined ? null : path(mapping))
  const { sample, seed } = options
  const found = await gather({ ...period, sources, sample, seed }, io)
  const checked = await checkChains(sources, io)
  const given = { policies, history, ledger, leavers, reviews, granted, controls }
  return { period, sources, found, checked, ...given }
}

/** The tables of all that was read, and what an auditor has to look at. */
async function judge(
  sources: Sources,
  io: Io,
): Promise<{
  readonly tables: readonly Table[]
  readonly exceptions: readonly Exception[]
  /** Ids of reviews and grants whose documents belong to the bundle. */
  readonly documents: ReadonlySet<string>
  /** Of the policies at the end of the period, in force or not. */
  readonly bindings: readonly Binding[]
}> {
  const { period, checked, found, policies, history, ledger, leavers } = sources
  const { reviews, granted, controls } = sources
  const integrity = integrityOf(checked, found, period)
  const set = await loadPolicy(policies)
  const { bindings } = set.written.bindings
  const access = accessOf(set, found, period)
  const versions = versionsOf(found, history?.commits ?? null)
  const approvals = ledger === null ? null : approvalsOf(ledger, found, period)
  const left = leaversTable(leavers, found)
  const reviewing = { bindings, history, period, now: io.now() }
  const reviewed = reviews === null ? null : accessReviewOf({ ...reviewing, rows: reviews })
  const azure = granted === null ? null : outOfBand(granted)
  const exceptions = [
    ...integrity.exceptions,
    ...versions.exceptions,
    ...(approvals?.exceptions ?? noLedger(found)),
    ...(reviewed?.exceptions ?? []),
    ...left.exceptions,
    ...(azure?.exceptions ?? []),
    ...access.exceptions,
  ].sort(byKind)
  return {
    exceptions,
    bindings,
    documents: approvals?.ids ?? new Set(),
    tables: [
      exceptionTable(exceptions),
      mappingTable(controls, exceptions),
      ...access.tables,
      bindingTable(history?.changes ?? [], bindings, period),
      left.table,
      ...(azure === null ? [] : [azure.table]),
      ...(reviewed?.tables ?? []),
      ...versions.tables,
      ...(approvals?.tables ?? []),
      ...denialTables(found),
      ...integrity.tables,
      keyTable(integrity.keyIds),
    ],
  }
}

const tracedBy = ({ history, ledger }: Sources): Omit<Traced, 'bindings'> => ({
  commits: history?.commits ?? null,
  documents: ledger?.documents ?? null,
})

const iso = (time: number): string => new Date(time).toISOString()

function pageOf(
  sources: Sources,
  exceptions: readonly Exception[],
  files: readonly File[],
): string {
  const { period, found, controls } = sources
  return reportOf({
    controls,
    unknown: unknownIn(sources),
    from: iso(period.from),
    to: iso(period.to),
    exceptions,
    files,
    records: found.records,
  })
}

/** What nothing that was given tells: it is on the page, never shown as fine. */
function unknownIn({ history, ledger, leavers, reviews, granted }: Sources): readonly string[] {
  const notGiven: readonly (readonly [boolean, string])[] = [
    [history === null, 'which commits the policies are of (--repository)'],
    [ledger === null, 'reviews, verdicts and grants (--ledger with --keys)'],
    [reviews === null, 'whether access was reviewed, and what came of it (--review)'],
    [granted === null, 'what Azure grants besides what the policies need (--drift)'],
    [leavers.length === 0, 'whether those who have left could still call (--leavers)'],
  ]
  return notGiven.flatMap(([isUnknown, what]) => (isUnknown ? [what] : []))
}

function manifestOf(
  { sample, seed }: CollectOptions,
  all: Sources,
  exceptions: readonly Exception[],
  io: Io,
): Readonly<Record<string, unknown>> {
  const { period, sources, found, ledger, history } = all
  return {
    notGiven: unknownIn(all),
    tool: 'azureml-harness evidence collect',
    version: VERSION,
    made: iso(io.now()),
    period: { from: iso(period.from), to: iso(period.to) },
    options: { sample, seed, withRepository: history !== null, withLedger: ledger !== null },
    inputs: inputsOf(sources, found, ledger),
    records: found.records,
    exceptions: exceptions.length,
    complete: !exceptions.some(({ kind }) => kind === 'incomplete'),
  }
}

function periodOf(options: CollectOptions, io: Io): Period {
  const from = timeOf('--from', options.from, io.now())
  const to = timeOf('--to', options.to, io.now())
  if (from >= to) throw new UsageError('--from must be before --to')
  return { from, to }
}

async function signingKey(file: string): Promise<KeyObject> {
  const key = createPrivateKey(await readFile(file))
  if (key.asymmetricKeyType === 'ed25519') return key
  throw new Problem(`"${file}" is no Ed25519 key`, 'openssl genpkey -algorithm ed25519 makes one')
}

async function ledgerOf(
  { ledger, keys }: CollectOptions,
  path: (given: string) => string,
  io: Io,
): Promise<Sources['ledger']> {
  if ((ledger === undefined) !== (keys === undefined))
    throw new UsageError('--ledger and --keys need each other')
  if (ledger === undefined || keys === undefined) return null
  const folder = path(ledger)
  return { ...(await examineLedger(folder, path(keys), io)), folder }
}

function noLedger({ reviews }: Gathered): readonly Exception[] {
  return reviews.size === 0
    ? []
    : [
        {
          kind: 'incomplete',
          control: 'AMH-07',
          what: `${reviews.size} reviews let calls through, and no ledger was given`,
          where: '05-approvals',
        },
      ]
}

const byKind = (one: Exception, other: Exception): number =>
  Number(other.kind === 'incomplete') - Number(one.kind === 'incomplete')

/** The documents themselves, so that they can be verified without the ledger. */
async function documentsOf(
  ledger: Sources['ledger'],
  ids: ReadonlySet<string>,
): Promise<readonly File[]> {
  if (ledger === null) return []
  const { documents, folder } = ledger
  const wanted = documents.filter((name) => ids.has(idIn(name) ?? grantIn(name) ?? ''))
  return Promise.all(
    wanted.map(async (name) => ({
      path: `05-approvals/documents/${name}`,
      text: await readFile(join(folder, name), 'utf8'),
      rows: null,
      what: 'A signed document of the ledger.',
    })),
  )
}

function inputsOf(
  sources: readonly Source[],
  { chains }: Gathered,
  ledger: Examined | null,
): readonly object[] {
  const ofSources = sources.map(({ kind, name, sha256 }) => ({ kind, name, sha256 }))
  const ofChains = [...chains].map(([id, part]) => ({
    kind: 'chain',
    id,
    firstSeq: part.firstSeq,
    lastSeq: part.lastSeq,
    records: part.records,
  }))
  if (ledger === null) return [...ofSources, ...ofChains]
  const { documents } = ledger
  return [
    ...ofSources,
    ...ofChains,
    { kind: 'ledger', documents: documents.length, sha256OfNames: digestOf(documents.join('\n')) },
  ]
}

function tell(
  io: Io,
  output: Output,
  {
    out,
    records,
    exceptions,
  }: { readonly out: string; readonly records: number; readonly exceptions: readonly Exception[] },
): void {
  const incomplete = exceptions.filter(({ kind }) => kind === 'incomplete')
  show(io, output, {
    json: () => ({ out, records, exceptions: exceptions.length, incomplete: incomplete.length }),
    table: () => [
      `${out}: ${records} records, ${exceptions.length} exceptions`,
      ...incomplete.map(({ what, where }) => `incomplete: ${where}: ${what}`),
      'read exceptions.csv first; index.html is for people',
    ],
    tsv: () => [[out, records, exceptions.length, incomplete.length]],
  })
}
