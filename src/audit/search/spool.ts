/**
 * Records of this replica's own spool: what it has not deleted yet, up to the last record that is durable.
 *
 * Two searches at a time, each with bounds on bytes and time: what one does not come to is left to the next page.
 * @module
 */
import { open } from 'node:fs/promises'
import { performance } from 'node:perf_hooks'
import { Refusal } from '../../errors.ts'
import { createSemaphore } from '../../lib/semaphore.ts'
import { fieldsOf } from '../../lib/strict-json.ts'
import { headerOf } from '../record/spool-header.ts'
import type { Segment } from '../spool/writer.ts'
import { readBackwards, type Place, type Reading, type Stretch, type Unit } from './backwards.ts'
import {
  callsIn,
  HOUR_MS,
  isVisible,
  meets,
  type Columns,
  type Conditions,
  type Hour,
  type RecordSource,
  type Visibility,
} from './records.ts'

export interface SpoolSearchOptions {
  /** Segments of the open spool, in order, as far as they are durable. */
  readonly segments: () => readonly Segment[]
  readonly chainId: string
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly limits?: Partial<typeof LIMITS>
}

const LIMITS = {
  /** Of one answer. */
  readBytes: 67_108_864,
  readMs: 4_000,
  rowBytes: 2_097_152,
  faults: 16,
  atOnce: 2,
  waiting: 16,
  waitMs: 10_000,
}

const DELETED = 'the records that follow have been deleted from this replica'
/** By how much the clock may have been wrong when a segment was closed. */
const CLOCK_MS = HOUR_MS
const HEADER_BYTES = 4_096

/** Where a page begins: with the records before this number, in the group that ends at this place. */
interface Position {
  readonly place: Place
  readonly before: number
}

/** How a search ended. */
interface Walk {
  readonly isWhole: boolean
  readonly faults: string[]
}

export function createSpoolSearch(options: SpoolSearchOptions): RecordSource {
  const { segments, chainId, now } = options
  const limits = { ...LIMITS, ...options.limits }
  const walk = createWalk(limits)
  const openedAt = createOpenedAt()

  /** What is durable now, without segments that ended before the time that is asked for. */
  function stretchesFor({ since }: Conditions): Stretch[] {
    return segments()
      .filter(({ touchedAt, closed }) => !closed || touchedAt >= since - CLOCK_MS)
      .map(({ name, path, bytes, head }) => ({ name, path, bytes, head }))
  }

  return {
    kind: 'spool',
    async search(asked, visible, { from, limit }) {
      const asOf = now()
      const begin = from === null ? null : positionIn(from, chainId)
      const stretches = stretchesFor(asked)
      const isGone = begin !== null && !stretches.some(({ name }) => name === begin.place.segment)
      if (isGone) {
        const faults = [DELETED]
        return { rows: [], next: null, asOf, from: await oldest(), complete: false, faults }
      }
      const page = createPage(asked, visible, { limit, rowBytes: limits.rowBytes, begin })
      const walked = await walk(stretches, begin, (unit) => page.take(unit))
      const { isWhole, faults } = walked
      const next = isWhole ? null : page.next()
      return {
        rows: page.rows,
        next: next === null ? null : textOf(next, chainId),
        asOf,
        from: await oldest(),
        complete: (isWhole || page.isFull()) && faults.length === 0,
        faults,
      }
    },

    async count(asked, visible) {
      const asOf = now()
      const hours = new Map<number, Hour>()
      const couldMeet = needlesOf(asked, visible)
      const walked = await walk(stretchesFor(asked), null, ({ rows }) => {
        for (const row of rows) {
          if (!couldMeet(row)) continue
          const columns = columnsIn(row)
          const counted = callsIn(columns)
          if (counted === null || !meets(columns, asked) || !isVisible(columns, visible)) continue
          const time = Date.parse(String(columns.get('EventTime')))
          const begin = time - (time % HOUR_MS)
          const hour = hours.get(begin) ?? { hour: begin, permitted: 0, refused: 0 }
          hours.set(begin, hour)
          hour[counted.outcome] += counted.calls
        }
        return 'more'
      })
      return {
        hours: [...hours.values()].toSorted((one, other) => one.hour - other.hour),
        asOf,
        from: await oldest(),
        complete: walked.isWhole && walked.faults.length === 0,
        faults: walked.faults,
      }
    },
  }

  /** When the first segment that is still there was begun. */
  async function oldest(): Promise<number | null> {
    const [first] = segments()
    return first === undefined ? null : openedAt(first)
  }
}

/** Hands over each group, the newest first, until `take` has enough or a bound is reached. */
type WalkBack = (
  stretches: readonly Stretch[],
  begin: Position | null,
  take: (unit: Unit) => 'more' | 'enough',
) => Promise<Walk>

