/**
 * What the open loop found, as tables.
 */
import type { Latency, LatencyTurn } from '../latency.ts'
import { BARE } from '../peers/bare.ts'
import { SCENARIOS } from '../world/answers.ts'
import { figureOf, round, shown } from './figures.ts'
import { markdown } from './table.ts'

const COLUMNS = [
  '',
  'calls/s',
  'p50, ms',
  'p99, ms',
  'p99, times bare',
  'CPU, us',
  'sent late, p99, ms',
]
const PAUSES = ['event loop held for more than 5 ms by', 'times', 'longest, ms', 'our own doing']

function rowOf(
  name: string,
  turns: readonly LatencyTurn[],
  bare: readonly LatencyTurn[],
): string[] {
  const of = (value: (turn: LatencyTurn) => number, all = turns): ReturnType<typeof figureOf> =>
    figureOf(all.map(value))
  const p99 = of((turn) => turn.p99)
  return [
    name,
    round(turns[0]?.rate ?? 0),
    shown(of((turn) => turn.p50)),
    shown(p99),
    round(p99.median / of((turn) => turn.p99, bare).median),
    round(of((turn) => turn.cpuMicros).median),
    round(of((turn) => turn.late99).median),
  ]
}

export function latencyText({ turns, pauses }: Latency): string {
  const rounds = new Set(turns.map((turn) => turn.round)).size
  const parts = [
    `Open loop over 64 connections, time from when a call was due; medians of ${rounds} rounds, and from which to which they were. "Sent late" is the load generator's own part.`,
  ]
  for (const [key, all] of Map.groupBy(turns, (turn) => `${turn.scenario} ${turn.at}`)) {
    const [scenario = '', at] = key.split(' ')
    const bare = all.filter((turn) => turn.peer === BARE.name)
    const rows = [...Map.groupBy(all, (turn) => turn.peer)].map(([name, own]) =>
      rowOf(name, own, bare),
    )
    const rate = at === 'half' ? "half of the gateway's capacity" : `${all[0]?.rate} a second`
    parts.push(
      `**${SCENARIOS[scenario]?.name ?? scenario}, at ${rate}**`,
      markdown({ columns: COLUMNS, rows }),
    )
  }
  for (const { scenario, seconds, rate, causes } of pauses) {
    const rows = causes.map(({ cause, count, longestMs, own }) => [
      cause,
      String(count),
      round(longestMs),
      own ? 'yes' : 'no',
    ])
    parts.push(
      `**Pauses in ${seconds} s, ${SCENARIOS[scenario]?.name ?? scenario}, at ${rate} a second**, inside a gateway whose CPU is profiled meanwhile`,
      rows.length === 0 ? 'None of more than 5 ms.' : markdown({ columns: PAUSES, rows }),
    )
  }
  return parts.join('\n\n')
}
