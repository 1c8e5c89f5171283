/**
 * One gateway of a size, or the bare proxy in its place: started, at rest, warm, and its turns.
 */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { writeCalls } from '../load/calls.ts'
import { RATE_WARM_UP_SECONDS, turn, turnAtRate, type TurnResult } from '../load/turn.ts'
import { coldness, warmUp } from '../load/warm-up.ts'
import { BARE } from '../peers/bare.ts'
import { bundleIn, startGatewayIn } from '../peers/gateway.ts'
import type { Running } from '../peers/peer.ts'
import { SCENARIOS } from '../world/answers.ts'
import { memoryMb } from '../world/process.ts'
import type { World } from '../world/world.ts'
import { identityNames, writeBindings, type Size } from './dimensions.ts'
import { startIssuers, type Issuers } from './issuers.ts'

/** What is started: a gateway of a size, or the bare proxy with so many connections. */
export interface Wanted {
  /** Of its files. */
  readonly label: string
  readonly size: Size
  readonly bare: boolean
}

export interface Sized {
  /** Milliseconds from the start of its process until it was ready. */
  readonly readyMs: number
  /** Megabytes, once it has had nothing to do for two seconds. */
  readonly memoryAtRest: number
  /** @throws unless each call was made, and the sink has its rows */
  warm(): Promise<void>
  /** @throws if a call fails, or the sink does not get its rows */
  turn(seconds: number): Promise<TurnResult>
  stop(): Promise<void>
}

const URLS = 5_000
const REST_MS = 2_000
/** Calls a second that a gateway can do when each caller is new. */
const COLD_CALLS_PER_SECOND = 1_500
const WARM_UP_SECONDS = 8
/** Connections of the warm-up where calls come at a rate. */
const FEW = 64
/** Before a turn is measured: handshakes, and calls that the load generator reads. */
const HANDSHAKES_PER_SECOND = 400
const CALLS_READ_PER_SECOND = 20_000
/** Start and rest; and what there is of a turn after it was measured. */
const START_SECONDS = 5
const AFTER_SECONDS = 1

/** For handshakes, and for the load generator to read its calls. */
const settleMs = ({ connections, people, rate }: Size): number =>
  1_000 *
  (1 +
    connections / HANDSHAKES_PER_SECOND +
    people / CALLS_READ_PER_SECOND +
    (rate === undefined ? 0 : RATE_WARM_UP_SECONDS))

const warmUpSeconds = ({ people }: Size): number =>
  Math.max(WARM_UP_SECONDS, people / COLD_CALLS_PER_SECOND)

/** About how long all of one size takes. */
export const sizeSeconds = (size: Size, rounds: number, seconds: number): number =>
  START_SECONDS + warmUpSeconds(size) + rounds * (settleMs(size) / 1_000 + seconds + AFTER_SECONDS)

export async function startSized(world: World, { label, size, bare }: Wanted): Promise<Sized> {
  const issuers = await startIssuers(size.issuers)
  const scenario = SCENARIOS['get']
  if (scenario === undefined) throw new Error('no scenario "get"')
  const file = join(world.directory, `calls-${label}`)
  // as many URLs for all sizes: it is the callers that grow
  await writeCalls(file, scenario, issuers.tokens(size.people), Math.max(URLS, size.people), URLS)
  const began = performance.now()
  const running = bare ? await startBare(world) : await startGateway(world, label, size, issuers)
  const readyMs = performance.now() - began
  await delay(REST_MS)
  const { connections, rate } = size
  return {
    readyMs,
    memoryAtRest: memoryMb(running.pid),
    warm: () =>
      world.counted(running.records, async () => {
        // as many calls at a time as connections would leave more memory than calls at a rate need
        const load = { url: running.url, file, connections: rate === undefined ? connections : FEW }
        const left = coldness(await warmUp({ ...load, seconds: warmUpSeconds(size) }))
        if (left !== null) throw new Error(`${label}: ${left}`)
      }),
    turn: (seconds) =>
      world.counted(running.records, () =>
        rate === undefined
          ? turn(world, running, { file, connections, seconds, settleMs: settleMs(size) })
          : turnAtRate(running, { file, connections, seconds }, rate),
      ),
    async stop() {
      await running.stop()
      issuers.close()
    },
  }
}

async function startBare(world: World): Promise<Running> {
  const running = await BARE.start(world)
  if ('absent' in running) throw new Error(running.absent)
  return running
}

async function startGateway(
  world: World,
  label: string,
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
    main: await bundleIn(world),
    // nobody signs in to a console at these issuers
    change: ({ console: _console, ...config }) => ({
      ...config,
      issuers: [...issuers.configs],
      identities: { ...config.identities, ...Object.fromEntries(added) },
      policies: { ...config.policies, bindings },
    }),
  })
}
