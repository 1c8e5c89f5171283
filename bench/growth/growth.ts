/**
 * `npm run bench -- growth`: what a read costs as policies, bindings, issuers, callers, identities and connections grow; and
 * how soon what is deployed is ready, and how much memory it has.
 *
 * The sizes of one dimension have their turns in the same rounds, each at a gateway of its own: what the machine does besides
 * is no growth.
 */
import type { TurnResult } from '../load/turn.ts'
import { bundleIn } from '../peers/gateway.ts'
import { figureOf } from '../report/figures.ts'
import { progress } from '../report/progress.ts'
import { startWorld, type World } from '../world/world.ts'
import { DIMENSIONS, type Dimension } from './dimensions.ts'
import { sizeSeconds, startSized, type Sized } from './sized.ts'
import { measureStart, START_SECONDS, type Start } from './start.ts'

/** A gateway of one size: microseconds of CPU a read, round by round; megabytes; milliseconds until it was ready. */
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

export interface GrowthOptions {
  readonly rounds: number
  /** Of one turn. */
  readonly seconds: number
  /** What of it grows, by the start of its name; all if absent. */
  readonly dimensions?: readonly string[]
}

export const GROWTH_DEFAULTS: GrowthOptions = { rounds: 5, seconds: 2 }

/** The lab, and the bundle. */
const WORLD_SECONDS = 10

function chosen(names: readonly string[] | undefined): readonly Dimension[] {
  const unknown = names?.find((one) => !DIMENSIONS.some(({ name }) => name.startsWith(one)))
  if (unknown !== undefined)
    throw new Error(
      `nothing that grows is called "${unknown}"; there are ${DIMENSIONS.map(({ name }) => name).join(', ')}`,
    )
  return DIMENSIONS.filter(({ name }) => names?.some((one) => name.startsWith(one)) ?? true)
}

/** About how long it takes. */
export function growthSeconds({ rounds, seconds, dimensions }: GrowthOptions): number {
  const all = chosen(dimensions).flatMap(({ sizes, of }) => sizes.map(of))
  const each = all.map((size) => sizeSeconds(size, rounds, seconds))
  return WORLD_SECONDS + START_SECONDS + each.reduce((sum, one) => sum + one, 0)
}

/** @throws if a call fails or the sink does not get its rows */
export async function growth(options: GrowthOptions): Promise<Growth> {
  const wanted = chosen(options.dimensions)
  const world = await startWorld()
  try {
    progress('starts, and memory at rest')
    const start = await measureStart(world, await bundleIn(world))
    const grown: Grown[] = []
    for (const dimension of wanted) grown.push(...(await measure(world, dimension, options)))
    return { start, grown }
  } finally {
    await world.close()
  }
}

interface Subject {
  readonly size: number
  readonly sized: Sized
  readonly turns: TurnResult[]
}

async function measure(
  world: World,
  { name, sizes, of, bare = false }: Dimension,
  { rounds, seconds }: GrowthOptions,
): Promise<Grown[]> {
  const subjects: Subject[] = []
  try {
    for (const size of sizes) {
      progress(`${name}: ${size} starts and gets warm`)
      const label = `${name.replaceAll(' ', '-')}-${size}`
      const sized = await startSized(world, { label, size: of(size), bare })
      subjects.push({ size, sized, turns: [] })
      await sized.warm()
    }
    for (let round = 0; round < rounds; round++) {
      progress(`${name}: round ${round + 1} of ${rounds}`)
      // each is first as often as it is last
      const order = round % 2 === 0 ? subjects : subjects.toReversed()
      for (const { sized, turns } of order) turns.push(await sized.turn(seconds))
    }
  } finally {
    await Promise.all(subjects.map(({ sized }) => sized.stop()))
  }
  return subjects.map(({ size, sized: { readyMs, memoryAtRest }, turns }) => ({
    dimension: name,
    bare,
    size,
    cpuMicros: turns.map((one) => one.cpuMicros),
    p99: figureOf(turns.map((one) => one.p99)).median,
    readyMs,
    memoryAtRest,
    memoryLoaded: Math.max(...turns.map((one) => one.memoryMb)),
  }))
}
