/**
 * `npm run bench -- latency`: how long a call takes at a rate that the machine can do, open loop, beside the bare proxy in the
 * same rounds: at 300 a second, and at half of what the gateway can do here. And what kept the gateway's event loop for more
 * than 5 ms with reads at the first of these rates, and with changes at the second.
 */
import { join } from 'node:path'
import { causesOf, type Cause } from './inside/pauses.ts'
import { startWatched } from './inside/watched-gateway.ts'
import { closedLoop } from './load/closed-loop.ts'
import { openLoop } from './load/open-loop.ts'
import { writeCalls } from './load/calls.ts'
import { coldness, warmUp } from './load/warm-up.ts'
import { BARE } from './peers/bare.ts'
import { GATEWAY, UNSYNCED } from './peers/gateway.ts'
import type { Running } from './peers/peer.ts'
import { quantile } from './report/figures.ts'
import { progress } from './report/progress.ts'
import { SCENARIOS } from './world/answers.ts'
import { tokensOf } from './world/callers.ts'
import { cpuNanos } from './world/process.ts'
import { startWorld, type World } from './world/world.ts'

export interface LatencyOptions {
  readonly rounds: number
  /** Seconds of one turn. */
  readonly seconds: number
  /** Seconds of load on each before (bench/load/warm-up.ts). */
  readonly warmUpSeconds: number
  /** Calls a second, besides half of the capacity. */
  readonly rate: number
}

export const LATENCY_DEFAULTS: LatencyOptions = {
  rounds: 5,
  seconds: 10,
  warmUpSeconds: 12,
  rate: 300,
}

/** One turn: milliseconds from when a call was due, microseconds of CPU. */
export interface LatencyTurn {
  readonly scenario: string
  readonly peer: string
  readonly at: 'rate' | 'half'
  readonly rate: number
  readonly round: number
  readonly p50: number
  readonly p99: number
  readonly cpuMicros: number
  /** How late the generator sent 99 of 100 calls at most. */
  readonly late99: number
}

export interface Latency {
  readonly turns: readonly LatencyTurn[]
  readonly pauses: readonly Pauses[]
}

/** What kept the event loop while calls came at a rate. */
export interface Pauses {
  readonly scenario: ScenarioKey
  readonly seconds: number
  readonly rate: number
  readonly causes: readonly Cause[]
}

interface Subject {
  readonly name: string
  readonly running: Running
}

const TOKENS = 500
const URLS = 2_000
const CONNECTIONS = 64
const SCENARIO_KEYS = ['get', 'put'] as const
type ScenarioKey = (typeof SCENARIO_KEYS)[number]
const PAUSES_SECONDS = 30

const PEERS = [BARE, GATEWAY, UNSYNCED]
const RATES = ['rate', 'half'] as const
/** Start of a generator, its own warm-up, and rows that the sink gets afterwards. */
const BESIDES_SECONDS = 7
const START_SECONDS = 20

/** About how long it takes. */
export function latencySeconds({ rounds, seconds, warmUpSeconds }: LatencyOptions): number {
  const turns = rounds * RATES.length * (seconds + BESIDES_SECONDS)
  const each = PEERS.length * (warmUpSeconds + seconds + turns)
  return START_SECONDS + SCENARIO_KEYS.length * (each + warmUpSeconds + PAUSES_SECONDS)
}

/** @throws if a call fails or the sink does not get its rows */
export async function latency(options: LatencyOptions): Promise<Latency> {
  const world = await startWorld()
  const subjects: Subject[] = []
  try {
    for (const peer of PEERS) {
      const running = await peer.start(world)
      if ('absent' in running) throw new Error(running.absent)
      subjects.push({ name: peer.name, running })
    }
    const tokens = await tokensOf(world.lab, 'scientist', TOKENS)
    const turns: LatencyTurn[] = []
    for (const key of SCENARIO_KEYS)
      turns.push(...(await measure(world, subjects, key, tokens, options)))
    const half = turns.find(({ scenario, at }) => scenario === 'put' && at === 'half')?.rate ?? 1
    const { warmUpSeconds } = options
    const pauses = [
      await watchPauses(world, tokens, { scenario: 'get', rate: options.rate, warmUpSeconds }),
      await watchPauses(world, tokens, { scenario: 'put', rate: half, warmUpSeconds }),
    ]
    return { turns, pauses }
  } finally {
    await Promise.all(subjects.map(({ running }) => running.stop()))
    await world.close()
  }
}

