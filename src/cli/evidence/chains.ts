/**
 * Which records of each chain there are, by their numbers: whether one is missing, and whether sources agree. Four bytes
 * a record and source, however many there are.
 * @module
 */
import { crc32 } from 'node:zlib'
import type { Source } from './sources.ts'

export interface Period {
  /** Milliseconds since the epoch; a record is of the period from `from` on and before `to`. */
  readonly from: number
  readonly to: number
}

/** What one chain has of the period, over all sources. */
export interface ChainPart {
  readonly firstSeq: number
  readonly lastSeq: number
  readonly firstTime: string
  readonly lastTime: string
  /** Whether the record before its first one is there, or the chain begins with it: then nothing of the period is missing before. */
  readonly beginsWhole: boolean
  /** Whether the record after its last one is there, or the gateway stopped: then nothing of the period is missing behind. */
  readonly endsWhole: boolean
  readonly records: number
  /** Numbers that no source has, between the first and the last record. */
  readonly missing: number
  /** Records that no spool has: in exports no chain proves that they are what was written. */
  readonly onlyInExports: number
}

/** Records that one source should have, because another one has them. */
export interface Difference {
  readonly chain: string
  readonly source: string
  readonly fromSeq: number
  readonly toSeq: number
  readonly what: 'missing' | 'differs'
}

/** How many records of an hour a source has, and how many there are in all. */
export interface HourCount {
  readonly hour: string
  readonly chain: string
  readonly source: string
  readonly records: number
  readonly inAll: number
}

export interface Chains {
  /** Notes a record. @returns whether no source before had it */
  add(source: Source, row: ReadonlyMap<string, unknown>, time: number): boolean
  end(): {
    readonly chains: ReadonlyMap<string, ChainPart>
    readonly differences: readonly Difference[]
    readonly hours: readonly HourCount[]
  }
}

/** Columns in which two sources cannot differ if they have the same record. */
const COMPARED = [
  'RecordKind',
  'Event',
  'ExchangeId',
  'EventTime',
  'PrincipalId',
  'Action',
  'Decision',
  'RefusalCode',
  'Status',
  'PolicyVersion',
  'ReviewId',
  'Outcome',
]

function checksumOf(row: ReadonlyMap<string, unknown>): number {
  let sum = 0
  for (const name of COMPARED) {
    const value = row.get(name)
    const isText = typeof value === 'string' || typeof value === 'number'
    sum = crc32(isText ? `${value}\n` : '\n', sum)
  }
  // nothing is 0
  return sum === 0 ? 1 : sum
}

const PAGE = 16_384

/** A checksum for each number; 0 for one that is not there. */
function createNumbers() {
  const pages = new Map<number, Uint32Array>()
  return {
    get: (seq: number): number => pages.get(Math.floor(seq / PAGE))?.[seq % PAGE] ?? 0,
    set(seq: number, sum: number): void {
      const at = Math.floor(seq / PAGE)
      const page = pages.get(at) ?? new Uint32Array(PAGE)
      pages.set(at, page)
      page[seq % PAGE] = sum
    },
    /** The numbers that are there, from the least to the greatest; both ends included. */
    *between(first: number, last: number): Generator<number> {
      for (const [at, page] of [...pages].sort(([one], [other]) => one - other)) {
        const begin = at * PAGE
        const stop = Math.min(begin + PAGE - 1, last)
        for (let seq = Math.max(begin, first); seq <= stop; seq += 1)
          if (page[seq - begin] !== 0) yield seq
      }
    },
  }
}
type Numbers = ReturnType<typeof createNumbers>

interface Chain {
  readonly all: Numbers
  readonly bySource: Map<Source, Numbers>
  /** Of the period. */
  first: { seq: number; time: string } | null
  last: { seq: number; time: string } | null
  records: number
  /** The last that is no checkpoint. */
  lastWord: { seq: number; isStop: boolean }
}

interface Hour {
  all: number
  readonly bySource: Map<Source, number>
}

