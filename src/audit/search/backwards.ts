/**
 * Reads a spool from its end to its beginning, group by group, and checks each on the way: its hash, and that it is the
 * one that what follows was linked to.
 *
 * A block at a time is read and no file is held whole, whatever its size; between two blocks the event loop has a turn.
 * @module
 */
import { open, type FileHandle } from 'node:fs/promises'
import { setImmediate as immediate } from 'node:timers/promises'
import { headOf, readGroup } from '../record/spool-group.ts'
import { headerOf, type Header } from '../record/spool-header.ts'
import { placeOf, rowOfLine } from '../record/spool-line.ts'
import { codeOf } from '../../lib/error-code.ts'

/** A segment, as far as it is durable. */
export interface Stretch {
  readonly name: string
  readonly path: string
  readonly bytes: number
  /** Head after its last group. */
  readonly head: string
}

/** A place between two groups. */
export interface Place {
  readonly segment: string
  /** In bytes: what stands before it is to be read. */
  readonly stop: number
  /** Head of the chain there; null if that is not known, behind damage. */
  readonly head: string | null
}

/** Records that became durable together, in order. */
export interface Unit {
  readonly kind: 'unit'
  /** Number of the first record. */
  readonly first: number
  /** JSON of each. */
  readonly rows: readonly Buffer[]
  /** Where it ends. */
  readonly at: Place
}

/** Something that is not what was written. */
export interface Fault {
  readonly kind: 'fault'
  readonly why: string
}

/** How far a read came. */
export interface Reading {
  /** Bytes that were read so far. */
  bytes: number
}

