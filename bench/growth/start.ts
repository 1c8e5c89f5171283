/**
 * How soon what is deployed is ready, and its memory once it has nothing to do: the bundle (packaging/bundle.ts), with the
 * flags of the image.
 */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { writeBundle, BUNDLE } from '../../packaging/bundle.ts'
import { startGatewayIn } from '../peers/gateway.ts'
import { memoryMb } from '../world/process.ts'
import { startWorld } from '../world/world.ts'

export interface Start {
  /** Milliseconds from the start of the process until it said that it is ready, start by start. */
  readonly readyMs: readonly number[]
  /** Megabytes, start by start. */
  readonly memoryAtRest: readonly number[]
}

const STARTS = 5
const REST_MS = 10_000

export async function measureStart(starts = STARTS): Promise<Start> {
  const world = await startWorld()
  try {
    const directory = join(world.directory, 'bundle')
    await writeBundle(directory)
    const readyMs: number[] = []
    const memoryAtRest: number[] = []
    for (let n = 0; n < starts; n++) {
      const began = performance.now()
      const gateway = await startGatewayIn(world, `start-${n}`, { main: join(directory, BUNDLE) })
      readyMs.push(performance.now() - began)
      await delay(REST_MS)
      memoryAtRest.push(memoryMb(gateway.pid))
      await gateway.stop()
    }
    return { readyMs, memoryAtRest }
  } finally {
    await world.close()
  }
}