async function callsOf(world: World, key: ScenarioKey, tokens: readonly string[]): Promise<string> {
  const scenario = SCENARIOS[key]
  if (scenario === undefined) throw new Error(`no scenario "${key}"`)
  const file = join(world.directory, `calls-${key}`)
  await writeCalls(file, scenario, tokens, URLS)
  return file
}

async function measure(
  world: World,
  subjects: readonly Subject[],
  key: ScenarioKey,
  tokens: readonly string[],
  options: LatencyOptions,
): Promise<LatencyTurn[]> {
  const file = await callsOf(world, key, tokens)
  let capacity = 0
  for (const { name, running } of subjects) {
    progress(`${key}: ${name} gets warm`)
    const { requests, seconds } = await world.counted(running.records, async () => {
      const load = { url: running.url, file, connections: CONNECTIONS }
      await demandWarm(warmUp({ ...load, seconds: options.warmUpSeconds }))
      return closedLoop({ ...load, seconds: options.seconds })
    })
    if (name === GATEWAY.name) capacity = requests / seconds
  }
  const rates = { rate: options.rate, half: Math.max(1, Math.round(capacity / 2)) }
  const turns: LatencyTurn[] = []
  for (let round = 0; round < options.rounds; round++) {
    for (const at of RATES) {
      progress(`${key}: round ${round + 1} of ${options.rounds}, ${rates[at]} a second`)
      for (const { name, running } of subjects) {
        const rate = rates[at]
        const measured = await world.counted(running.records, () =>
          turn(running, file, rate, options.seconds),
        )
        turns.push({ scenario: key, peer: name, at, rate, round, ...measured })
      }
    }
  }
  return turns
}

async function turn(
  { url, pid }: Running,
  file: string,
  rate: number,
  seconds: number,
): Promise<Pick<LatencyTurn, 'p50' | 'p99' | 'cpuMicros' | 'late99'>> {
  let cpu = 0
  const measuring = (): void => {
    cpu = cpuNanos(pid)
  }
  const { waits, late99 } = await openLoop({ url, file, rate, seconds, measuring })
  return {
    p50: quantile(waits, 0.5),
    p99: quantile(waits, 0.99),
    cpuMicros: (cpuNanos(pid) - cpu) / 1000 / waits.length,
    late99,
  }
}

/** @throws unless each call was made: what is not warm takes longer, and nobody knows of which turn that was */
async function demandWarm(warming: ReturnType<typeof warmUp>): Promise<void> {
  const left = coldness(await warming)
  if (left !== null) throw new Error(`${left}: give more seconds with --warm-up`)
}

/** A gateway of its own: the watch costs something. */
async function watchPauses(
  world: World,
  tokens: readonly string[],
  {
    scenario,
    rate,
    warmUpSeconds,
  }: Pick<Pauses, 'scenario' | 'rate'> & Pick<LatencyOptions, 'warmUpSeconds'>,
): Promise<Pauses> {
  progress(`pauses at ${rate} a second: ${scenario}`)
  const file = await callsOf(world, scenario, tokens)
  const gateway = await startWatched(world)
  try {
    const watched = await world.counted(true, async () => {
      const load = { url: gateway.running.url, file, connections: CONNECTIONS }
      await demandWarm(warmUp({ ...load, seconds: warmUpSeconds }))
      return gateway.watch(() =>
        openLoop({ url: gateway.running.url, file, rate, seconds: PAUSES_SECONDS }),
      )
    })
    return { scenario, seconds: PAUSES_SECONDS, rate, causes: causesOf(watched) }
  } finally {
    await gateway.running.stop()
  }
}