const BLOCK_BYTES = 262_144
/** More than a group takes: see spool/queue.ts. */
const MAX_GROUP_BYTES = 16_777_216
/** More than a header takes. */
const HEADER_BYTES = 4_096
const LF = 10
const OPENING = Buffer.from('{"group":')
const RECORDS = /^\{"group":\{"first":\d{1,15},"records":(\d{1,7}),/

/**
 * @param stretches in the order in which they were written
 * @param from where to begin; null for the end
 */
export async function* readBackwards(
  stretches: readonly Stretch[],
  from: Place | null,
  reading: Reading,
): AsyncGenerator<Unit | Fault> {
  const last =
    from === null ? stretches.length - 1 : stretches.findIndex(({ name }) => name === from.segment)
  for (let index = last; index >= 0; index -= 1) {
    const stretch = stretches[index]
    if (stretch === undefined) return
    const begin =
      from?.segment === stretch.name ? from : { stop: stretch.bytes, head: stretch.head }
    const file = await open(stretch.path, 'r').catch((error: unknown) => codeOf(error))
    if (typeof file === 'string') {
      // what every sink has may be deleted while it is read
      if (file !== 'ENOENT' || index > 0) yield fault(stretch, `cannot be read (${file})`)
      continue
    }
    try {
      yield* unitsOf(new Tail(file, begin.stop, reading), stretch, begin.head)
    } finally {
      await file.close()
    }
  }
}

const fault = ({ name }: Stretch, why: string): Fault => ({
  kind: 'fault',
  why: `segment ${name}: ${why}`,
})

/** The end of what of a file was not looked at yet. */
class Tail {
  readonly #file: FileHandle
  readonly #reading: Reading
  /** Where `data` begins in the file. */
  start: number
  data: Buffer = Buffer.alloc(0)

  constructor(file: FileHandle, stop: number, reading: Reading) {
    this.#file = file
    this.#reading = reading
    this.start = stop
  }

  get stop(): number {
    return this.start + this.data.length
  }

  /** Reads the block before. False if there is none, or if that would be more than a group can be. */
  async grow(): Promise<boolean> {
    if (this.start === 0 || this.data.length >= MAX_GROUP_BYTES) return false
    const size = Math.min(this.start, Math.max(BLOCK_BYTES, this.data.length))
    const block = Buffer.allocUnsafe(size)
    const { bytesRead } = await this.#file.read(block, 0, size, this.start - size)
    this.#reading.bytes += bytesRead
    await immediate()
    if (bytesRead < size) return false
    this.start -= size
    this.data = Buffer.concat([block, this.data])
    return true
  }

  /** Leaves out what stands at this place of the file and behind it. */
  cut(stop: number): void {
    this.data = this.data.subarray(0, Math.max(0, stop - this.start))
    if (stop < this.start) this.start = stop
  }

  /** The first bytes of the file. */
  async head(): Promise<Buffer> {
    const { buffer, bytesRead } = await this.#file.read(
      Buffer.alloc(HEADER_BYTES),
      0,
      HEADER_BYTES,
      0,
    )
    return buffer.subarray(0, bytesRead)
  }
}

async function* unitsOf(
  tail: Tail,
  stretch: Stretch,
  end: string | null,
): AsyncGenerator<Unit | Fault> {
  const top = await tail.head()
  const first = top.indexOf(LF)
  const header = first < 0 ? null : headerOf(top.subarray(0, first))
  if (header === null) {
    yield fault(stretch, 'no segment header')
    return
  }
  const begin = first + 1
  let expected = end
  while (tail.stop > begin) {
    const at: Place = { segment: stretch.name, stop: tail.stop, head: expected }
    const found = await readUnit(tail, header, begin)
    if ('why' in found) {
      yield fault(stretch, `${found.why}, at byte ${found.from}`)
      tail.cut(found.from)
      expected = null
      continue
    }
    tail.cut(found.from)
    if (expected !== null && found.head !== expected) {
      yield fault(stretch, `record ${found.first} is not what the record after it was linked to`)
    } else yield { kind: 'unit', first: found.first, rows: found.rows, at }
    expected = found.prev
  }
  if (expected !== null && headOf(top.subarray(0, first)) !== expected)
    yield fault(stretch, 'its header is not the one that its records were linked to')
}

interface ReadUnit {
  readonly first: number
  readonly rows: readonly Buffer[]
  readonly prev: string
  readonly head: string
  /** Where it begins in the file. */
  readonly from: number
}

type Unread = { readonly why: string; readonly from: number }

/** The last group or, in version 1 of the format, the last record. Of damage: where the group before may end. */
async function readUnit(tail: Tail, header: Header, begin: number): Promise<ReadUnit | Unread> {
  const closing = await lineBefore(tail, tail.stop, begin)
  if (closing === null) return { why: 'a line is too long', from: begin }
  if (header.schema === 'azureml-harness-audit/1') return lineUnit(tail, closing)
  const text = tail.data.toString('latin1', closing - tail.start, closing - tail.start + 128)
  const [, records] = RECORDS.exec(text) ?? []
  let from: number | null = closing
  for (let left = Number(records ?? 0); left > 0 && from !== null && from > begin; left -= 1)
    from = await lineBefore(tail, from, begin)
  if (records === undefined || from === null || from === closing)
    return damaged(tail, closing, begin, 'not the end of a group')
  const group = readGroup(tail.data, from - tail.start)
  if (group.kind !== 'whole' || group.stop !== tail.data.length)
    return damaged(tail, closing, begin, group.kind === 'whole' ? 'not a whole group' : group.why)
  return { ...group, from }
}

function lineUnit(tail: Tail, from: number): ReadUnit | Unread {
  const line = tail.data.subarray(from - tail.start, tail.data.length - 1)
  const place = placeOf(line)
  if (place === null) return { why: 'not a whole record', from }
  return { first: place.seq, rows: [rowOfLine(line)], prev: place.prev, head: headOf(line), from }
}

/** Goes back to the end of a group before, beyond what is damaged. */
async function damaged(tail: Tail, closing: number, begin: number, why: string): Promise<Unread> {
  for (let from: number | null = closing; from !== null && from > begin;) {
    const before: number | null = await lineBefore(tail, from, begin)
    if (before === null) break
    const at = before - tail.start
    if (tail.data.compare(OPENING, 0, OPENING.length, at, at + OPENING.length) === 0)
      return { why, from }
    from = before
  }
  return { why, from: begin }
}

/** Where the line begins that ends at `stop`, in bytes of the file; null if it is longer than a group can be. */
async function lineBefore(tail: Tail, stop: number, begin: number): Promise<number | null> {
  for (;;) {
    const end = stop - tail.start - 2
    const found = end < 0 ? -1 : tail.data.lastIndexOf(LF, end)
    if (found >= 0) return Math.max(begin, tail.start + found + 1)
    if (!(await tail.grow())) return null
  }
}