export function createChains({ from, to }: Period): Chains {
  const chains = new Map<string, Chain>()
  const hours = new Map<string, Hour>()
  const sources = new Set<Source>()

  return {
    add(source, row, time) {
      const id = String(row.get('ChainId'))
      const seq = Number(row.get('Seq'))
      const chain = chains.get(id) ?? newChain()
      chains.set(id, chain)
      sources.add(source)
      const own = chain.bySource.get(source) ?? createNumbers()
      chain.bySource.set(source, own)
      // an export may have a record twice: a sink gets some again
      const isRepeated = own.get(seq) !== 0
      const isNew = chain.all.get(seq) === 0
      const sum = checksumOf(row)
      own.set(seq, sum)
      if (isNew) chain.all.set(seq, sum)
      const event = row.get('Event')
      if (event !== 'checkpoint' && seq > chain.lastWord.seq)
        chain.lastWord = { seq, isStop: event === 'audit_closing' }
      if (!(time >= from && time < to)) return isNew
      if (!isRepeated)
        countHour(`${new Date(time).toISOString().slice(0, 13)} ${id}`, source, isNew)
      const place = { seq, time: String(row.get('EventTime')) }
      if (chain.first === null || seq < chain.first.seq) chain.first = place
      if (chain.last === null || seq > chain.last.seq) chain.last = place
      if (isNew) chain.records += 1
      return isNew
    },
    end: () => ({
      chains: new Map([...chains].map(([id, chain]) => [id, partOf(chain)])),
      differences: [...chains].flatMap(([id, chain]) => [...differencesOf(id, chain, sources)]),
      hours: [...hours].sort(([one], [other]) => (one < other ? -1 : 1)).flatMap(hourCounts),
    }),
  }

  function countHour(key: string, source: Source, isNew: boolean): void {
    const hour = hours.get(key) ?? { all: 0, bySource: new Map<Source, number>() }
    hours.set(key, hour)
    if (isNew) hour.all += 1
    hour.bySource.set(source, (hour.bySource.get(source) ?? 0) + 1)
  }
  function hourCounts([key, { all, bySource }]: readonly [string, Hour]): readonly HourCount[] {
    const [hour = '', id = ''] = key.split(' ')
    const chain = chains.get(id)
    return [...sources]
      .filter((source) => chain !== undefined && shouldHave(chain, source))
      .map((source) => ({
        hour: `${hour}:00:00Z`,
        chain: id,
        source: source.name,
        records: bySource.get(source) ?? 0,
        inAll: all,
      }))
  }
}

const newChain = (): Chain => ({
  all: createNumbers(),
  bySource: new Map(),
  first: null,
  last: null,
  records: 0,
  lastWord: { seq: 0, isStop: false },
})

/** A spool has the chains of its own gateway; sinks get those of all. */
const shouldHave = (chain: Chain, source: Source): boolean =>
  source.kind === 'export' || chain.bySource.has(source)

function partOf({ all, first, last, records, lastWord, bySource }: Chain): ChainPart {
  const spools = [...bySource].flatMap(([{ kind }, own]) => (kind === 'spool' ? [own] : []))
  const firstSeq = first?.seq ?? 0
  const lastSeq = last?.seq ?? 0
  let present = 0
  let onlyInExports = 0
  // a record between them may be of another time, where a clock was set
  for (const seq of all.between(firstSeq, lastSeq)) {
    present += 1
    if (spools.every((own) => own.get(seq) === 0)) onlyInExports += 1
  }
  return {
    firstSeq,
    lastSeq,
    firstTime: first?.time ?? '',
    lastTime: last?.time ?? '',
    beginsWhole: firstSeq <= 1 || all.get(firstSeq - 1) !== 0,
    endsWhole: all.get(lastSeq + 1) !== 0 || lastWord.isStop,
    records,
    missing: first === null ? 0 : lastSeq - firstSeq + 1 - present,
    onlyInExports,
  }
}

function* differencesOf(
  id: string,
  chain: Chain,
  sources: ReadonlySet<Source>,
): Generator<Difference> {
  const { all, first, last, bySource } = chain
  if (first === null || last === null || sources.size < 2) return
  for (const source of sources) {
    if (!shouldHave(chain, source)) continue
    const own = bySource.get(source)
    let open: { fromSeq: number; toSeq: number; what: Difference['what'] } | null = null
    for (const seq of all.between(first.seq, last.seq)) {
      const [sum, expected] = [own?.get(seq) ?? 0, all.get(seq)]
      const what = expected === sum ? null : sum === 0 ? 'missing' : 'differs'
      if (open !== null && what === open.what && seq === open.toSeq + 1) open.toSeq = seq
      else {
        if (open !== null) yield { chain: id, source: source.name, ...open }
        open = what === null ? null : { fromSeq: seq, toSeq: seq, what }
      }
    }
    if (open !== null) yield { chain: id, source: source.name, ...open }
  }
}
