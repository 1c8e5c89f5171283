/**
 * `npm run bench -- growth`: what a read costs as policies, bindings, issuers, callers, identities and connections grow, each
 * with a gateway of its own; and how soon what is deployed is ready, and how much memory it has.
 */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { closedLoop } from '../load/closed-loop.ts'
import { writeCalls } from '../load/calls.ts'
import { turn, type TurnResult } from '../load/turn.ts'
import { BARE } from '../peers/bare.ts'
import type { Running } from '../peers/peer.ts'
import { startGatewayIn } from '../peers/gateway.ts'
import { figureOf } from '../report/figures.ts'
import { SCENARIOS } from '../world/answers.ts'
import { memoryMb } from '../world/process.ts'
import { startWorld, type World } from '../world/world.ts'
import { DIMENSIONS, identityNames, writeBindings, type Size } from './dimensions.ts'
import { startIssuers, type Issuers } from './issuers.ts'
import { bundleIn, measureStart, type Start } from './start.ts'

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
/** Calls a second that a gateway can do at least when each caller is new: for as long its callers are made known. */
const COLD_CALLS_PER_SECOND = 1_000
const WARM_UP_SECONDS = 8
/** Before a turn is measured: handshakes, and calls that the load generator reads. */
const HANDSHAKES_PER_SECOND = 400
const CALLS_READ_PER_SECOND = 20_000

/** @throws if a call fails or the sink does not get its rows */
export async function growth({
  seconds = SECONDS,
}: {
  readonly seconds?: number
}): Promise<Growth> {
  const world = await startWorld()
  try {
    const main = await bundleIn(world)
    const start = await measureStart(world, main)
    const grown: Grown[] = []
    for (const { name, sizes, of, bare = false } of DIMENSIONS) {
      for (const size of sizes) {
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
  await writeCalls(file, scenario, issuers.tokens(size.people), Math.max(URLS, size.people))
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
      const cold = size.people / COLD_CALLS_PER_SECOND
      const warmUp = Math.max(WARM_UP_SECONDS, cold)
      await closedLoop({ url: gateway.url, file, connections, seconds: warmUp })
      const all: TurnResult[] = []
      const settleMs =
        1_000 * (1 + connections / HANDSHAKES_PER_SECOND + size.people / CALLS_READ_PER_SECOND)
      for (let round = 0; round < ROUNDS; round++)
        all.push(await turn(world, gateway, { file, connections, seconds, settleMs }))
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
