/**
 * Ships the spool to one sink: at least once, in order, forever.
 * @module
 */
import { appendFile } from 'node:fs/promises'
import { deliver, type Result } from './deliver.ts'
import { readPage, type Position } from './reader.ts'
import { line } from '../record/safe-text.ts'
import type { Cursor } from './cursor.ts'
import type { Sink } from './sinks/sink.ts'
import type { Spool } from '../spool/spool.ts'
import type { Log } from '../../lib/log.ts'

/** Times of shipping, milliseconds. */
export interface Timing {
  /** Wait for more records before a batch that is not full. */
  readonly lingerMs: number
  readonly firstBackoffMs: number
  readonly longestBackoffMs: number
  /** A sink may ask for this much and no more. */
  readonly longestRetryAfterMs: number
  /** Wait after an answer that only a person can change. */
  readonly holdMs: number
  readonly sendTimeoutMs: number
}

export const TIMING: Timing = {
  lingerMs: 250,
  firstBackoffMs: 500,
  longestBackoffMs: 60_000,
  longestRetryAfterMs: 300_000,
  holdMs: 30_000,
  sendTimeoutMs: 30_000,
}

const IDLE_MS = 60_000

const nothing = (): void => {}

export interface ShipperOptions {
  readonly sink: Sink
  readonly spool: Spool
  readonly cursor: Cursor
  readonly directory: string
  readonly timing: Timing
  readonly event: (
    name: string,
    fields: Readonly<Record<string, string | number | boolean>>,
  ) => Promise<void>
  readonly log: Log
}

export interface Shipper {
  readonly sink: Sink
  /** Last record that the sink has. */
  seq(): number
  state(): 'ok' | 'failing' | 'held'
  /** Since when something waits for this sink, monotonic milliseconds; null if nothing does. */
  waitingSince(): number | null
  readonly rows: ReadonlyMap<string, number>
  /** Ships without waiting until all is shipped or the deadline is over. */
  close(deadlineMs: number): Promise<void>
}

export function createShipper(options: ShipperOptions): Shipper {
  const { sink, spool, cursor, timing } = options
  const rows = new Map<string, number>()
  let state: 'ok' | 'failing' | 'held' = 'ok'
  let failures = 0
  const ending = new AbortController()
  /** Something became durable since the last look. */
  let pending = false
  let waiting: number | null = null
  const stop = new AbortController()
  let wake = nothing

  const count = (kind: string, n: number): void => {
    rows.set(kind, (rows.get(kind) ?? 0) + n)
  }

  /** Sleeps, or until woken; a closing shipper never sleeps longer than a moment. */
  function sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ending.signal.aborted ? Math.min(ms, 100) : ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  async function change(to: 'ok' | 'failing' | 'held', why: string): Promise<void> {
    if (to === state) return
    const from = state
    state = to
    options.log({ sink: sink.name, from, to, why }, `audit sink ${to}`)
    // the record of it is best effort: a full spool says so by itself
    await options.event(`sink_${to}`, { sink: sink.name, why: line(why, 256) }).catch(() => {})
  }

  async function bury(poison: Extract<Result, { kind: 'done' }>['poison']): Promise<void> {
    for (const { row, why } of poison) {
      const path = `${options.directory}/${sink.name}.dead-letter.jsonl`
      await appendFile(path, `${row.text}\n`, { mode: 0o600, flush: true })
      count('dead-letter', 1)
      const fields = { sink: sink.name, uid: row.uid, why: line(why, 256) }
      options.log(fields, 'audit sink dead letter')
      // best effort: a page tried again because its trail is closed or full would never be shipped
      await options.event('dead_letter', fields).catch(() => {})
    }
  }

  function backoff(afterMs: number | null, hold: boolean): number {
    if (afterMs !== null) {
      // at least the first backoff: 0 is what less than a second is rounded to
      return Math.max(timing.firstBackoffMs, Math.min(afterMs, timing.longestRetryAfterMs))
    }
    const most = Math.min(timing.longestBackoffMs, timing.firstBackoffMs * 2 ** (failures - 1))
    // full jitter: replicas that failed together do not come back together
    return Math.max(hold ? timing.holdMs : 0, most * (0.5 + Math.random() / 2))
  }

  async function step(): Promise<'more' | 'idle'> {
    const at = await skipLost(cursor.position())
    const page = await readPage(spool.segments(), at, sink.limitBytes)
    if (page === null || stop.signal.aborted) return 'idle'
    const result: Result =
      page.rows.length === 0
        ? { kind: 'done', poison: [] }
        : await deliver(
            sink,
            page.rows,
            () => AbortSignal.any([stop.signal, AbortSignal.timeout(timing.sendTimeoutMs)]),
            count,
          )
    if (result.kind === 'again') {
      failures += 1
      if (!stop.signal.aborted) await change(result.hold ? 'held' : 'failing', result.why)
      await sleepThrough(backoff(result.afterMs, result.hold))
      return 'more'
    }
    failures = 0
    await bury(result.poison)
    await cursor.move(page.next)
    waiting = page.next.seq >= spool.end() ? null : performance.now()
    await change('ok', 'the sink accepts again')
    return 'more'
  }

  /** New records do not cut a backoff short; only closing does. */
  async function sleepThrough(ms: number): Promise<void> {
    const until = performance.now() + ms
    for (let left = ms; left > 0 && !ending.signal.aborted; left = until - performance.now())
      await sleep(left)
    if (ending.signal.aborted && !stop.signal.aborted) await sleep(100)
  }

  /** Segments that are gone before a sink had them: it goes on behind them, and the loss is on record. */
  async function skipLost(at: Position): Promise<Position> {
    const first = spool.segments().find(({ lastSeq }) => lastSeq > at.seq)
    if (first === undefined || first.firstSeq <= at.seq + 1) return at
    await options.event('sink_skipped', {
      sink: sink.name,
      firstSeq: at.seq + 1,
      lastSeq: first.firstSeq - 1,
    })
    count('skipped', first.firstSeq - 1 - at.seq)
    const next = { segment: '', offset: 0, seq: first.firstSeq - 1 }
    await cursor.move(next)
    return next
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      pending = false
      try {
        if ((await step()) === 'more') continue
      } catch (error) {
        failures += 1
        await change('failing', error instanceof Error ? error.message : 'unknown failure')
        await sleepThrough(backoff(null, false))
        continue
      }
      if (pending) continue
      if (ending.signal.aborted) return
      await sleep(IDLE_MS)
      // the first record of a burst waits a moment for the rest of it
      await sleepThrough(timing.lingerMs)
    }
  }

  spool.onDurable(() => {
    waiting ??= performance.now()
    pending = true
    wake()
  })
  const running = run()

  return {
    sink,
    seq: () => cursor.position().seq,
    state: () => state,
    waitingSince: () => waiting,
    rows,
    async close(deadlineMs) {
      ending.abort()
      wake()
      const timer = setTimeout(() => stop.abort(), deadlineMs)
      stop.signal.addEventListener('abort', () => wake())
      await running
      clearTimeout(timer)
      await sink.close()
    },
  }
}