function createWalk(limits: typeof LIMITS): WalkBack {
  const turns = createSemaphore(limits.atOnce, limits.waiting)
  return async (stretches, begin, take) => {
    const why = await turns.acquire(limits.waitMs)
    if (why !== null)
      throw new Refusal('overloaded', 'too many searches of records run at once', {
        retryAfter: 5,
        inner: why,
      })
    const faults: string[] = []
    const reading: Reading = { bytes: 0 }
    const until = performance.now() + limits.readMs
    try {
      for await (const unit of readBackwards(stretches, begin?.place ?? null, reading)) {
        if (unit.kind === 'fault') faults.push(unit.why)
        else if (take(unit) === 'enough') return { isWhole: false, faults }
        // the group that a page begins in was looked at before: each page comes further than that
        if (unit.kind === 'unit' && unit.first >= (begin?.before ?? Infinity)) continue
        const isOver = reading.bytes >= limits.readBytes || performance.now() >= until
        if (isOver || faults.length >= limits.faults) return { isWhole: false, faults }
      }
      return { isWhole: true, faults }
    } finally {
      turns.release()
    }
  }
}

/** Collects the rows of one page. */
function createPage(
  asked: Conditions,
  visible: Visibility,
  { limit, rowBytes, begin }: { limit: number; rowBytes: number; begin: Position | null },
) {
  const rows: Columns[] = []
  const couldMeet = needlesOf(asked, visible)
  const before = begin?.before ?? Infinity
  let size = 0
  let next: Position | null = null
  const isFull = (): boolean => rows.length >= limit || size >= rowBytes
  return {
    rows,
    isFull,
    next: () => next,
    take({ rows: found, first, at }: Unit): 'more' | 'enough' {
      for (const [index, row] of [...found.entries()].toReversed()) {
        const seq = first + index
        if (seq >= before || !couldMeet(row)) continue
        const columns = columnsIn(row)
        if (!meets(columns, asked) || !isVisible(columns, visible)) continue
        if (isFull()) {
          next = { place: at, before: seq + 1 }
          return 'enough'
        }
        rows.push(columns)
        size += row.length
      }
      next = { place: at, before: first }
      return 'more'
    },
  }
}

/** Reads when a segment was begun, once; the last answer is kept. */
function createOpenedAt(): (segment: Pick<Segment, 'name' | 'path'>) => Promise<number | null> {
  let last: { readonly name: string; readonly time: number | null } | null = null
  return async ({ name, path }) => {
    if (last?.name === name) return last.time
    const file = await open(path, 'r').catch(() => null)
    if (file === null) return null
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0)
      const text = buffer.subarray(0, bytesRead)
      const header = headerOf(text.subarray(0, Math.max(0, text.indexOf('\n'))))
      const time = header === null ? null : Date.parse(header.openedAt)
      last = { name, time }
      return time
    } finally {
      await file.close()
    }
  }
}

/** The columns of a row; those of version 1 of the format have their OCSF event, which says the same again. */
function columnsIn(row: Buffer): Columns {
  try {
    const columns = new Map(fieldsOf(JSON.parse(row.toString('utf8'))))
    columns.delete('Ocsf')
    return columns
  } catch {
    return new Map()
  }
}

/** What stands in a row's JSON as it is. */
const PLAIN = /^[\w./:@|+=-]+$/u

/** How the kind of a gateway event stands in a row. */
const GATEWAY_KIND = '"RecordKind":"gateway"'

/** Tells without parsing which rows cannot be meant: most of them, in a search for one thing. */
function needlesOf(asked: Conditions, { own, within }: Visibility): (row: Buffer) => boolean {
  const isOwnOnly = within !== null && within.length === 0
  const needles = [asked.decision, asked.principal, isOwnOnly ? own : null]
    .filter((text) => text !== null)
    .filter((text) => PLAIN.test(text))
    .map((text) => Buffer.from(text))
  if (asked.events !== null) needles.push(Buffer.from(GATEWAY_KIND))
  return (row) => needles.every((needle) => row.includes(needle))
}

const textOf = ({ place, before }: Position, chainId: string): string =>
  JSON.stringify([chainId, place.segment, place.stop, place.head, before])

function positionIn(text: string, chainId: string): Position {
  const parts: unknown = JSON.parse(text)
  const [chain, segment, stop, head, before] = Array.isArray(parts) ? (parts as unknown[]) : []
  if (chain !== chainId)
    throw new Refusal('bad_query', 'this page is of another replica', {
      remedy: 'begin again without "page"',
    })
  if (
    typeof segment !== 'string' ||
    typeof stop !== 'number' ||
    typeof before !== 'number' ||
    (head !== null && typeof head !== 'string')
  )
    throw new Refusal('bad_query', '"page" is not what an answer said')
  return { place: { segment, stop, head }, before }
}
