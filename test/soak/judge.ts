/**
 * What must hold at the end of a soak, judged from what was counted on each side.
 * @module
 */
import type { Row } from '../support/gateway.ts'

/** One thing that holds or does not, with the figures that say so. */
export interface Judgement {
  readonly name: string
  readonly held: boolean
  readonly figures: string
}

/** Kinds of record that end a request. */
const LAST: ReadonlySet<unknown> = new Set(['completed', 'refused', 'received', 'summary'])
/** What an intent can come to without that Azure has seen it. */
const UNSEEN_OUTCOMES: ReadonlySet<unknown> = new Set(['unknown', 'client_abort'])
const UNSEEN_CODES: ReadonlySet<unknown> = new Set([
  'upstream_unreachable',
  // of a read: a kept connection that Azure was just closing; a change ends as `unknown`
  'upstream_reset',
  'audit_unavailable',
])
/** Ids that are shown of a set that should be empty. */
const SHOWN = 3
/** Live heap that the second half of a run may add: caches fill, and each sample has calls under way. */
const HEAP_GROWTH_BYTES = 16 * 1024 * 1024

/** What the records say, one row after the other; a long run has too many to keep. */
export interface Records {
  /** Ends of requests, those that a summary stands for included. */
  readonly ends: number
  readonly authorized: ReadonlySet<string>
  /** Intents whose end says that Azure need not have seen them. */
  readonly excused: ReadonlySet<string>
  readonly ended: ReadonlySet<string>
  /** How requests ended that did not end well. */
  readonly failures: ReadonlyMap<string, string>
  /** Requests with two ends. */
  readonly twice: readonly string[]
  readonly last: number
  add(rows: readonly Row[]): void
}

export function createRecords(): Records {
  let [ends, last] = [0, 0]
  const [authorized, excused, ended] = [new Set<string>(), new Set<string>(), new Set<string>()]
  const failures = new Map<string, string>()
  const twice: string[] = []
  return {
    get ends() {
      return ends
    },
    get last() {
      return last
    },
    authorized,
    excused,
    ended,
    failures,
    twice,
    add(rows) {
      for (const row of rows) {
        const [id, kind] = [String(row['ExchangeId']), row['RecordKind']]
        last = Math.max(last, Number(row['Seq']))
        if (kind === 'authorized') authorized.add(id)
        if (!LAST.has(kind)) continue
        ends += kind === 'summary' ? Number(row['Count']) : 1
        if (ended.has(id)) twice.push(id)
        ended.add(id)
        if (row['Outcome'] !== 'success')
          failures.set(id, JSON.stringify([row['Outcome'], row['RefusalCode'] ?? null]))
        if (UNSEEN_OUTCOMES.has(row['Outcome']) || UNSEEN_CODES.has(row['RefusalCode']))
          excused.add(id)
      }
    },
  }
}

const some = (ids: readonly string[]): string =>
  ids.length === 0 ? 'none' : `${ids.length}: ${ids.slice(0, SHOWN).join(', ')}`

/** @param sent requests and byte streams that certainly reached the gateway; `answered` are ids in their answers */
export function judgeEnds(
  records: Records,
  sent: number,
  answered: ReadonlySet<string>,
): readonly Judgement[] {
  const lost = [...answered].filter((id) => !records.ended.has(id))
  return [
    {
      name: 'each request has one end on record',
      held: records.ends === sent && records.twice.length === 0,
      figures: `${sent} sent, ${records.ends} ends, with two: ${some(records.twice)}`,
    },
    {
      name: 'each answer names its record',
      held: lost.length === 0,
      figures: `${answered.size} answers, without: ${some(lost)}`,
    },
  ]
}

/** @param seen ids of the calls that reached Azure */
export function judgeUpstream(records: Records, seen: ReadonlySet<string>): Judgement {
  const { authorized, excused, failures } = records
  const stolen = [...seen].filter((id) => !authorized.has(id))
  const invented = [...authorized].filter((id) => !seen.has(id) && !excused.has(id))
  return {
    name: 'azure saw what was authorized, and nothing else',
    held: stolen.length === 0 && invented.length === 0,
    figures: `${seen.size} seen, ${authorized.size} authorized; not authorized: ${some(stolen)}; not seen: ${some(invented.map((id) => `${id} ${failures.get(id) ?? 'success'}`))}`,
  }
}

const mega = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1)

/** @param samples live heap in bytes, at even times */
export function judgeMemory(samples: readonly number[]): Judgement {
  const half = samples.slice(Math.floor(samples.length / 2))
  const growth = slopeOf(half) * (half.length - 1)
  return {
    name: 'memory does not grow',
    held: half.length >= 2 && growth <= HEAP_GROWTH_BYTES,
    figures: `live heap ${samples.map(mega).at(0) ?? '-'} MB at first, ${samples.map(mega).at(-1) ?? '-'} MB at last; second half ${mega(growth)} MB, allowed ${mega(HEAP_GROWTH_BYTES)}`,
  }
}

/** Of the straight line that is nearest to all samples, per sample. */
function slopeOf(samples: readonly number[]): number {
  const middle = (samples.length - 1) / 2
  const mean = samples.reduce((sum, one) => sum + one, 0) / samples.length
  let [above, below] = [0, 0]
  for (const [at, one] of samples.entries()) {
    above += (at - middle) * (one - mean)
    below += (at - middle) ** 2
  }
  return below === 0 ? 0 : above / below
}
