/**
 * One pass over the records of a period: what is counted and kept of them, in memory that does not grow with their number.
 * @module
 */
import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { readSpool } from '../../audit/inspect/stream.ts'
import type { Value } from './csv.ts'

export interface Period {
  /** Milliseconds since the epoch; a record is of the period from `from` on and before `to`. */
  readonly from: number
  readonly to: number
}

/** First and last time of something, as the records have them, and how often it was. */
export interface Seen {
  first: string
  last: string
  count: number
}

export interface Caller extends Seen {
  refused: number
  /** Permitted calls that hand out keys or tokens. */
  secrets: number
  /** When a call was last permitted; '' for never. */
  permitted: string
}

/** What one chain has of the period. */
export interface ChainPart {
  readonly spool: string
  firstSeq: number
  lastSeq: number
  firstTime: string
  lastTime: string
  /** Whether a record of before the period is there, or the chain begins in it: then nothing of the period is missing before. */
  beginsWhole: boolean
  /** Whether a record of after the period is there, or the gateway stopped: then nothing of the period is missing behind. */
  endsWhole: boolean
  records: number
  /** Sequence numbers that are missing between the first and the last record. */
  missing: number
}

export interface Gathered {
  readonly chains: ReadonlyMap<string, ChainPart>
  /** By rule, as `template@binding` or the id of a policy. */
  readonly rules: ReadonlyMap<string, Seen>
  readonly versions: ReadonlyMap<string, Seen>
  /** By code and HTTP status. */
  readonly refusals: ReadonlyMap<string, Seen>
  readonly principals: ReadonlyMap<string, Caller>
  /** Records of the gateway itself that an auditor asks about. */
  readonly events: readonly (readonly Value[])[]
  /** Calls by the review that let them through. */
  readonly reviews: ReadonlyMap<string, Seen>
  /** Ids of requests whose records are the sample. */
  readonly sample: ReadonlySet<string>
  readonly records: number
  /** Requests with no end on record, and those whose end is not known. */
  readonly unknownEnds: readonly string[]
  /** Places where records cannot be read. */
  readonly damaged: readonly string[]
}

/** Events that say nothing about whether records are complete, or that come with each start. */
const USUAL = new Set(['checkpoint', 'audit_opened', 'audit_closing', 'start', 'stop'])
const MAX_EVENTS = 100_000
const MAX_UNKNOWN = 10_000

export interface GatherOptions extends Period {
  readonly spools: readonly string[]
  /** How many requests the sample has, and what chooses them. */
  readonly sample: number
  readonly seed: string
  readonly onBytes: (bytes: number) => void
}

export async function gather(options: GatherOptions): Promise<Gathered> {
  const all = createGathering(options)
  const turn = createTurns()
  for (const spool of options.spools) {
    for await (const found of readSpool(spool, { onBytes: options.onBytes })) {
      await turn()
      if (found.kind === 'row') all.add(spool, found.columns)
      else if (found.kind === 'damaged')
        all.damaged.push(`${found.segment}, line ${found.line}: ${found.why}`)
    }
  }
  return all.end()
}

type Columns = ReadonlyMap<string, unknown>

const textOf = (row: Columns, name: string): string => {
  const value = row.get(name)
  return typeof value === 'string' ? value : ''
}

function listOf(row: Columns, name: string): readonly string[] {
  const value = row.get(name)
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []
}

function note(all: Map<string, Seen>, key: string, time: string): void {
  const known = all.get(key)
  if (known === undefined) all.set(key, { first: time, last: time, count: 1 })
  else {
    known.count += 1
    if (time < known.first) known.first = time
    if (time > known.last) known.last = time
  }
}

function createGathering(options: GatherOptions) {
  const { from, to } = options
  const chains = createChains(options)
  const calls = createCalls(options)
  const events: (readonly Value[])[] = []
  const damaged: string[] = []
  let records = 0

  return {
    damaged,
    add(spool: string, row: Columns): void {
      const time = textOf(row, 'EventTime')
      const at = Date.parse(time)
      chains.add(spool, row, at)
      const kind = textOf(row, 'RecordKind')
      // the end of a call of the period may be after it
      if (at >= to && kind === 'completed') calls.ended(row)
      if (!(at >= from && at < to)) return
      records += 1
      if (kind === 'authorized' || kind === 'completed' || kind === 'refused') {
        calls.add(row, kind, time)
        return
      }
      const event = textOf(row, 'Event')
      if (kind === 'gateway' && !USUAL.has(event) && events.length < MAX_EVENTS)
        events.push([time, textOf(row, 'EventUid'), event, JSON.stringify(row.get('Detail') ?? {})])
    },
    end: (): Gathered => ({ ...calls.end(), chains: chains.parts, events, damaged, records }),
  }
}

