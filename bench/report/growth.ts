/**
 * What grew, as tables, and which bounds were not met.
 */
import type { Grown, Growth } from '../growth/growth.ts'
import { figureOf, round, shown, type Figure } from './figures.ts'
import { markdown } from './table.ts'

/** How many times the CPU of a read at the least size it may be at the largest. */
const FLAT = 1.25
const READY_MS = 1_000
const REST_MB = 120
const LOADED_MB = 350

interface Bound {
  readonly what: string
  readonly found: Figure
  readonly most: number
  readonly unit: string
}

/** How many times the least of its dimension one size costs: each turn by that of the least in the same round. */
function timesOf({ cpuMicros }: Grown, least: Grown): Figure {
  return figureOf(cpuMicros.map((micros, at) => micros / (least.cpuMicros[at] ?? Number.NaN)))
}

/** The sizes of each dimension, the least first. */
const byDimension = (grown: readonly Grown[]): readonly (readonly Grown[])[] => [
  ...Map.groupBy(grown, ({ dimension }) => dimension).values(),
]

function boundsOf({ start, grown }: Growth): Bound[] {
  const times = byDimension(grown).flatMap((sizes): Bound[] => {
    const [least, most] = [sizes[0], sizes.at(-1)]
    if (least === undefined || most === undefined || least === most || least.bare) return []
    const what = `${least.dimension}, ${least.size} to ${most.size}: CPU of a read grows`
    return [{ what, found: timesOf(most, least), most: FLAT, unit: 'times' }]
  })
  const loaded = byDimension(grown).flatMap((sizes): Bound[] => {
    const most = sizes.at(-1)
    if (most === undefined || most.bare || !most.dimension.startsWith('connections')) return []
    const what = `memory with ${most.size} ${most.dimension}`
    return [{ what, found: figureOf([most.memoryLoaded]), most: LOADED_MB, unit: 'MB' }]
  })
  const ready = { what: 'ready after the start', found: figureOf(start.readyMs) }
  const rest = { what: 'memory at rest', found: figureOf(start.memoryAtRest) }
  return [
    ...times,
    { ...ready, most: READY_MS, unit: 'ms' },
    { ...rest, most: REST_MB, unit: 'MB' },
    ...loaded,
  ]
}

const isMet = ({ found, most }: Bound): boolean => found.median <= most

const COLUMNS = [
  '',
  'size',
  'CPU of a read, us',
  'times the least',
  'p99, ms',
  'ready, ms',
  'at rest, MB',
  'loaded, MB',
]

const rowsOf = (sizes: readonly Grown[]): string[][] =>
  sizes.map((one) => [
    one.dimension,
    String(one.size),
    shown(figureOf(one.cpuMicros)),
    sizes[0] === undefined || one === sizes[0] ? '1' : shown(timesOf(one, sizes[0])),
    round(one.p99),
    round(one.readyMs),
    round(one.memoryAtRest),
    round(one.memoryLoaded),
  ])

export function growthText(growth: Growth): string {
  const bounds = {
    columns: ['bound', 'found', 'at most', 'met'],
    rows: boundsOf(growth).map((bound) => [
      bound.what,
      `${shown(bound.found)} ${bound.unit}`,
      `${bound.most} ${bound.unit}`,
      isMet(bound) ? 'yes' : 'no',
    ]),
  }
  const rounds = growth.grown[0]?.cpuMicros.length ?? 0
  return [
    markdown(bounds),
    `Each row below is a gateway of its own, or a bare proxy. Those of one dimension have their turns in the same rounds, and each turn is compared with that of the least size in its round; medians of ${rounds} rounds, and from which to which they were. Ready and at rest are of one start.`,
    markdown({ columns: COLUMNS, rows: byDimension(growth.grown).flatMap(rowsOf) }),
  ].join('\n\n')
}

/** Bounds that were not met, in words. */
export function outOfBounds(growth: Growth): string[] {
  return boundsOf(growth)
    .filter((bound) => !isMet(bound))
    .map(({ what, found, most, unit }) => `${what}: ${shown(found)} ${unit}, at most ${most}`)
}
