/**
 * `npm run bench -- profile`: where the CPU of a warm gateway goes, by stage, from a profile of V8's over a minute of reads and
 * one of changes.
 */
import { join } from 'node:path'
import { shares, type Stage } from './inside/stages.ts'
import { startWatched } from './inside/watched-gateway.ts'
import { closedLoop } from './load/closed-loop.ts'
import { writeCalls } from './load/calls.ts'
import { warmUp } from './load/warm-up.ts'
import { progress } from './report/progress.ts'
import { SCENARIOS } from './world/answers.ts'
import { tokensOf } from './world/callers.ts'
import { startWorld } from './world/world.ts'

export interface ProfileOptions {
  readonly seconds: number
  readonly warmUpSeconds: number
}

export const PROFILE_DEFAULTS: ProfileOptions = { seconds: 60, warmUpSeconds: 12 }

/** No stage of ours may have more of the whole. */
export const MOST_OF_A_STAGE = 0.15

/** Shares of the time in which anything ran, by the scenario's name, largest first. */
export type Profiles = Readonly<Record<string, readonly (Stage & { readonly share: number })[]>>

/** Start of a gateway, and the profile, which is read and counted. */
const BESIDES_SECONDS = 10

/** About how long it takes. */
export const profileSeconds = ({ seconds, warmUpSeconds }: ProfileOptions): number =>
  SCENARIO_KEYS.length * (warmUpSeconds + seconds + BESIDES_SECONDS)

const SCENARIO_KEYS = ['get', 'put'] as const
const TOKENS = 2_000
const URLS = 5_000
const CONNECTIONS = 64

export async function profile({ seconds, warmUpSeconds }: ProfileOptions): Promise<Profiles> {
  const world = await startWorld()
  try {
    const tokens = await tokensOf(world.lab, 'scientist', TOKENS)
    const profiles: Record<string, Profiles[string]> = {}
    for (const key of SCENARIO_KEYS) {
      const scenario = SCENARIOS[key]
      if (scenario === undefined) throw new Error(`no scenario "${key}"`)
      const file = join(world.directory, `calls-${key}`)
      await writeCalls(file, scenario, tokens, URLS)
      progress(scenario.name)
      const gateway = await startWatched(world)
      try {
        const load = { url: gateway.running.url, file, connections: CONNECTIONS }
        const watched = await world.counted(true, async () => {
          await warmUp({ ...load, seconds: warmUpSeconds })
          return gateway.watch(() => closedLoop({ ...load, seconds }))
        })
        profiles[scenario.name] = shares(watched.profile)
      } finally {
        await gateway.running.stop()
      }
    }
    return profiles
  } finally {
    await world.close()
  }
}
