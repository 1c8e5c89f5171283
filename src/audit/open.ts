/**
 * Opens the audit trail: lock, recovery, spool, sinks; or says why the gateway must not start.
 * @module
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { formatKey } from '../config/faults.ts'
import { auditFaults, spoolLimits } from './faults.ts'
import { diskFiles, type SpoolFiles } from './spool/files.ts'
import { draftOf } from './record/draft.ts'
import { chainNames, createSpoolDirectory } from './spool/spool-directory.ts'
import { loadSigner } from './spool/keys.ts'
import { takeLock, type Lock } from './spool/lock-file.ts'
import { collectMetrics } from './metrics.ts'
import { openCursor, type Cursor } from './ship/cursor.ts'
import { privateDirectory } from './spool/permissions.ts'
import {
  createRecorder,
  eventRow,
  unknownOutcomeRow,
  type CountingRecorder,
} from './create-recorder.ts'
import { recover, type OnRead, type Recovered } from './spool/recover.ts'
import type { RecordSource } from './search/records.ts'
import { configuredSearch } from './search/configured.ts'
import { createSpoolSearch } from './search/spool.ts'
import type { CloudName } from '../vocabulary/clouds.ts'
import { createRecent, type Recent } from './ship/recent.ts'
import { createRetention } from './ship/retention.ts'
import { createShipper, TIMING, type Shipper, type Timing } from './ship/shipper.ts'
import { createFreeSpace, type FreeSpace } from './spool/free-space.ts'
import { createSpool, type Spool } from './spool/spool.ts'
import { makeSink, wantsOcsf } from './ship/sinks/sinks.ts'
import { Refusal } from '../errors.ts'
import type { AuditConfig } from '../config/schema/schema.ts'
import type { Sink, SinkContext } from './ship/sinks/sink.ts'
import type { Detail, Recorder } from './recorder.ts'
import type { Log } from '../lib/log.ts'
import type { Metric } from '../lib/metric.ts'

const MB = 1_048_576
const MIN_RESERVE_BYTES = 65_536
const MAX_RESERVE_BYTES = 4 * MB
const RETENTION_LOOK_MS = 1_000

export interface AuditOptions {
  /** All paths absolute. */
  readonly config: AuditConfig
  readonly hashKey: Buffer | null
  readonly credential: SinkContext['credential']
  /** Reads the secrets of sinks; needed as soon as one has a token. */
  readonly secret?: SinkContext['secret']
  readonly version: string
  /** Where Azure Monitor is, if records are searched there; AzureCloud by default. */
  readonly cloud?: CloudName
  readonly now: () => number
  readonly log: Log
  /** Told how far the reading of a spool that is there already is. */
  readonly onRead?: OnRead
  /** The disk and the clocks of shipping, for tests that make them fail. */
  readonly files?: SpoolFiles
  readonly timing?: Partial<Timing>
}

/** The trail, for operators. Bytes, and seconds. */
export interface AuditState {
  readonly spool: {
    readonly records: number
    readonly segments: number
    readonly bytes: number
    readonly softLimitBytes: number
    readonly hardLimitBytes: number
    readonly diskFreeBytes: number
    readonly durability: AuditConfig['spool']['durability']
  }
  readonly sinks: readonly {
    readonly name: string
    readonly kind: string
    readonly required: boolean
    readonly state: ReturnType<Shipper['state']>
    /** Records that it does not have yet. */
    readonly unshipped: number
    /** Since when it has not been all caught up or moved on; 0 if nothing waits. */
    readonly waitingSeconds: number
  }[]
}

export interface Audit {
  readonly recorder: Recorder
  /** Whether a request may begin. Never throws. */
  ready(): { ok: boolean; reasons: string[] }
  metrics(): Metric[]
  readonly records: RecordSource
  state(): AuditState
  /** Stops writing, ships until the deadline, and counts what a required sink does not have yet. */
  close(deadlineMs: number, hasten?: AbortSignal): Promise<{ unshipped: number }>
}

const noSecret: SinkContext['secret'] = () => {
  throw new Error('an audit sink names a secret that nobody can read')
}

function chainOf(directory: string): string {
  const found = chainNames(directory)
  if (found.length > 1) {
    throw new Error(`the audit spool "${directory}" holds ${found.length} chains: one each spool`)
  }
  return found[0] ?? randomUUID()
}

/** The spool's limits, and what is set aside for the records of a disk that is full. */
function limitsOf(spool: AuditConfig['spool']) {
  const limits = spoolLimits(spool)
  const reserveBytes = Math.min(
    MAX_RESERVE_BYTES,
    Math.max(MIN_RESERVE_BYTES, Math.floor(limits.segmentBytes / 16)),
  )
  return { ...limits, reserveBytes }
}

