/**
 * Refusals before identification by source: which may have a record of their own, and how many were only counted.
 * @module
 */

/** Sources beyond the number that is remembered, and sources of which nothing is known any more. */
export const OTHER_SOURCES = '(other)'
/** Decision ids that a summary names. */
const MAX_SAMPLES = 8

/** Refusals of one source that were counted. Times are milliseconds since the epoch. */
export interface Summary {
  readonly source: string
  readonly count: number
  readonly first: number
  readonly last: number
  /** How many by refusal code. */
  readonly codes: ReadonlyMap<string, number>
  /** Decision ids of the first ones. */
  readonly samples: readonly string[]
}

export interface TallyOptions {
  /** Records of its own that a source may leave at once. */
  readonly burst: number
  /** How many of them it gets back each second. */
  readonly perSecond: number
  /** Sources that are told apart; the others count as one. */
  readonly sources: number
  /** Monotonic milliseconds. */
  readonly elapsed: () => number
}

export interface Tally {
  /** Whether the next refusal of this source may have a record of its own; if so, that one is spent. */
  spend(source: string): boolean
  count(source: string, id: string, code: string, at: number): void
  /** Takes what was counted, one summary a source, and forgets sources that have been quiet. */
  take(): Summary[]
  /** Puts back what could not be recorded. */
  keep(summary: Summary): void
}

/** A summary that still grows: one is made for each source and second, not for each refusal. */
interface Growing {
  readonly source: string
  count: number
  readonly first: number
  last: number
  readonly codes: Map<string, number>
  readonly samples: string[]
}

interface Entry {
  tokens: number
  refilledAt: number
  pending: Growing | null
}

/** Two summaries as one, under the source of the first. */
export function merged(one: Summary, other: Summary): Growing {
  const codes = new Map(one.codes)
  for (const [code, count] of other.codes) codes.set(code, (codes.get(code) ?? 0) + count)
  return {
    source: one.source,
    count: one.count + other.count,
    first: Math.min(one.first, other.first),
    last: Math.max(one.last, other.last),
    codes,
    samples: [...one.samples, ...other.samples].slice(0, MAX_SAMPLES),
  }
}

export function createTally({ burst, perSecond, sources, elapsed }: TallyOptions): Tally {
  const fresh = (): Entry => ({ tokens: burst, refilledAt: elapsed(), pending: null })
  const others = fresh()
  const entries = new Map<string, Entry>()

  function entryOf(source: string): Entry {
    const known = entries.get(source)
    if (known !== undefined) return known
    if (source === OTHER_SOURCES || entries.size >= sources) return others
    const made = fresh()
    entries.set(source, made)
    return made
  }

  function refill(entry: Entry): void {
    const now = elapsed()
    const gained = ((now - entry.refilledAt) / 1000) * perSecond
    entry.tokens = Math.min(burst, entry.tokens + gained)
    entry.refilledAt = now
  }

  const nameOf = (entry: Entry, source: string): string =>
    entry === others ? OTHER_SOURCES : source

  return {
    spend(source) {
      const entry = entryOf(source)
      refill(entry)
      if (entry.tokens < 1) return false
      entry.tokens -= 1
      return true
    },
    count(asked, id, code, at) {
      const entry = entryOf(asked)
      const source = nameOf(entry, asked)
      entry.pending ??= { source, count: 0, first: at, last: at, codes: new Map(), samples: [] }
      const { pending } = entry
      pending.count += 1
      pending.last = at
      pending.codes.set(code, (pending.codes.get(code) ?? 0) + 1)
      if (pending.samples.length < MAX_SAMPLES) pending.samples.push(id)
    },
    take() {
      const taken: Summary[] = []
      for (const [source, entry] of [...entries, [OTHER_SOURCES, others] as const]) {
        refill(entry)
        if (entry.pending !== null) taken.push(entry.pending)
        else if (entry.tokens >= burst) entries.delete(source)
        entry.pending = null
      }
      return taken
    },
    keep(summary) {
      const entry = entryOf(summary.source)
      const kept = { ...summary, source: nameOf(entry, summary.source) }
      // what was counted meanwhile came later
      entry.pending = merged(
        kept,
        entry.pending ?? { ...kept, count: 0, codes: new Map(), samples: [] },
      )
    },
  }
}
