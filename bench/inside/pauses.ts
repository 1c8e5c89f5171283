/**
 * What pauses of the event loop were: a collection of garbage, a stage of ours or of somebody's package, or none of these:
 * the machine gave the core to somebody else, or the disk was waited for.
 */
import { stagesOf } from './stages.ts'
import type { Pause, Watched } from './watch.ts'

export interface Cause {
  readonly cause: string
  /** By our own doing: our code ran, or its garbage was collected. */
  readonly own: boolean
  readonly count: number
  readonly longestMs: number
}

/** How much of a pause the thread must have run for it to be of the gateway's own making. */
const RAN = 0.5

/** Pauses by their cause, most frequent first. */
export function causesOf(watched: Watched): readonly Cause[] {
  const causeAt = causes(watched)
  const found = Map.groupBy(
    watched.pauses.map((pause) => ({ ...causeAt(pause), ms: (pause.to - pause.from) / 1000 })),
    ({ cause }) => cause,
  )
  return [...found]
    .map(([cause, all]) => ({
      cause,
      own: all[0]?.own ?? false,
      count: all.length,
      longestMs: Math.max(...all.map(({ ms }) => ms)),
    }))
    .toSorted((a, b) => b.count - a.count)
}

function causes({ profile, collections }: Watched): (pause: Pause) => Pick<Cause, 'cause' | 'own'> {
  const stages = stagesOf(profile)
  const times: number[] = []
  let time = profile.startTime
  for (const delta of profile.timeDeltas ?? []) times.push((time += delta))
  return ({ from, to, cpuMicros }) => {
    const length = to - from
    if (cpuMicros < length * RAN)
      return { cause: 'the thread did not run (another process, or the disk)', own: false }
    const collected = collections
      .filter((one) => one.to > from && one.from < to)
      .reduce((sum, one) => sum + Math.min(one.to, to) - Math.max(one.from, from), 0)
    if (collected > length / 2) return { cause: 'collection of garbage', own: true }
    const seen = new Map<string, { own: boolean; count: number }>()
    for (const [at, sampled] of times.entries()) {
      if (sampled < from || sampled > to) continue
      const stage = stages.get(profile.samples?.[at] ?? -1)
      if (stage === undefined || stage.name === 'idle') continue
      const name = `${stage.name}: ${stage.functionName}`
      seen.set(name, { own: stage.own, count: (seen.get(name)?.count ?? 0) + 1 })
    }
    const [most] = [...seen].toSorted((a, b) => b[1].count - a[1].count)
    // much work in a row, as calls that came at once make, is no pause of one function
    if (
      most === undefined ||
      most[1].count * 2 < [...seen.values()].reduce((sum, { count }) => sum + count, 0)
    )
      return { cause: 'many short pieces of work in a row', own: true }
    return { cause: most[0], own: most[1].own }
  }
}