/** Opens the trail; throws an Error that names the fault if the gateway must not start. */
export async function openAudit(options: AuditOptions): Promise<Audit> {
  const { config } = options
  const [fault] = auditFaults(config)
  if (fault !== undefined)
    throw new Error(`${formatKey(['audit', ...fault.path])}: ${fault.message}`)
  const limits = limitsOf(config.spool)
  const root = config.spool.directory
  privateDirectory(root)
  const lock = takeLock(`${root}/lock`)
  try {
    return await openLocked(options, limits, lock)
  } catch (error) {
    await lock.release()
    if (!(error instanceof Refusal)) throw error
    const why = error.detail.inner ?? 'unknown'
    throw new Error(`the audit spool "${root}" cannot be written: ${why}`, { cause: error })
  }
}

/** Where records go: a sink, how far it is, and whether its rows have their OCSF event. */
interface Route {
  readonly sink: Sink
  readonly cursor: Cursor
  readonly ocsf: boolean
}

async function openRoutes(
  { config, credential, secret = noSecret, version }: AuditOptions,
  before: number,
  isOurs: () => Promise<boolean>,
): Promise<Route[]> {
  const sinks: Omit<Route, 'cursor'>[] = []
  for (const sink of config.sinks) {
    const made = await makeSink(sink, { credential, secret, version })
    sinks.push({ sink: made, ocsf: wantsOcsf(sink) })
  }
  const routes: Route[] = []
  for (const one of sinks) {
    const cursor = await openCursor(config.spool.directory, one.sink.name, before, isOurs)
    routes.push({ ...one, cursor })
  }
  return routes
}

async function closeRoutes(routes: readonly Route[]): Promise<void> {
  for (const { sink, cursor } of routes) {
    await cursor.close()
    await sink.close()
  }
}

/** Writes the records of a start: `audit_opened`, one for each repair, and `unknown` for each intent without an end. */
async function recordStart(
  { config, now }: AuditOptions,
  { spool, recorder, recovered, keyId }: Start,
): Promise<void> {
  await recorder.event('audit_opened', {
    durability: config.spool.durability,
    sinks: config.sinks.map(({ name }) => name).join(','),
    keyId,
    records: recovered.end.seq,
  })
  for (const repair of recovered.repairs) await recorder.event('recovered', { ...repair })
  await Promise.all(
    recovered.openIntents.map((row) =>
      spool.append(draftOf('completed', unknownOutcomeRow(row), now), 'reserved'),
    ),
  )
}

function startShippers(
  { config, timing, log }: AuditOptions,
  routes: readonly Route[],
  { spool, recorder, recent }: Pick<Start, 'spool' | 'recorder'> & { readonly recent: Recent },
): Shipper[] {
  return routes.map(({ sink, cursor, ocsf }) =>
    createShipper({
      sink,
      spool,
      cursor,
      ocsf,
      recent: recent.reader(ocsf),
      directory: config.spool.directory,
      timing: { ...TIMING, ...timing },
      event: (name, fields) => recorder.event(name, fields),
      log,
    }),
  )
}

interface Start {
  readonly spool: Spool
  readonly recorder: Recorder
  readonly recovered: Recovered
  readonly keyId: string
}

/** Deletes segments that may be deleted, once a second; returns what ends that. */
function startRetention(retire: () => Promise<void>, log: Log): () => void {
  const timer = setInterval(() => {
    retire().catch((error: unknown) => {
      log({ error: String(error) }, 'an audit segment could not be deleted')
    })
  }, RETENTION_LOOK_MS)
  timer.unref()
  return () => {
    clearInterval(timer)
  }
}

