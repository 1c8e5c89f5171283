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
import { loadPolicy } from '../../policy/load/load.ts'
import { examineLedger, type Examined } from '../approvals/verify.ts'
import { checkChain } from '../audit/check-chain.ts'
import { timeOf } from '../audit/given.ts'
import { EXIT, type Io } from '../io.ts'
import { show, type Output } from '../output.ts'
import { historyOf, type Commit } from '../policy/history.ts'
import { policyOptions, type PolicyOptions, type PolicyValues } from '../policy/options.ts'
import { Problem, UsageError } from '../problem.ts'
import { createProgress } from '../progress.ts'
import { VERSION } from '../version.ts'
import { accessOf } from './access.ts'
import { approvalsOf } from './approvals.ts'
import { digestOf, fileOf, README, writeBundle, type File } from './bundle.ts'
import { mappingTable } from './controls.ts'
import type { Table } from '../csv.ts'
import { exceptionTable, type Exception } from './exceptions.ts'
import { integrityOf, type Checked } from './integrity.ts'
import { leaversOf, leaversTable, type Leaver } from './leavers.ts'
import type { Period } from './chains.ts'
import { gather, recordsOf, type Gathered } from './records.ts'
import { reportOf, STYLES } from './report.ts'
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
  const judged = await judge(sources)
  const { exceptions } = judged
  const files = [
    ...judged.tables.map(fileOf),
    ...(await documentsOf(sources.ledger, judged.documents)),
    await sampleOf(sources, io),
  ]
  await writeBundle(
    out,
    [
      ...files,
      {
        path: 'index.html',
        text: pageOf(sources, exceptions, files),
        rows: null,
        what: 'All of this for people.',
      },
      { path: 'report.css', text: STYLES, rows: null, what: 'How index.html looks.' },
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
  /** By policy version; null without a repository. */
  readonly commits: ReadonlyMap<string, Commit> | null
  readonly ledger: (Examined & { readonly folder: string }) | null
  readonly leavers: readonly Leaver[]
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
  const commits = options.repository === true ? await commitsOf(policies, io) : null
  const { sample, seed } = options
  const found = await gather({ ...period, sources, sample, seed }, io)
  const checked = await checkChains(sources, io)
  return { period, sources, found, checked, policies, commits, ledger, leavers }
}

/** The tables of all that was read, and what an auditor has to look at. */
async function judge({
  period,
  checked,
  found,
  policies,
  commits,
  ledger,
  leavers,
}: Sources): Promise<{
  readonly tables: readonly Table[]
  readonly exceptions: readonly Exception[]
  /** Ids of reviews and grants whose documents belong to the bundle. */
  readonly documents: ReadonlySet<string>
}> {
  const integrity = integrityOf(checked, found, period)
  const access = accessOf(await loadPolicy(policies), found, period)
  const versions = versionsOf(found, commits)
  const approvals = ledger === null ? null : approvalsOf(ledger, found, period)
  const left = leaversTable(leavers, found)
  const exceptions = [
    ...integrity.exceptions,
    ...versions.exceptions,
    ...(approvals?.exceptions ?? noLedger(found)),
    ...left.exceptions,
    ...access.exceptions,
  ].sort(byKind)
  return {
    exceptions,
    documents: approvals?.ids ?? new Set(),
    tables: [
      exceptionTable(exceptions),
      mappingTable(exceptions),
      ...access.tables,
      ...(approvals?.tables ?? []),
      left.table,
      ...versions.tables,
      ...denialTables(found),
      ...integrity.tables,
      keyTable(integrity.keyIds),
    ],
  }
}

const iso = (time: number): string => new Date(time).toISOString()

function pageOf(
  { period, found }: Sources,
  exceptions: readonly Exception[],
  files: readonly File[],
): string {
  return reportOf({
    from: iso(period.from),
    to: iso(period.to),
    exceptions,
    files,
    records: found.records,
  })
}

function manifestOf(
  { sample, seed }: CollectOptions,
  { period, sources, found, ledger, commits }: Sources,
  exceptions: readonly Exception[],
  io: Io,
): Readonly<Record<string, unknown>> {
  return {
    tool: 'azureml-harness evidence collect',
    version: VERSION,
    made: iso(io.now()),
    period: { from: iso(period.from), to: iso(period.to) },
    options: { sample, seed, withRepository: commits !== null, withLedger: ledger !== null },
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

/** By the version of their policies; of several commits with the same one, the oldest. */
async function commitsOf(policies: PolicyOptions, io: Io): Promise<ReadonlyMap<string, Commit>> {
  const all = new Map<string, Commit>()
  for await (const { commit } of historyOf(policies, MAX_COMMITS, io))
    if (commit.version !== null) all.set(commit.version, commit)
  return all
}

const MAX_COMMITS = 10_000

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

function denialTables({ refusals, principals }: Gathered): readonly Table[] {
  return [
    {
      path: '06-denials/by-code.csv',
      columns: ['code', 'status', 'refused', 'first', 'last'],
      rows: [...refusals]
        .sort(([, one], [, other]) => other.count - one.count)
        .map(([code, { count, first, last }]) => [...code.split('\t'), count, first, last]),
      what: 'What was refused in the period, by the code of the refusal (docs/errors.md).',
    },
    {
      path: '06-denials/by-principal.csv',
      columns: ['principal', 'requests', 'refused', 'secrets', 'first', 'last'],
      rows: [...principals]
        .sort(([one], [other]) => (one < other ? -1 : 1))
        .map(([who, { count, refused, secrets, first, last }]) => [
          who,
          count,
          refused,
          secrets,
          first,
          last,
        ]),
      what: 'Everybody who was identified in the period: requests, refusals, and permitted calls that hand out keys or tokens.',
    },
  ]
}

const keyTable = (ids: readonly (readonly [string, string])[]): Table => ({
  path: '08-keys/signing.csv',
  columns: ['chain', 'key'],
  rows: ids,
  what: 'Keys that signed checkpoints of the records.',
})

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

async function sampleOf({ sources, found: { sample } }: Sources, io: Io): Promise<File> {
  const lines = await recordsOf(sources, sample, io)
  return {
    path: '09-samples/records.jsonl',
    text: lines.map((line) => `${line}\n`).join(''),
    rows: lines.length,
    what: 'All records of the requests of the sample; the seed in the manifest chooses the same ones again.',
  }
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
