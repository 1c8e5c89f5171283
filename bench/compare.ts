/**
 * `npm run bench -- path|peers`: what a call costs by its kind, closed loop, beside the bare proxy in the same rounds. All
 * that take part have their turn in each round, over the same TLS, with the same tokens, before the same upstream; connections
 * are made and caches filled before the CPU of a turn is measured, and the upstream counts its calls.
 */
import { Agent, request } from 'undici'
import { join } from 'node:path'
import { loadGenerator } from './load/closed-loop.ts'
import { headersOf, readCalls, writeCalls } from './load/calls.ts'
import { turn, type TurnResult } from './load/turn.ts'
import { coldness, warmUp } from './load/warm-up.ts'
import { PEERS } from './peers/peers.ts'
import type { Peer, Running } from './peers/peer.ts'
import { progress } from './report/progress.ts'
import { SCENARIOS, type Scenario } from './world/answers.ts'
import { tokensOf } from './world/callers.ts'
import { startWorld } from './world/world.ts'

export interface CompareOptions {
  readonly peers: readonly string[]
  readonly scenarios: readonly string[]
  readonly rounds: number
  /** Seconds of one turn, besides those before it. */
  readonly seconds: number
  /** Seconds of load on each before the first turn of a scenario, if each call was made once by then (bench/load/warm-up.ts). */
  readonly warmUpSeconds: number
  readonly connections: number
  /** Different calls of each kind, over so many tokens at most. */
  readonly calls: number
  /** `refuse`: the sink takes no rows, which must be noticed. */
  readonly sink: 'take' | 'refuse'
}

export const COMPARE_DEFAULTS: CompareOptions = {
  peers: Object.keys(PEERS).filter((name) => name !== 'unsynced'),
  scenarios: Object.keys(SCENARIOS),
  rounds: 5,
  seconds: 4,
  warmUpSeconds: 12,
  connections: 64,
  calls: 5_000,
  sink: 'take',
}

/** One turn of one peer. */
export interface Turn extends TurnResult {
  readonly scenario: string
  readonly peer: string
  readonly round: number
}

export interface Comparison {
  readonly generator: string
  readonly connections: number
  readonly turns: readonly Turn[]
  /** Peers that did not take part, and why. */
  readonly absent: Readonly<Record<string, string>>
  /** Who was not warm, and how far it was. */
  readonly cold: Readonly<Record<string, string>>
}

/** Handshakes before a turn, and what ends after it. */
const BESIDES_SECONDS = 3
const START_SECONDS = 20

/** About how long it takes. */
export function compareSeconds({ peers, scenarios, rounds, ...each }: CompareOptions): number {
  const subjects = new Set(['bare', ...peers]).size
  const turns = rounds * (each.seconds + BESIDES_SECONDS)
  return START_SECONDS + subjects * scenarios.length * (each.warmUpSeconds + turns)
}

const MOST_TOKENS = 2_000

interface Subject {
  readonly key: string
  readonly peer: Peer
  readonly running: Running
}

/** @throws if an answer is not what it should be, a call fails, or the sink does not get its rows */
export async function compare(options: CompareOptions): Promise<Comparison> {
  const world = await startWorld(options.sink)
  const { rounds, connections, seconds, warmUpSeconds, calls } = options
  const subjects: Subject[] = []
  const absent: Record<string, string> = {}
  const cold: Record<string, string> = {}
  try {
    for (const key of new Set(['bare', ...options.peers])) {
      const peer = PEERS[key]
      if (peer === undefined)
        throw new Error(`no peer "${key}"; there are ${Object.keys(PEERS).join(', ')}`)
      const running = await peer.start(world)
      if ('absent' in running) absent[peer.name] = running.absent
      else subjects.push({ key, peer, running })
    }
    const tokens = await tokensOf(world.lab, 'scientist', Math.min(calls, MOST_TOKENS))
    const turns: Turn[] = []
    for (const key of options.scenarios) {
      const scenario = SCENARIOS[key]
      if (scenario === undefined)
        throw new Error(`no scenario "${key}"; there are ${Object.keys(SCENARIOS).join(', ')}`)
      const file = join(world.directory, `calls-${key}`)
      await writeCalls(file, scenario, tokens, calls)
      const out = new Set<Subject>()
      /** Who is compared with may fail, and is said to; the bare proxy and the gateway may not. */
      const attempt = async (subject: Subject, load: () => Promise<void>): Promise<void> => {
        if (out.has(subject)) return
        try {
          await world.counted(subject.running.records, load)
        } catch (error) {
          if (subject.key === 'bare' || subject.running.records) throw error
          out.add(subject)
          absent[`${subject.peer.name}, ${scenario.name}`] =
            error instanceof Error ? error.message : String(error)
        }
      }
      for (const subject of subjects) {
        const { peer, running } = subject
        progress(`${scenario.name}: ${peer.name} gets warm`)
        await attempt(subject, async () => {
          await examine(running.url, scenario, file)
          const load = { url: running.url, file, connections, seconds: warmUpSeconds }
          const left = coldness(await warmUp(load))
          if (left !== null) cold[`${peer.name}, ${scenario.name}`] = left
        })
      }
      for (let round = 0; round < rounds; round++) {
        progress(`${scenario.name}: round ${round + 1} of ${rounds}`)
        for (const subject of subjects) {
          await attempt(subject, async () => {
            const measured = await turn(world, subject.running, { file, connections, seconds })
            turns.push({ ...measured, scenario: key, peer: subject.peer.name, round })
          })
        }
      }
    }
    return { generator: loadGenerator(), connections: options.connections, turns, absent, cold }
  } finally {
    await Promise.all(subjects.map(({ running }) => running.stop()))
    await world.close()
  }
}

/** @throws unless one call is answered with what the upstream says */
async function examine(url: string, scenario: Scenario, file: string): Promise<void> {
  const all = readCalls(file)
  const [call] = all.calls
  if (call === undefined) throw new Error('no calls')
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false } })
  const { path, token } = call
  const { method, body } = all
  const answer = await request(`${url}${path}`, {
    dispatcher,
    method,
    body,
    headers: headersOf(all, token),
  })
  const text = await answer.body.text()
  await dispatcher.close()
  if (answer.statusCode !== 200 || !scenario.isAnswer(text))
    throw new Error(
      `${url} answered "${scenario.name}" with ${answer.statusCode}, ${text.length} bytes: ${text.slice(0, 300)}`,
    )
}
