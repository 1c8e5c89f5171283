/**
 * `npm run bench -- growth`: what a read costs as policies, bindings, issuers, callers, identities and connections grow, each
 * with a gateway of its own; and how soon what is deployed is ready, and how much memory it has.
 */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { writeCalls } from '../load/calls.ts'
import { turn, type TurnResult } from '../load/turn.ts'
import { coldness, warmUp } from '../load/warm-up.ts'
import { BARE } from '../peers/bare.ts'
import type { Running } from '../peers/peer.ts'
import { bundleIn, startGatewayIn } from '../peers/gateway.ts'
import { figureOf } from '../report/figures.ts'
import { progress } from '../report/progress.ts'
import { SCENARIOS } from '../world/answers.ts'
import { memoryMb } from '../world/process.ts'
import { startWorld, type World } from '../world/world.ts'
import {
  DIMENSIONS,
  identityNames,
  writeBindings,
  type Dimension,
  type Size,
} from './dimensions.ts'
import { startIssuers, type Issuers } from './issuers.ts'
import { measureStart, type Start } from './start.ts'

/** A gateway of one size: microseconds of CPU a read, turn by turn; megabytes; milliseconds until it was ready. */
export interface Grown {
  readonly dimension: string
  /** Of the bare proxy instead. */
  readonly bare: boolean
  readonly size: number
  readonly cpuMicros: readonly number[]
  readonly p99: number
  readonly readyMs: number
  readonly memoryAtRest: number
  readonly memoryLoaded: number
}

export interface Growth {
  readonly start: Start
  readonly grown: readonly Grown[]
}

const ROUNDS = 3
const SECONDS = 3
const URLS = 5_000
const REST_MS = 2_000
/** Calls a second that a gateway can do when each caller is new. */
const COLD_CALLS_PER_SECOND = 1_500
const WARM_UP_SECONDS = 12
/** Start of a gateway, tokens, and what is besides a turn. */
const BESIDES_SECONDS = 8
const START_SECONDS = 80
/** Before a turn is measured: handshakes, and calls that the load generator reads. */
const HANDSHAKES_PER_SECOND = 400
const CALLS_READ_PER_SECOND = 20_000

export interface GrowthOptions {
  /** Of one turn. */
  readonly seconds?: number
  /** What of it grows, by the start of its name; all if absent. */
  readonly dimensions?: readonly string[]
}

const warmUpSeconds = ({ people }: Size): number =>
  Math.max(WARM_UP_SECONDS, people / COLD_CALLS_PER_SECOND)

function chosen(names: readonly string[] | undefined): readonly Dimension[] {
  const unknown = names?.find((one) => !DIMENSIONS.some(({ name }) => name.startsWith(one)))
  if (unknown !== undefined)
    throw new Error(
      `nothing that grows is called "${unknown}"; there are ${DIMENSIONS.map(({ name }) => name).join(', ')}`,
    )
  return DIMENSIONS.filter(({ name }) => names?.some((one) => name.startsWith(one)) ?? true)
}

/** About how long it takes. */
export function growthSeconds({ seconds = SECONDS, dimensions }: GrowthOptions): number {
  const all = chosen(dimensions).flatMap(({ sizes, of }) => sizes.map(of))
  const each = all.map(
    (size) =>
      BESIDES_SECONDS + warmUpSeconds(size) + ROUNDS * (seconds + 1 + settleMs(size) / 1_000),
  )
  return START_SECONDS + each.reduce((sum, one) => sum + one, 0)
}

/** @throws if a call fails or the sink does not get its rows */
export async function growth({ seconds = SECONDS, dimensions }: GrowthOptions): Promise<Growth> {
  const world = await startWorld()
  try {
    const main = await bundleIn(world)
    progress('starts, and memory at rest')
    const start = await measureStart(world, main)
    const grown: Grown[] = []
    for (const { name, sizes, of, bare = false } of chosen(dimensions)) {
      for (const size of sizes) {
        progress(`${name}: ${size}`)
        const label = `${name.replaceAll(' ', '-')}-${size}`
        const measured = await measure({ world, main, label, bare }, of(size), seconds)
        grown.push({ dimension: name, bare, size, ...measured })
      }
    }
    return { start, grown }
  } finally {
    await world.close()
  }
}

interface Measured {
  readonly world: World
  /** What Node runs. */
  readonly main: string
  readonly label: string
  readonly bare: boolean
}

async function measure(
  { world, main, label, bare }: Measured,
  size: Size,
  seconds: number,
): Promise<Omit<Grown, 'dimension' | 'bare' | 'size'>> {
  const issuers = await startIssuers(size.issuers)
  const scenario = SCENARIOS['get']
  if (scenario === undefined) throw new Error('no scenario "get"')
  const file = join(world.directory, `calls-${label}`)
  // as many URLs for all sizes: it is the callers that grow
  const calls = Math.max(URLS, size.people)
  await writeCalls(file, scenario, issuers.tokens(size.people), calls, URLS)
  const began = performance.now()
  const gateway = bare
    ? await startBare(world)
    : await startSized({ world, main, label }, size, issuers)
  try {
    const readyMs = performance.now() - began
    await delay(REST_MS)
    const memoryAtRest = memoryMb(gateway.pid)
    const { connections } = size
    const turns = await world.counted(!bare, async () => {
      const load = { url: gateway.url, file, connections }
      const left = coldness(await warmUp({ ...load, seconds: warmUpSeconds(size) }))
      if (left !== null) throw new Error(`${label}: ${left}`)
      const all: TurnResult[] = []
      for (let round = 0; round < ROUNDS; round++)
        all.push(
          await turn(world, gateway, { file, connections, seconds, settleMs: settleMs(size) }),
        )
      return all
    })
    return {
      cpuMicros: turns.map((one) => one.cpuMicros),
      p99: figureOf(turns.map((one) => one.p99)).median,
      readyMs,
      memoryAtRest,
      memoryLoaded: Math.max(...turns.map((one) => one.memoryMb)),
    }
  } finally {
    await gateway.stop()
    issuers.close()
  }
}

/** For handshakes, and for the load generator to read its calls. */
const settleMs = ({ connections, people }: Size): number =>
  1_000 * (1 + connections / HANDSHAKES_PER_SECOND + people / CALLS_READ_PER_SECOND)

async function startBare(world: World): Promise<Running> {
  const running = await BARE.start(world)
  if ('absent' in running) throw new Error(running.absent)
  return running
}

async function startSized(
  { world, main, label }: Omit<Measured, 'bare'>,
  size: Size,
  issuers: Issuers,
): Promise<Running> {
  const bindings = join(world.directory, label, 'bindings.yaml')
  await writeBindings(bindings, size)
  const added = identityNames(size.identities).map((name) => [
    name,
    { kind: 'managed-identity', clientId: '77777777-7777-4777-8777-777777777702' } as const,
  ])
  return startGatewayIn(world, label, {
    main,
    // nobody signs in to a console at these issuers
    change: ({ console: _console, ...config }) => ({
      ...config,
      issuers: [...issuers.configs],
      identities: { ...config.identities, ...Object.fromEntries(added) },
      policies: { ...config.policies, bindings },
    }),
  })
}
