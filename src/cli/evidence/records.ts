/**
 * One pass over the records of a period: what is counted and kept of them, in memory that does not grow with their number.
 * @module
 */
import { createHash } from 'node:crypto'
import { isObject } from '../../lib/strict-json.ts'
import type { Value } from '../csv.ts'
import type { Io } from '../io.ts'
import {
  createChains,
  type ChainPart,
  type Difference,
  type HourCount,
  type Period,
} from './chains.ts'
import { readSources, type Source } from './sources.ts'

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

/** What a rule permitted or refused, and to whom. */
export interface Use extends Seen {
  /** By principal. */
  readonly callers: Map<string, Seen>
}

/** A change of the policies in force. */
export interface Reload {
  readonly time: string
  readonly uid: string
  readonly detail: Readonly<Record<string, unknown>>
}

export interface Gathered {
  readonly chains: ReadonlyMap<string, ChainPart>
  /** Records that some source has and another one should have. */
  readonly differences: readonly Difference[]
  readonly hours: readonly HourCount[]
  /** By rule, as `template@binding` or the id of a policy. */
  readonly rules: ReadonlyMap<string, Use>
  readonly versions: ReadonlyMap<string, Seen>
  /** By code and HTTP status. */
  readonly refusals: ReadonlyMap<string, Seen>
  readonly principals: ReadonlyMap<string, Caller>
  /** Refusals by the deny list, by principal, or by address where a record has none. */
  readonly revoked: ReadonlyMap<string, Seen>
  /** Records of the gateway itself that an auditor asks about. */
  readonly events: readonly (readonly Value[])[]
  readonly reloads: readonly Reload[]
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
  readonly sources: readonly Source[]
  /** How many requests the sample has, and what chooses them. */
  readonly sample: number
  readonly seed: string
  /** Told of each record of the period, once. */
  readonly onRecord?: (columns: Columns) => void
}

/** A record that several sources have counts once. */
export async function gather(options: GatherOptions, io: Io): Promise<Gathered> {
  const all = createGathering(options)
  for await (const found of readSources(options.sources, 'reading records', io)) {
    if (found.kind === 'row') all.add(found.source, found.columns)
    else if (found.kind === 'damaged')
      all.damaged.push(`${found.segment}, line ${found.line}: ${found.why}`)
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
  else add(known, time)
}

function add(known: Seen, time: string): void {
  known.count += 1
  if (time < known.first) known.first = time
  if (time > known.last) known.last = time
}

function createGathering(options: GatherOptions) {
  const { from, to } = options
  const chains = createChains(options)
  const calls = createCalls(options)
  const events: (readonly Value[])[] = []
  const damaged: string[] = []
  const reloads: Reload[] = []
  let records = 0

  return {
    damaged,
    add(source: Source, row: Columns): void {
      const time = textOf(row, 'EventTime')
      const at = Date.parse(time)
      if (!chains.add(source, row, at)) return
      const kind = textOf(row, 'RecordKind')
      // the end of a call of the period may be after it
      if (at >= to && kind === 'completed') calls.ended(row)
      if (!(at >= from && at < to)) return
      records += 1
      options.onRecord?.(row)
      if (kind === 'authorized' || kind === 'completed' || kind === 'refused') {
        calls.add(row, kind, time)
        return
      }
      const event = textOf(row, 'Event')
      const detail = row.get('Detail')
      if (event === 'policy_reload' && isObject(detail) && reloads.length < MAX_EVENTS)
        reloads.push({ time, uid: textOf(row, 'EventUid'), detail })
      if (kind === 'gateway' && !USUAL.has(event) && events.length < MAX_EVENTS)
        events.push([time, textOf(row, 'EventUid'), event, JSON.stringify(row.get('Detail') ?? {})])
    },
    end: (): Gathered => ({ ...calls.end(), ...chains.end(), events, reloads, damaged, records }),
  }
}

function createCalls({ sample, seed }: Pick<GatherOptions, 'sample' | 'seed'>) {
  const rules = new Map<string, Use>()
  const versions = new Map<string, Seen>()
  const refusals = new Map<string, Seen>()
  const reviews = new Map<string, Seen>()
  const principals = new Map<string, Caller>()
  const revoked = new Map<string, Seen>()
  const unknownEnds: string[] = []
  const open = new Set<string>()
  /** Ends that came before their beginnings: an export is in any order. */
  const early = new Set<string>()
  const chosen = createSample(sample, seed)

  function ended(row: Columns): void {
    const id = textOf(row, 'ExchangeId')
    if (!open.delete(id)) early.add(id)
    if (textOf(row, 'Outcome') === 'unknown' && unknownEnds.length < MAX_UNKNOWN)
      unknownEnds.push(id)
  }

  function begun(row: Columns, time: string): void {
    const id = textOf(row, 'ExchangeId')
    if (!early.delete(id)) open.add(id)
    for (const rule of listOf(row, 'PolicyIds'))
      noteUse(rules, rule, textOf(row, 'PrincipalId'), time)
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
      else {
        if (textOf(row, 'RefusalCode') === 'revoked')
          note(revoked, textOf(row, 'PrincipalId') || textOf(row, 'SourceIp'), time)
        note(refusals, `${textOf(row, 'RefusalCode')}\t${Number(row.get('Status'))}`, time)
      }
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
      revoked,
      sample: chosen.ids(),
      unknownEnds: [...unknownEnds, ...open].sort(),
    }),
  }
}

function noteUse(all: Map<string, Use>, rule: string, who: string, time: string): void {
  const known = all.get(rule)
  const callers = known?.callers ?? new Map<string, Seen>()
  if (known === undefined) all.set(rule, { first: time, last: time, count: 1, callers })
  else add(known, time)
  note(callers, who, time)
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

/** The records of some requests as JSON lines, each once, in the order of their sources. */
export async function recordsOf(
  sources: readonly Source[],
  ids: ReadonlySet<string>,
  io: Io,
): Promise<readonly string[]> {
  const lines = new Map<unknown, string>()
  if (ids.size === 0) return []
  for await (const found of readSources(sources, 'reading the sample', io))
    if (found.kind === 'row' && ids.has(textOf(found.columns, 'ExchangeId'))) {
      const uid = found.columns.get('EventUid')
      if (!lines.has(uid)) lines.set(uid, found.text)
    }
  return [...lines.values()]
}
