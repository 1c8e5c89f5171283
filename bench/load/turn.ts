/**
 * One turn on one proxy, of a closed loop or at a rate: the CPU of a call once all connections are there, and how long a call
 * took.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Running } from '../peers/peer.ts'
import { connectionsTo, cpuNanos, memoryMb } from '../world/process.ts'
import type { World } from '../world/world.ts'
import { quantile } from '../report/figures.ts'
import { closedLoop } from './closed-loop.ts'
import { openLoop } from './open-loop.ts'

export interface TurnLoad {
  readonly file: string
  readonly connections: number
  /** Seconds that are measured. */
  readonly seconds: number
  /** Milliseconds before that, for handshakes. */
  readonly settleMs?: number
}

/** Microseconds of CPU a call, milliseconds of a call, megabytes of the process at the end. */
export interface TurnResult {
  readonly cpuMicros: number
  readonly callsPerSecond: number
  readonly p50: number
  readonly p99: number
  readonly memoryMb: number
}

const SETTLE_MS = 1_000
/** Of a turn at a rate: memory and CPU need no load generator whose code is compiled. */
export const RATE_WARM_UP_SECONDS = 1
const MOST_MS = 30_000
/** The share of connections that may be opened again at any moment: some proxies close them after so many calls. */
const MOST_MISSING = 0.1

/** @throws if a call fails */
export async function turn(world: World, running: Running, load: TurnLoad): Promise<TurnResult> {
  const { file, connections, seconds, settleMs = SETTLE_MS } = load
  const loading = closedLoop({
    url: running.url,
    file,
    connections,
    seconds: seconds + settleMs / 1000 + 1,
  })
  // waited for below; a failure before that must not end the process
  loading.catch(() => undefined)
  await delay(settleMs)
  const missing = connections - connectionsTo(Number(new URL(running.url).port))
  const [calls, cpu] = [await world.upstream.count(), cpuNanos(running.pid)]
  await delay(seconds * 1000)
  const [callsAfter, cpuAfter] = [await world.upstream.count(), cpuNanos(running.pid)]
  const memory = memoryMb(running.pid)
  const { requests, seconds: took, p50, p99 } = await loading
  const measured = callsAfter.all - calls.all
  if (measured === 0 || requests === 0 || missing > connections * MOST_MISSING) {
    if (settleMs > MOST_MS)
      throw new Error(
        `${running.url}: ${measured} calls in ${seconds} s, ${missing} connections missing`,
      )
    // a machine that does much else: longer
    return turn(world, running, { ...load, seconds: seconds * 2, settleMs: settleMs * 2 })
  }
  return {
    cpuMicros: (cpuAfter - cpu) / 1000 / measured,
    callsPerSecond: requests / took,
    p50,
    p99,
    memoryMb: memory,
  }
}

/** The same of an open loop of `rate` calls a second. @throws if a call fails */
export async function turnAtRate(
  { url, pid }: Running,
  { file, connections, seconds }: Omit<TurnLoad, 'settleMs'>,
  rate: number,
): Promise<TurnResult> {
  // before the connections are closed
  let measured: Promise<{ cpuNanos: number; memoryMb: number }> | undefined
  const measuring = (): void => {
    const before = cpuNanos(pid)
    measured = delay(seconds * 1000).then(() => ({
      cpuNanos: cpuNanos(pid) - before,
      memoryMb: memoryMb(pid),
    }))
  }
  const load = { url, file, rate, seconds, connections, warmUpSeconds: RATE_WARM_UP_SECONDS }
  const { waits } = await openLoop({ ...load, measuring })
  const used = await measured
  if (used === undefined) throw new Error(`${url}: the open loop has measured nothing`)
  return {
    cpuMicros: used.cpuNanos / 1000 / (rate * seconds),
    callsPerSecond: rate,
    p50: quantile(waits, 0.5),
    p99: quantile(waits, 0.99),
    memoryMb: used.memoryMb,
  }
}
