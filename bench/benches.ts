/**
 * The benches by name: what each measures, and what it has to say.
 */
import { join } from 'node:path'
import { compare, COMPARE_DEFAULTS, compareSeconds, type CompareOptions } from './compare.ts'
import { growth, GROWTH_DEFAULTS, growthSeconds, type GrowthOptions } from './growth/growth.ts'
import { latency, LATENCY_DEFAULTS, latencySeconds, type LatencyOptions } from './latency.ts'
import { benchPolicy } from './policy.ts'
import { profile, PROFILE_DEFAULTS, profileSeconds, type ProfileOptions } from './profile.ts'
import { comparisonText } from './report/comparison.ts'
import { round } from './report/figures.ts'
import { growthText, outOfBounds } from './report/growth.ts'
import { latencyText } from './report/latency.ts'
import { overStages, profileText } from './report/profile.ts'
import { overStart, startText } from './report/start.ts'
import { markdown } from './report/table.ts'
import { benchSpool, GOAL } from './spool.ts'
import { measureStarts } from './start/start.ts'

/** What the command line says; what is absent has a default of the bench's own. */
export interface BenchOptions {
  readonly rounds: number | undefined
  readonly seconds: number | undefined
  readonly warmUpSeconds: number | undefined
  readonly calls: number | undefined
  readonly peers: readonly string[] | undefined
  readonly scenarios: readonly string[] | undefined
  readonly dimensions: readonly string[] | undefined
  readonly sink: 'take' | 'refuse'
}

interface Report {
  /** Markdown. */
  readonly text: string
  readonly raw: object
  /** Bounds that were not met: the command fails. */
  readonly missed: readonly string[]
}

interface Bench {
  readonly about: string
  /** Whether docs/performance.md has a section of it. */
  readonly documented: boolean
  /** About how long it takes, in seconds; absent if that is not known beforehand. */
  seconds?(options: BenchOptions): number
  run(options: BenchOptions): Promise<Report>
}

/** Without what is not given. */
function given<T extends object>(options: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as { [K in keyof T]?: NonNullable<T[K]> }
}

const shown = (value: unknown): string => (typeof value === 'number' ? round(value) : String(value))

/** Rows of equal members as a table. */
function tableOf(rows: readonly object[]): string {
  return markdown({
    columns: Object.keys(rows[0] ?? {}),
    rows: rows.map((row) => Object.values(row).map(shown)),
  })
}

const comparison = (options: BenchOptions, peers: readonly string[]): CompareOptions => ({
  ...COMPARE_DEFAULTS,
  peers,
  ...given(options),
})
const latencyOptions = ({ rounds, seconds, warmUpSeconds }: BenchOptions): LatencyOptions => ({
  ...LATENCY_DEFAULTS,
  ...given({ rounds, seconds, warmUpSeconds }),
})
const growthOptions = ({ rounds, seconds, dimensions }: BenchOptions): GrowthOptions => ({
  ...GROWTH_DEFAULTS,
  ...given({ rounds, seconds, dimensions }),
})
const profileOptions = ({ seconds, warmUpSeconds }: BenchOptions): ProfileOptions => ({
  ...PROFILE_DEFAULTS,
  ...given({ seconds, warmUpSeconds }),
})

async function comparing(options: BenchOptions, peers: readonly string[]): Promise<Report> {
  const result = await compare(comparison(options, peers))
  return { text: comparisonText(result), raw: result, missed: [] }
}

export const BENCHES: Readonly<Record<string, Bench>> = {
  path: {
    about: 'CPU of a call by its kind, beside the bare proxy',
    documented: false,
    seconds: (options) => compareSeconds(comparison(options, ['gateway'])),
    run: (options) => comparing(options, ['gateway']),
  },
  peers: {
    about: 'the same, beside the bare proxy, HAProxy, nginx and oauth2-proxy',
    documented: true,
    seconds: (options) => compareSeconds(comparison(options, COMPARE_DEFAULTS.peers)),
    run: (options) => comparing(options, COMPARE_DEFAULTS.peers),
  },
  latency: {
    about: 'how long a call takes at a fixed rate, and what held the event loop',
    documented: true,
    seconds: (options) => latencySeconds(latencyOptions(options)),
    async run(options) {
      const result = await latency(latencyOptions(options))
      return { text: latencyText(result), raw: result, missed: [] }
    },
  },
  growth: {
    about:
      'what grows with policies, issuers, callers, identities, bindings, connections; start and memory',
    documented: true,
    seconds: (options) => growthSeconds(growthOptions(options)),
    async run(options) {
      const result = await growth(growthOptions(options))
      return { text: growthText(result), raw: result, missed: outOfBounds(result) }
    },
  },
  start: {
    about: 'CPU and time of the start of every command, beside a Node that does nothing',
    documented: true,
    async run({ rounds }) {
      const result = await measureStarts(rounds)
      return { text: startText(result), raw: result, missed: overStart(result) }
    },
  },
  profile: {
    about: 'where the CPU of a warm gateway goes, by stage',
    documented: true,
    seconds: (options) => profileSeconds(profileOptions(options)),
    async run(options) {
      const result = await profile(profileOptions(options))
      return { text: profileText(result), raw: result, missed: overStages(result) }
    },
  },
  policy: {
    about: 'a decision, cached and not, as policies grow',
    documented: false,
    async run() {
      const rows = await benchPolicy(join(import.meta.dirname, '..', 'policies'))
      return { text: tableOf(rows), raw: { rows }, missed: [] }
    },
  },
  spool: {
    about: 'records a second on this disk, by number of writers',
    documented: false,
    async run() {
      const rows = await benchSpool()
      const { writers, recordsPerSecond, p99 } = GOAL
      const asked = `asked for at ${writers} writers: ${recordsPerSecond} records a second, p99 under ${p99} ms`
      return { text: `${tableOf(rows)}\n\n${asked}`, raw: { rows }, missed: [] }
    },
  },
}