async function openLocked(
  options: AuditOptions,
  { reserveBytes, ...limits }: ReturnType<typeof limitsOf>,
  lock: Lock,
): Promise<Audit> {
  const { config, version, now, log } = options
  const root = config.spool.directory
  const files = options.files ?? diskFiles
  const chainId = chainOf(root)
  const directory = `${root}/${chainId}`
  privateDirectory(directory)
  const signer = loadSigner(config.spool.signingKeyFile, root)
  const recovered = await recover(directory, chainId, files, options.onRead)
  const bootId = `${String(recovered.boots + 1).padStart(6, '0')}${randomBytes(2).toString('hex')}`
  const spoolDirectory = createSpoolDirectory({ root, chainId, bootId, lock })
  const before = (recovered.segments[0]?.firstSeq ?? 1) - 1
  const space = await createFreeSpace({ directory: root, files, reserveBytes, log })
  const routes = await openRoutes(options, before, () => spoolDirectory.isOurs())
  const events = routes.some(({ ocsf }) => ocsf)
  const recent = createRecent(chainId)
  const spool: Spool = createSpool({
    ...limits,
    directory,
    chainId,
    bootId,
    signer,
    files,
    sync: config.spool.durability !== 'records-may-be-lost-on-power-failure',
    now,
    end: recovered.end,
    last: recovered.segments.at(-1) ?? null,
    segments: recovered.segments,
    space,
    eventDraft: (name, detail) => draftOf('gateway', eventRow(name, detail, version), now),
    spoolDirectory,
    durable: recent.add,
    log,
  })
  const recorder = createRecorder({
    spool,
    now,
    version,
    hashKey: options.hashKey,
    events,
    unidentified: {
      config: config.unidentified,
      limitBytes: limits.softLimitBytes,
      known: recovered.unidentified,
      log,
    },
  })
  try {
    await recordStart(options, { spool, recorder, recovered, keyId: signer.keyId })
  } catch (error) {
    await recorder.close()
    await spool.close()
    await closeRoutes(routes).catch(() => {})
    throw error
  }
  const shippers = startShippers(options, routes, { spool, recorder, recent })
  const retire = createRetention({
    spool,
    shippers,
    retentionSeconds: config.spool.retentionSeconds,
    roomBytes: limits.softLimitBytes / 2,
    now,
  })
  const stopRetention = startRetention(retire, log)
  const records = await searchOf(options, spool)
  const parts = { spool, recorder, shippers, space, log, records, config: config.spool }
  return auditOf(parts, async (deadlineMs, hasten) => {
    stopRetention()
    await recorder.close()
    await recorder.event('audit_closing', totalsOf(recorder)).catch(() => {})
    await spool.close()
    await Promise.all(shippers.map((shipper) => shipper.close(deadlineMs, hasten)))
    await spoolDirectory.release()
  })
}

/** What the record of the end says of callers that were not identified. */
function totalsOf({ unidentified: { totals } }: CountingRecorder): Detail {
  return {
    unidentified_own_records: totals.own,
    unidentified_counted: totals.counted,
    unidentified_summarized: totals.summarized,
  }
}

interface Parts {
  readonly spool: Spool
  readonly recorder: CountingRecorder
  readonly shippers: readonly Shipper[]
  readonly space: FreeSpace
  readonly log: Log
  readonly records: RecordSource
  readonly config: AuditConfig['spool']
}

/** Where records are searched. */
async function searchOf(
  { config: { search }, cloud = 'AzureCloud', credential, now }: AuditOptions,
  spool: Spool,
): Promise<RecordSource> {
  return search === undefined
    ? createSpoolSearch({ segments: () => spool.segments(), chainId: spool.chainId, now })
    : configuredSearch(search, cloud, credential, now)
}

function sinkState(shipper: Shipper, end: number): AuditState['sinks'][number] {
  const since = shipper.waitingSince()
  const { name, kind, required } = shipper.sink
  return {
    name,
    kind,
    required,
    state: shipper.state(),
    unshipped: Math.max(0, end - shipper.seq()),
    waitingSeconds: since === null ? 0 : Math.round((performance.now() - since) / 1000),
  }
}

/** The interface of an open trail. */
function auditOf(
  { spool, recorder, shippers, space, log, records, config }: Parts,
  shut: (deadlineMs: number, hasten?: AbortSignal) => Promise<void>,
): Audit {
  let closing: Promise<{ unshipped: number }> | null = null

  async function close(deadlineMs: number, hasten?: AbortSignal): Promise<{ unshipped: number }> {
    await shut(deadlineMs, hasten)
    const required = shippers.filter(({ sink }) => sink.required)
    const unshipped = Math.max(0, ...required.map((shipper) => spool.end() - shipper.seq()))
    if (unshipped > 0) log({ unshipped }, 'records were not shipped before the deadline')
    return { unshipped }
  }

  return {
    recorder,
    ready() {
      const reasons = spool.reasons()
      const owed = recorder.owed()
      if (owed > 0) reasons.push(`${owed} outcomes are not on the audit disk yet`)
      return { ok: reasons.length === 0, reasons }
    },
    metrics: () => collectMetrics(spool, shippers, space, recorder),
    records,
    state: () => ({
      spool: {
        records: spool.end(),
        segments: spool.segments().length,
        bytes: spool.bytes(),
        ...spoolLimits(config),
        diskFreeBytes: space.freeBytes(),
        durability: config.durability,
      },
      sinks: shippers.map((shipper) => sinkState(shipper, spool.end())),
    }),
    close(deadlineMs, hasten) {
      closing ??= close(deadlineMs, hasten)
      return closing
    },
  }
}
