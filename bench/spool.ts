/**
 * How many records a second the spool makes durable on this disk, and how long one waits, by number of writers.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { openAudit } from '../src/audit/open.ts'
import { SPOOL_DEFAULTS, UNIDENTIFIED_DEFAULTS } from '../test/audit/fixtures.ts'
import { exchangeOf } from '../test/support/exchange.ts'

/** One row of the table. Times in milliseconds, CPU in microseconds a record. */
export interface SpoolRow {
  readonly name: string
  readonly writers: number
  readonly recordsPerSecond: number
  readonly p50: number
  readonly p99: number
  readonly cpuMicros: number
}

const SECONDS = 4
const WARM_UP_MS = 1_000

/** What the spool should keep up with (promise 24). */
export const GOAL = { writers: 64, recordsPerSecond: 20_000, p99: 10 } as const

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0

/** Real exchanges through the real recorder onto a real disk, with `fsync`, in `directory` (the system's temporary one). */
export async function benchSpool(
  writers: readonly number[] = [1, 16, 64, 256],
  parent = tmpdir(),
): Promise<SpoolRow[]> {
  const rows: SpoolRow[] = []
  for (const count of writers) rows.push(await measure(count, parent))
  return rows
}

async function measure(writers: number, parent: string): Promise<SpoolRow> {
  const directory = mkdtempSync(`${parent}/harness-bench-`)
  // a sink that never answers: the spool is measured, not the shipping
  const server = createServer(() => {})
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const audit = await openAudit({
    config: {
      spool: { ...SPOOL_DEFAULTS, directory },
      unidentified: UNIDENTIFIED_DEFAULTS,
      sinks: [{ name: 'none', kind: 'https', endpoint: `http://127.0.0.1:${port}` }],
    },
    hashKey: Buffer.from('bench'),
    credential: () => ({ getToken: () => Promise.resolve(null) }),
    version: 'bench',
    now: Date.now,
    log: () => {},
  })
  const waits: number[] = []
  let measuring = false
  const stop = new AbortController()
  const writer = async (_: unknown, number: number): Promise<void> => {
    // requests do not come in step
    await pause((number * WARM_UP_MS) / 2 / writers)
    for (let n = 0; !stop.signal.aborted; n += 1) {
      const exchange = exchangeOf()
      const start = performance.now()
      // a request's two records
      if (n % 2 === 0) await audit.recorder.authorized(exchange)
      else await audit.recorder.completed(exchange, 'success', 1)
      if (measuring) waits.push(performance.now() - start)
    }
  }
  const all = Array.from({ length: writers }, writer)
  await pause(WARM_UP_MS)
  measuring = true
  const cpu = process.cpuUsage()
  await pause(SECONDS * 1000)
  const used = process.cpuUsage(cpu)
  measuring = false
  stop.abort()
  await Promise.all(all)
  await audit.close(0)
  server.closeAllConnections()
  server.close()
  rmSync(directory, { recursive: true, force: true })
  const sorted = waits.toSorted((a, b) => a - b)
  return {
    name: 'spool, fsync',
    writers,
    recordsPerSecond: Math.round(sorted.length / SECONDS),
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    cpuMicros: (used.user + used.system) / sorted.length,
  }
}

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
