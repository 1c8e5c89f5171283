/**
 * `--import` of this file into a gateway: SIGUSR2 starts a profile of its CPU and a watch over pauses of its event loop; the
 * next one ends both and writes what was seen to the file that BENCH_WATCH names.
 */
import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { PerformanceObserver } from 'node:perf_hooks'
import type { Profiler } from 'node:inspector'

/** The event loop was away, from when to when, in microseconds of the monotonic clock. */
export interface Pause {
  readonly from: number
  readonly to: number
  /** CPU of this thread meanwhile, in microseconds: little of it, and something else had the core or the disk. */
  readonly cpuMicros: number
}

export interface Watched {
  readonly profile: Profiler.Profile
  readonly pauses: readonly Pause[]
  /** Collections of garbage, from when to when. */
  readonly collections: readonly Pick<Pause, 'from' | 'to'>[]
}

const SAMPLE_MICROS = 500
const TICK_MS = 1
/** A pause worth naming. */
const PAUSE_MICROS = 5_000

const nowMicros = (): number => Number(process.hrtime.bigint() / 1000n)
const cpuMicros = (): number => {
  const { user, system } = process.threadCpuUsage()
  return user + system
}

const session = new Session()
const pauses: Pause[] = []
const collections: { from: number; to: number }[] = []
let timer: NodeJS.Timeout | null = null

const observer = new PerformanceObserver((list) => {
  // entries are in milliseconds since the process began
  const origin = nowMicros() - performance.now() * 1000
  for (const { startTime, duration } of list.getEntries()) {
    const from = origin + startTime * 1000
    collections.push({ from, to: from + duration * 1000 })
  }
})

async function start(): Promise<void> {
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_MICROS })
  await session.post('Profiler.start')
  observer.observe({ entryTypes: ['gc'] })
  let last = nowMicros()
  let cpu = cpuMicros()
  timer = setInterval(() => {
    const now = nowMicros()
    const used = cpuMicros()
    if (now - last > PAUSE_MICROS + TICK_MS * 1000)
      pauses.push({ from: last, to: now, cpuMicros: used - cpu })
    last = now
    cpu = used
  }, TICK_MS)
}

async function end(): Promise<void> {
  if (timer !== null) clearInterval(timer)
  observer.disconnect()
  const { profile } = await session.post('Profiler.stop')
  const watched: Watched = { profile, pauses, collections }
  writeFileSync(process.env['BENCH_WATCH'] ?? '', JSON.stringify(watched))
}

// helpers of the gateway, such as a worker, load this file, too
if (process.argv[2] === 'serve')
  process.on('SIGUSR2', () => void (timer === null ? start() : end()))
