/**
 * A gateway that is watched from inside: a profile of its CPU and the pauses of its event loop, for as long as a load runs.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startGatewayIn } from '../peers/gateway.ts'
import type { Running } from '../peers/peer.ts'
import type { World } from '../world/world.ts'
import type { Watched } from './watch.ts'

export interface WatchedGateway {
  readonly running: Running
  /** What was seen while `load` ran. */
  watch(load: () => Promise<unknown>): Promise<Watched>
}

/** For the signal to arrive, and for the file to be written. */
const SETTLE_MS = 500
const WRITE_MS = 30_000

/** Each has a file of its own. */
let started = 0

export async function startWatched(world: World): Promise<WatchedGateway> {
  const file = join(world.directory, `watched-${++started}.json`)
  const running = await startGatewayIn(world, 'watched', {
    flags: ['--import', new URL('watch.ts', import.meta.url).href],
    env: { BENCH_WATCH: file },
  })
  return {
    running,
    async watch(load) {
      process.kill(running.pid, 'SIGUSR2')
      await delay(SETTLE_MS)
      await load()
      process.kill(running.pid, 'SIGUSR2')
      const deadline = performance.now() + WRITE_MS
      for (;;) {
        const text = await readFile(file, 'utf8').catch(() => '')
        try {
          return JSON.parse(text) as Watched
        } catch (error) {
          // not there, or not whole yet
          if (performance.now() > deadline) throw error
          await delay(100)
        }
      }
    },
  }
}
