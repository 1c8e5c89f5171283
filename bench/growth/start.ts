/**
 * How soon what is deployed is ready, and its memory once it has nothing to do: the bundle (packaging/bundle.ts), with the
 * flags of the image.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { startGatewayIn } from '../peers/gateway.ts'
import { memoryMb } from '../world/process.ts'
import type { World } from '../world/world.ts'

export interface Start {
  /** Milliseconds from the start of the process until it said that it is ready, start by start. */
  readonly readyMs: readonly number[]
  /** Megabytes, start by start. */
  readonly memoryAtRest: readonly number[]
}

const STARTS = 3
const REST_MS = 10_000
/** About how long all of it takes. */
export const START_SECONDS = STARTS * (REST_MS / 1_000 + 2)

/** @param main what Node runs */
export async function measureStart(world: World, main: string): Promise<Start> {
  const readyMs: number[] = []
  const memoryAtRest: number[] = []
  for (let n = 0; n < STARTS; n++) {
    const began = performance.now()
    const gateway = await startGatewayIn(world, `start-${n}`, { main })
    readyMs.push(performance.now() - began)
    await delay(REST_MS)
    memoryAtRest.push(memoryMb(gateway.pid))
    await gateway.stop()
  }
  return { readyMs, memoryAtRest }
}
