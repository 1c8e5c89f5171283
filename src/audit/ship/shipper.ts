/**
 * Ships the spool to one sink: at least once and in order.
 * @module
 */
import { appendFile } from 'node:fs/promises'
import { deliver, type Result } from './deliver.ts'
import { BatchBlock } from './batch.ts'
import { createReader, type Position } from './reader.ts'
import type { ReadRecent } from './recent.ts'
import { line } from '../record/safe-text.ts'
import type { Cursor } from './cursor.ts'
import type { Detail } from '../recorder.ts'
import type { Sink } from './sinks/sink.ts'
import type { Spool } from '../spool/spool.ts'
import { codeOf } from '../../lib/error-code.ts'
import type { Log } from '../../lib/log.ts'

/** Times of shipping, milliseconds. */
export interface Timing {
  /** Wait for more records before a batch that would not be full. */
  readonly lingerMs: number
  readonly firstBackoffMs: number
  readonly maxBackoffMs: number
  /** A sink may ask for this much and no more. */
  readonly maxRetryAfterMs: number
  /** Wait after an answer that only a person can change. */
  readonly holdMs: number
  readonly sendTimeoutMs: number
}

export const TIMING: Timing = {
  lingerMs: 250,
  firstBackoffMs: 500,
  maxBackoffMs: 60_000,
  maxRetryAfterMs: 300_000,
  holdMs: 30_000,
  sendTimeoutMs: 30_000,
}

const IDLE_MS = 60_000
const MAX_CLOSING_SLEEP_MS = 100

export interface ShipperOptions {
  readonly sink: Sink
  readonly spool: Spool
  readonly cursor: Cursor
  /** Rows have their OCSF event. */
  readonly ocsf: boolean
  /** Records of the last moments, as this sink wants them. */
  readonly recent: ReadRecent
  readonly directory: string
  readonly timing: Timing
  readonly event: (name: string, fields: Detail) => Promise<void>
  readonly log: Log
}

/** `failing`: tried again with a backoff. `held`: tried again rarely, because only a person can change the answer. */
type State = 'ok' | 'failing' | 'held'

export interface Shipper {
  readonly sink: Sink
  /** Last record that the sink has. */
  seq(): number
  /** The same is on the disk when it resolves. */
  sync(): Promise<void>
  state(): State
  /** Since when something waits for this sink, monotonic milliseconds; null if nothing does. */
  waitingSince(): number | null
  readonly rows: ReadonlyMap<string, number>
  /** Ships without waiting until all is shipped or the deadline is over. */
  close(deadlineMs: number, hasten?: AbortSignal): Promise<void>
}

/** A page of records on its way to the sink: to be sent, sent, or answered and waiting for the ones before it. */
interface Parcel {
  readonly block: BatchBlock
  /** Where the sink stands once it has this and all before. */
  readonly next: Position
  /** What became of it; null if it is to be sent, or to be sent again. */
  sent: Promise<Result> | null
}

const always = (): boolean => true
const never = (): boolean => false

/** A sleep that can be cut short. */
function createSleeper(): {
  readonly sleep: (ms: number) => Promise<void>
  readonly wake: () => void
} {
  let wake: (() => void) | null = null
  return {
    sleep: (ms) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, ms)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      }),
    wake: () => wake?.(),
  }
}

/** How long to wait after `failures` failures in a row; `afterMs` is the sink's own `Retry-After`, if it sent one. */
function backoffOf(
  timing: Timing,
  failures: number,
  { hold, afterMs }: { readonly hold: boolean; readonly afterMs: number | null },
): number {
  if (afterMs !== null) {
    // at least the first backoff: a sink rounds less than a second to 0
    return Math.max(timing.firstBackoffMs, Math.min(afterMs, timing.maxRetryAfterMs))
  }
  const most = Math.min(timing.maxBackoffMs, timing.firstBackoffMs * 2 ** (failures - 1))
  // jitter: replicas that failed together do not come back together
  return Math.max(hold ? timing.holdMs : 0, most * (0.5 + Math.random() / 2))
}

