/**
 * What grew, as tables, and which bounds were not met.
 */
import type { Grown, Growth } from '../growth/growth.ts'
import { figureOf, round, shown } from './figures.ts'
import { markdown } from './table.ts'

/** How many times the CPU of a read at the least size it may be at the largest. */
const FLAT = 1.25
const READY_MS = 1_000
const REST_MB = 120
const LOADED_MB = 350
const CONNECTIONS = 'connections'

interface Bound {
  readonly what: string
  readonly found: number
  readonly most: number
  readonly unit: string
}

function boundsOf({ start, grown }: Growth): Bound[] {
  const times = [
    ...Map.groupBy(
      grown.filter((one) => !one.bare),
      (one) => one.dimension,
    ),
  ].map(([dimension, all]) => {
    const [least, most] = [all[0], all.at(-1)].map((one) => figureOf(one?.cpuMicros ?? []).median)
    const found = (most ?? Number.NaN) / (least ?? Number.NaN)
    const what = `${dimension}, ${all[0]?.size} to ${all.at(-1)?.size}: CPU of a read grows`
    return { what, found, most: FLAT, unit: 'times' }
  })
  const connected = grown.filter((one) => one.dimension === CONNECTIONS).at(-1)
  return [
    ...times,
    {
      what: 'ready after the start',
      found: figureOf(start.readyMs).median,
      most: READY_MS,
      unit: 'ms',
    },
    {
      what: 'memory at rest',
      found: figureOf(start.memoryAtRest).median,
      most: REST_MB,
      unit: 'MB',
    },
    ...(connected === undefined
      ? []
      : [
          {
            what: `memory at ${connected.size} connections`,
            found: connected.memoryLoaded,
            most: LOADED_MB,
            unit: 'MB',
          },
        ]),
  ]
}

const isMet = ({ found, most }: Bound): boolean => found <= most

const rowOf = (one: Grown): string[] => [
  one.dimension,
  String(one.size),
  shown(figureOf(one.cpuMicros)),
  round(one.p99),
  round(one.readyMs),
  round(one.memoryAtRest),
  round(one.memoryLoaded),
]

export function growthText(growth: Growth): string {
  const sizes = {
    columns: ['', 'size', 'CPU of a read, us', 'p99, ms', 'ready, ms', 'at rest, MB', 'loaded, MB'],
    rows: growth.grown.map(rowOf),
  }
  const bounds = {
    columns: ['bound', 'found', 'at most', 'met'],
    rows: boundsOf(growth).map((bound) => [
      bound.what,
      `${round(bound.found)} ${bound.unit}`,
      `${bound.most} ${bound.unit}`,
      isMet(bound) ? 'yes' : 'no',
    ]),
  }
  return [
    markdown(bounds),
    'All of it is of the bundle. Each row below is a gateway of its own, or a bare proxy; medians of 3 turns, and from which to which they were.',
    markdown(sizes),
  ].join('\n\n')
}

/** Bounds that were not met, in words. */
export function outOfBounds(growth: Growth): string[] {
  return boundsOf(growth)
    .filter((bound) => !isMet(bound))
    .map(({ what, found, most, unit }) => `${what}: ${round(found)} ${unit}, at most ${most}`)
}