/** Numbers without a gap are what shows that nothing was left out. */
function createChains({ from, to }: Period) {
  const parts = new Map<string, ChainPart>()
  return {
    parts,
    add(spool: string, row: Columns, time: number): void {
      const id = textOf(row, 'ChainId')
      const seq = Number(row.get('Seq'))
      const part = parts.get(id) ?? newPart(spool, seq === 1 || time < from)
      parts.set(id, part)
      const event = textOf(row, 'Event')
      // a stop is the last word of a gateway, but for the checkpoint that signs it
      if (time >= to || event === 'audit_closing') part.endsWhole = true
      else if (event !== 'checkpoint') part.endsWhole = false
      if (time < from || time >= to) return
      if (part.records === 0) {
        part.firstSeq = seq
        part.firstTime = textOf(row, 'EventTime')
      } else part.missing += Math.max(0, seq - part.lastSeq - 1)
      part.records += 1
      part.lastSeq = seq
      part.lastTime = textOf(row, 'EventTime')
    },
  }
}

const newPart = (spool: string, beginsWhole: boolean): ChainPart => ({
  spool,
  firstSeq: 0,
  lastSeq: 0,
  firstTime: '',
  lastTime: '',
  beginsWhole,
  endsWhole: false,
  records: 0,
  missing: 0,
})

function createCalls({ sample, seed }: Pick<GatherOptions, 'sample' | 'seed'>) {
  const rules = new Map<string, Seen>()
  const versions = new Map<string, Seen>()
  const refusals = new Map<string, Seen>()
  const reviews = new Map<string, Seen>()
  const principals = new Map<string, Caller>()
  const unknownEnds: string[] = []
  const open = new Set<string>()
  const chosen = createSample(sample, seed)

  function ended(row: Columns): void {
    const id = textOf(row, 'ExchangeId')
    open.delete(id)
    if (textOf(row, 'Outcome') === 'unknown' && unknownEnds.length < MAX_UNKNOWN)
      unknownEnds.push(id)
  }

  function begun(row: Columns, time: string): void {
    open.add(textOf(row, 'ExchangeId'))
    for (const rule of listOf(row, 'PolicyIds')) note(rules, rule, time)
    const review = textOf(row, 'ReviewId')
    if (review !== '') note(reviews, review, time)
  }

  return {
    ended,
    add(row: Columns, kind: 'authorized' | 'completed' | 'refused', time: string): void {
      if (kind === 'completed') {
        ended(row)
        return
      }
      if (kind === 'authorized') begun(row, time)
      else note(refusals, `${textOf(row, 'RefusalCode')}\t${Number(row.get('Status'))}`, time)
      const version = textOf(row, 'PolicyVersion')
      if (version !== '') note(versions, version, time)
      chosen.offer(textOf(row, 'ExchangeId'))
      noteCaller(principals, row, kind, time)
    },
    end: () => ({
      rules,
      versions,
      refusals,
      reviews,
      principals,
      sample: chosen.ids(),
      unknownEnds: [...unknownEnds, ...open].sort(),
    }),
  }
}

function noteCaller(
  all: Map<string, Caller>,
  row: Columns,
  kind: 'authorized' | 'refused',
  time: string,
): void {
  const who = textOf(row, 'PrincipalId')
  if (who === '') return
  const one = all.get(who) ?? {
    first: time,
    last: time,
    count: 0,
    refused: 0,
    secrets: 0,
    permitted: '',
  }
  all.set(who, one)
  one.count += 1
  if (time > one.last) one.last = time
  if (kind === 'refused') one.refused += 1
  else {
    if (time > one.permitted) one.permitted = time
    if (row.get('Secrets') === true) one.secrets += 1
  }
}

/**
 * The requests whose ids have the smallest hashes with the seed: the same for the same records, in whatever order and
 * however often they are read, and nobody can choose them.
 */
function createSample(size: number, seed: string) {
  const kept = new Map<string, string>()
  let largest = ''
  return {
    offer(id: string): void {
      if (size === 0 || id === '' || kept.has(id)) return
      const hash = createHash('sha256').update(`${seed}\n${id}`).digest('hex')
      if (kept.size >= size && hash > largest) return
      kept.set(id, hash)
      if (kept.size > size)
        kept.delete([...kept].reduce((most, one) => (one[1] > most[1] ? one : most))[0])
      largest = [...kept.values()].reduce((most, one) => (one > most ? one : most), '')
    },
    ids: (): ReadonlySet<string> => new Set(kept.keys()),
  }
}

/** The records of some requests as JSON lines, in the order of their chains. */
export async function recordsOf(
  spools: readonly string[],
  ids: ReadonlySet<string>,
  onBytes: (bytes: number) => void,
): Promise<readonly string[]> {
  const lines: string[] = []
  const turn = createTurns()
  if (ids.size === 0) return lines
  for (const spool of spools)
    for await (const found of readSpool(spool, { onBytes })) {
      await turn()
      if (found.kind === 'row' && ids.has(textOf(found.columns, 'ExchangeId')))
        lines.push(found.text)
    }
  return lines
}

/** Rows between two looks at what else there is to do. */
const TURN_ROWS = 1_000

/** The rows of a segment come without a pause: called for each of them, this lets an interrupt in. */
function createTurns(): () => Promise<void> {
  let rows = 0
  return async () => {
    rows += 1
    if (rows % TURN_ROWS === 0) await setImmediate()
  }
}