/** Puts rows that the sink rejects into a file of their own, so that the others can be shipped. */
async function writeDeadLetters(
  { directory, sink, log, event }: ShipperOptions,
  poison: Extract<Result, { kind: 'done' }>['poison'],
  count: () => void,
): Promise<void> {
  for (const { row, why } of poison) {
    const path = `${directory}/${sink.name}.dead-letter.jsonl`
    await appendFile(path, `${row.text}\n`, { mode: 0o600, flush: true })
    count()
    const fields = { sink: sink.name, uid: row.uid, why: line(why, 256) }
    log(fields, 'audit sink dead letter')
    // best effort: a page whose event cannot be recorded (spool closed or full) must not be shipped again forever
    await event('dead_letter', fields).catch(() => {})
  }
}

// oxlint-disable-next-line max-lines-per-function -- one state machine: what is pending, the state, two ways to stop
export function createShipper(options: ShipperOptions): Shipper {
  const { sink, spool, cursor, recent, timing } = options
  const readPage = createReader(options.ocsf)
  const rows = new Map<string, number>()
  const { sleep, wake } = createSleeper()
  /** Closing: ship what is there without waiting. */
  const ending = new AbortController()
  /** The deadline of closing is over. */
  const stop = new AbortController()
  /** In the order of their records. */
  const parcels: Parcel[] = []
  /** Memory that no parcel has. */
  const blocks: BatchBlock[] = []
  let state: State = 'ok'
  let failures = 0
  /** Something became durable since the last look. */
  let pending = false
  /** Whether that is to end a sleep. */
  let wakes = always
  /** Records of a full batch, if they are as large as those of the last one. */
  let fullBatch = Infinity
  let waiting: number | null = null

  const count = (kind: string, n: number): void => {
    rows.set(kind, (rows.get(kind) ?? 0) + n)
  }

  /** Sleeps, or until woken; a closing shipper sleeps for a moment only. */
  const pause = (ms: number): Promise<void> =>
    sleep(ending.signal.aborted ? Math.min(ms, MAX_CLOSING_SLEEP_MS) : ms)

  /** Waits; closing cuts it short, and new records do once `isOver` says so. */
  async function wait(ms: number, isOver: () => boolean): Promise<void> {
    wakes = isOver
    const until = performance.now() + ms
    for (let left = ms; left > 0 && !ending.signal.aborted && !isOver();) {
      await pause(left)
      left = until - performance.now()
    }
    wakes = always
  }

  /** Whether the records behind `at` would fill a batch. */
  const fillsBatch = (at: Position): boolean => spool.end() - at.seq >= fullBatch

  /** Waits for more records, up to a full batch: it costs much the same whether it has one or many. */
  const linger = (): Promise<void> => wait(timing.lingerMs, () => fillsBatch(cursor.position()))

  /** Waits after a failure, and a moment at the end, too. */
  async function backOff(ms: number): Promise<void> {
    await wait(ms, never)
    if (ending.signal.aborted && !stop.signal.aborted) await pause(MAX_CLOSING_SLEEP_MS)
  }

  async function change(to: State, why: string): Promise<void> {
    if (to === state) return
    const from = state
    state = to
    options.log({ sink: sink.name, from, to, why }, `audit sink ${to}`)
    // best effort: a full spool says so by itself
    await options.event(`sink_${to}`, { sink: sink.name, why: line(why, 256) }).catch(() => {})
  }

  /** Numbers of the records behind `at` that were deleted before the sink had them; null if there are none. */
  function lostBehind(at: Position): { firstSeq: number; lastSeq: number } | null {
    const first = spool.segments().find(({ lastSeq }) => lastSeq > at.seq)
    return first === undefined || first.firstSeq <= at.seq + 1
      ? null
      : { firstSeq: at.seq + 1, lastSeq: first.firstSeq - 1 }
  }

  /** If segments were deleted before the sink had them, it continues after them, and the loss is recorded. */
  async function skipLost(at: Position): Promise<Position> {
    const lost = lostBehind(at)
    if (lost === null) return at
    await options.event('sink_skipped', { sink: sink.name, ...lost })
    count('skipped', lost.lastSeq - at.seq)
    const next = { segment: '', offset: 0, seq: lost.lastSeq }
    await cursor.move(next)
    return next
  }

  /** Reads the page behind `at`; null if there is none. */
  async function read(at: Position): Promise<Parcel | null> {
    const block = blocks.pop() ?? new BatchBlock(spool.chainId, sink.limitBytes)
    block.clear()
    const segments = spool.segments()
    const next = recent(segments, at, block) ?? (await readPage(segments, at, block))
    if (next === null) {
      blocks.push(block)
      return null
    }
    if (block.count > 0) fullBatch = Math.ceil((sink.limitBytes * block.count) / block.bytes)
    const parcel: Parcel = { block, next, sent: null }
    parcels.push(parcel)
    return parcel
  }

  const signal = (): AbortSignal =>
    AbortSignal.any([stop.signal, AbortSignal.timeout(timing.sendTimeoutMs)])

  function send(parcel: Parcel): Promise<Result> {
    parcel.sent ??=
      parcel.block.count === 0
        ? Promise.resolve({ kind: 'done', poison: [] })
        : deliver(sink, parcel.block.batch(), signal, count)
    return parcel.sent
  }

  /** Sends full pages behind those that are under way; records that would not fill one wait for more. */
  async function sendAhead(): Promise<void> {
    for (const parcel of parcels) void send(parcel)
    while (parcels.length < sink.atOnce && !stop.signal.aborted) {
      const last = parcels.at(-1)
      // what is lost behind it is put on record once the sink has all before that
      if (last === undefined || !fillsBatch(last.next) || lostBehind(last.next) !== null) return
      const next = await read(last.next)
      if (next === null) return
      void send(next)
    }
  }

  /**
   * The first page was not taken: whatever was not is sent again after a pause, and at first that page alone. A page that is
   * held is read again: with records that came meanwhile, a row that is not acceptable does not stay alone in its page.
   */
  async function fail(result: Extract<Result, { kind: 'again' }>): Promise<void> {
    failures += 1
    for (const parcel of parcels) {
      if ((await parcel.sent)?.kind === 'again') parcel.sent = null
    }
    if (result.hold) for (const { block } of parcels.splice(0)) blocks.push(block)
    if (!stop.signal.aborted) await change(result.hold ? 'held' : 'failing', result.why)
    await backOff(backoffOf(timing, failures, result))
  }

  /** @returns `rest` if what is left, or came meanwhile, would not fill a batch */
  async function step(): Promise<'more' | 'rest' | 'idle'> {
    const first = parcels[0] ?? (await read(await skipLost(cursor.position())))
    if (first === null || stop.signal.aborted) return 'idle'
    const answer = send(first)
    // what cannot be read there cannot be when its turn comes, and is said then
    if (failures === 0) await sendAhead().catch(() => undefined)
    const result = await answer
    if (result.kind === 'again') {
      await fail(result)
      return 'more'
    }
    failures = 0
    await writeDeadLetters(options, result.poison, () => {
      count('dead-letter', 1)
    })
    await cursor.move(first.next)
    parcels.shift()
    blocks.push(first.block)
    waiting = first.next.seq >= spool.end() ? null : performance.now()
    await change('ok', 'the sink accepts again')
    return parcels.length === 0 && !fillsBatch(first.next) ? 'rest' : 'more'
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      pending = false
      try {
        const found = await step()
        if (found === 'rest') await linger()
        if (found !== 'idle') continue
      } catch (error) {
        failures += 1
        await change('failing', error instanceof Error ? error.message : 'unknown failure')
        await backOff(backoffOf(timing, failures, { hold: false, afterMs: null }))
        continue
      }
      if (pending) continue
      if (ending.signal.aborted) return
      await pause(IDLE_MS)
      // the first record of a burst waits a moment for the rest of it
      await linger()
    }
    for (const { sent } of parcels) await sent
  }

  spool.onDurable(() => {
    waiting ??= performance.now()
    pending = true
    if (wakes()) wake()
  })
  const running = run()

  return {
    sink,
    seq: () => cursor.position().seq,
    sync: () => cursor.sync(),
    state: () => state,
    waitingSince: () => waiting,
    rows,
    async close(deadlineMs, hasten) {
      ending.abort()
      wake()
      stop.signal.addEventListener('abort', wake)
      const timer = setTimeout(() => stop.abort(), deadlineMs)
      if (hasten?.aborted === true) stop.abort()
      hasten?.addEventListener('abort', () => stop.abort(), { once: true })
      await running
      clearTimeout(timer)
      await cursor.close().catch((error: unknown) => {
        options.log({ sink: sink.name, code: codeOf(error) }, 'an audit cursor was not written')
      })
      await sink.close()
    },
  }
}
