/**
 * What a comparison found, as tables: for each kind of call, everybody's CPU by the bare proxy's in the same round.
 */
import type { Comparison, Turn } from '../compare.ts'
import { BARE } from '../peers/bare.ts'
import { PEERS } from '../peers/peers.ts'
import { SCENARIOS } from '../world/answers.ts'
import { figureOf, round, shown } from './figures.ts'
import { markdown } from './table.ts'

const COLUMNS = ['', 'times bare', 'CPU, us', 'calls/s', 'p50, ms', 'p99, ms', 'memory, MB']

function rowOf(name: string, turns: readonly Turn[], bare: readonly Turn[]): readonly string[] {
  const inRound = new Map(bare.map((turn) => [turn.round, turn.cpuMicros]))
  const ratios = turns.map((turn) => turn.cpuMicros / (inRound.get(turn.round) ?? Number.NaN))
  const middle = (value: (turn: Turn) => number): string => round(figureOf(turns.map(value)).median)
  return [
    name,
    shown(figureOf(ratios)),
    shown(figureOf(turns.map((turn) => turn.cpuMicros))),
    middle((turn) => turn.callsPerSecond),
    middle((turn) => turn.p50),
    middle((turn) => turn.p99),
    middle((turn) => turn.memoryMb),
  ]
}

export function comparisonText({
  generator,
  connections,
  turns,
  absent,
  cold,
}: Comparison): string {
  const rounds = new Set(turns.map((turn) => turn.round)).size
  const parts = [
    `Load by ${generator}, closed loop over ${connections} connections; medians of ${rounds} rounds, and from which to which they were.`,
  ]
  for (const [key, all] of Map.groupBy(turns, (turn) => turn.scenario)) {
    const bare = all.filter((turn) => turn.peer === BARE.name)
    const rows = [...Map.groupBy(all, (turn) => turn.peer)].map(([name, own]) =>
      rowOf(name, own, bare),
    )
    const { name, goal } = SCENARIOS[key] ?? { name: key, goal: null }
    const asked = goal === null ? '' : `; the gateway may cost ${goal} times bare`
    parts.push(`**${name}**${asked}`, markdown({ columns: COLUMNS, rows }))
  }
  const took = new Set(turns.map((turn) => turn.peer))
  const doing = Object.values(PEERS).filter(({ name }) => took.has(name))
  parts.push(
    ['What each does for a call:', ...doing.map(({ name, does }) => `- ${name}: ${does}`)].join(
      '\n',
    ),
  )
  const missing = Object.entries(absent).map(([name, reason]) => `- ${name}: ${reason}`)
  if (missing.length > 0) parts.push(['Not compared:', ...missing].join('\n'))
  const notWarm = Object.entries(cold).map(([name, left]) => `- ${name}: ${left}`)
  if (notWarm.length > 0) parts.push(['Not warm:', ...notWarm].join('\n'))
  return parts.join('\n\n')
}
