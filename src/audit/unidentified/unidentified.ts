/**
 * Refusals of callers that were not identified: a few of each source have a record of their own, the others are counted
 * and written as one summary a source and second. So nobody without a token can fill the disk.
 * @module
 */
import { draftOf, type Draft } from '../record/draft.ts'
import { sizeOf } from '../record/spool-group.ts'
import { line } from '../record/safe-text.ts'
import { createShare, type Share } from './share.ts'
import { createTally, merged, OTHER_SOURCES, type Summary, type Tally } from './tally.ts'
import type { AuditConfig } from '../../config/schema/schema.ts'
import { networkOf } from '../../lib/network-of.ts'
import { everySecond } from '../../lib/every-second.ts'
import type { Log } from '../../lib/log.ts'
import type { Row } from '../record/column.ts'
import type { Detail } from '../recorder.ts'
import type { Lane } from '../spool/queue.ts'
import type { Spool } from '../spool/spool.ts'
import type { Segment } from '../spool/writer.ts'

/** What is counted of a refusal that has no record of its own. */
export interface Counted {
  readonly id: string
  readonly ip: string
  readonly code: string
}

export interface UnidentifiedOptions {
  readonly config: AuditConfig['unidentified']
  readonly spool: Spool
  /** The spool's limit that the share is of. */
  readonly limitBytes: number
  /** Bytes of such records in segments that were there at the start. */
  readonly known: ReadonlyMap<Segment, number>
  readonly now: () => number
  readonly version: string
  readonly event: (name: string, detail: Detail) => Promise<void>
  readonly log: Log
}

export interface Unidentified {
  /**
   * Puts a refusal on record. Resolves when its own record is durable, or at once if it was only counted.
   * @param make makes its own record
   */
  record(refusal: Counted, make: () => Draft): Promise<void>
  /** So far: with a record of their own, only counted, and counted in a durable summary. */
  readonly totals: { readonly own: number; readonly counted: number; readonly summarized: number }
  readonly share: Pick<Share, 'used' | 'hasRoom'>
  /** Writes what was counted; from then on every refusal has a record of its own. */
  close(): Promise<void>
}

/**
 * The columns of a summary, in the order that records have them.
 * @param who whose refusals they were
 */
export function summaryRow(event: string, who: Row, summary: Summary, version: string): Row {
  return {
    RecordKind: 'summary',
    ExchangeId: '',
    Event: event,
    Decision: 'refuse',
    Outcome: 'denied',
    Count: summary.count,
    FirstTime: new Date(summary.first).toISOString(),
    LastTime: new Date(summary.last).toISOString(),
    RefusalCodes: Object.fromEntries(summary.codes),
    SampleIds: summary.samples,
    ...who,
    GatewayVersion: version,
  }
}

/** Begins to count; ended by `close`. */
export function createUnidentified(options: UnidentifiedOptions): Unidentified {
  const { config, spool, now } = options
  const totals = { own: 0, counted: 0, summarized: 0 }
  const share = createShare({
    limitBytes: Math.floor(options.limitBytes * config.spoolShare),
    segments: () => spool.segments(),
    known: options.known,
  })
  const tally = createTally({ ...config, elapsed: () => performance.now() })
  const writer = createWriter(options, share, tally, totals)
  let closed = false

  async function own(draft: Draft): Promise<void> {
    const settle = share.hold(sizeOf(draft))
    try {
      await spool.append(draft, 'intent')
    } catch (error) {
      settle(false)
      throw error
    }
    settle(true)
    totals.own += 1
  }

  return {
    async record({ id, ip, code }, make) {
      const source = networkOf(ip)
      if (closed || (share.hasRoom() && tally.spend(source))) {
        await own(make())
        return
      }
      totals.counted += 1
      tally.count(source, id, code, now())
    },
    totals,
    share,
    async close() {
      closed = true
      await writer.close()
    },
  }
}

/** Writes what was counted, each second and at the end. */
function createWriter(
  { spool, now, version, event, log }: UnidentifiedOptions,
  share: Share,
  tally: Tally,
  totals: { summarized: number },
): { close(): Promise<void> } {
  let hadRoom = true

  /** @returns whether it became durable */
  async function write(summary: Summary, lane: Lane): Promise<boolean> {
    const who = { SourceIp: line(summary.source, 64) }
    const row = summaryRow('refused_before_identification', who, summary, version)
    const draft = draftOf('summary', row, now)
    const settle = share.hold(sizeOf(draft))
    const durable = await spool.append(draft, lane).then(
      () => true,
      () => false,
    )
    settle(durable)
    if (durable) totals.summarized += summary.count
    return durable
  }

  /** What cannot be written now stays counted. */
  async function flush(): Promise<void> {
    if (!takesRecords(spool)) return
    await Promise.all(
      tally.take().map(async (summary) => {
        if (!share.hasRoom() || !(await write(summary, 'intent'))) tally.keep(summary)
      }),
    )
  }

  /** One record for each change: an operator sees from when to when single refusals are missing. */
  async function noteRoom(): Promise<void> {
    const hasRoom = share.hasRoom()
    if (hasRoom === hadRoom) return
    const name = hasRoom ? 'unidentified_share_free' : 'unidentified_share_full'
    log({ bytes: share.used() }, name)
    await event(name, { bytes: share.used() })
    hadRoom = hasRoom
  }

  const stop = everySecond(async () => {
    await noteRoom()
    await flush()
  })

  return {
    async close() {
      await stop()
      await flush()
      const left = tally.take()
      const all = left.reduce<Summary | null>(
        (sum, one) => (sum === null ? one : { ...merged(sum, one), source: OTHER_SOURCES }),
        null,
      )
      // the end of what was counted: one record, which may use the reserve
      if (all !== null && !(await write(all, 'reserved')))
        log({ refusals: all.count }, 'counted refusals could not be recorded')
    },
  }
}

function takesRecords(spool: Spool): boolean {
  try {
    spool.admit()
    return true
  } catch {
    return false
  }
}
