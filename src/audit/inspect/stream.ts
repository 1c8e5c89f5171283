/**
 * Reads a spool, or a copy of one, segment by segment, and says where its records are not what was written.
 *
 * One segment is in memory at a time. Records behind a damaged one are still read; `audit verify` judges the whole chain.
 * @module
 */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { open, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { headerOf, type Header } from '../record/spool-header.ts'
import { segmentNames } from '../spool/recover.ts'
import { beforeZeros, scanSegment, writtenOf } from '../spool/scan.ts'
import { rowFrom, rowInLine, type SpoolRow } from './lines.ts'
import { chainsIn } from './verify.ts'

const LF = 10
/** More than a header takes. */
const HEADER_BYTES = 4_096
const BLOCK_BYTES = 1_048_576

/** A record. */
export interface SpooledRow extends SpoolRow {
  readonly kind: 'row'
}

/** A place where the records are not what was written; `unfinished` is the end of the last segment. */
export interface Damage {
  readonly kind: 'damaged' | 'unfinished'
  readonly segment: string
  /** Counted from 1. */
  readonly line: number
  readonly why: string
}

export interface ReadOptions {
  /** Segments that end before this time are left out. Milliseconds since the epoch. */
  readonly since?: number
  /** Where to stop in each segment, in bytes; by default at its end. */
  readonly upTo?: Offsets
  /** Told of each number of bytes that was read. */
  readonly onBytes?: (bytes: number) => void
}

/** A segment's path, and a place in it, in bytes. */
export type Offsets = Map<string, number>

/** Bytes in the segments of a spool, of a chain, or of one file. @throws Error if there is nothing at that path */
export function bytesIn(path: string): number {
  return segmentsIn(path)
    .flat()
    .reduce((sum, file) => sum + statSync(file).size, 0)
}

/**
 * Every record of a spool's directory, of one of its chains, or of one file, chain by chain in order.
 * @throws Error if there is nothing at that path
 */
export async function* readSpool(
  path: string,
  options: ReadOptions = {},
): AsyncGenerator<SpooledRow | Damage> {
  for (const files of segmentsIn(path)) {
    const headers = await Promise.all(files.map(headerIn))
    for (const [at, file] of files.entries()) {
      const next = headers[at + 1]
      const ended = next === undefined || next === null ? Infinity : Date.parse(next.openedAt)
      if (ended < (options.since ?? -Infinity)) {
        options.onBytes?.((await stat(file)).size)
        continue
      }
      const follows = next?.prevSegment === headers[at]?.segment
      const limit =
        next !== undefined && next !== null && follows ? next.prevSegmentBytes : Infinity
      const stop = Math.min(
        limit,
        options.upTo === undefined ? Infinity : (options.upTo.get(file) ?? 0),
      )
      yield* readSegment(file, stop, at === files.length - 1)
      options.onBytes?.((await stat(file)).size)
    }
  }
}

/** Rows that were added behind `offsets`, which are moved on. Their chain is not checked. */
export async function* readAdded(path: string, offsets: Offsets): AsyncGenerator<SpooledRow> {
  for (const file of segmentsIn(path).flat()) {
    const from = offsets.get(file) ?? 0
    // most often nothing was: then zeros follow, which are not read each time
    const [first = 0] = await readFrom(file, from, 1)
    if (first === 0) continue
    const data = beforeZeros(await readFrom(file, from))
    const end = data.lastIndexOf(LF) + 1
    offsets.set(file, from + end)
    for (const line of linesOf(data.subarray(0, end))) {
      const row = rowInLine(line)
      if (row !== null) yield { kind: 'row', ...row }
    }
  }
}

/** Where all that is there by now ends, for `readAdded`: what comes while this looks is behind it. */
export function endOf(path: string): Offsets {
  return new Map(
    segmentsIn(path)
      .flat()
      .map((file) => [file, endIn(file)]),
  )
}

/** Where the last whole line of a segment ends; zeros may stand behind it. */
function endIn(file: string): number {
  const fd = openSync(file, 'r')
  try {
    const block = Buffer.allocUnsafe(BLOCK_BYTES)
    for (let from = fstatSync(fd).size; from > 0;) {
      const stop = from
      from = Math.max(0, stop - BLOCK_BYTES)
      const read = block.subarray(0, readSync(fd, block, 0, stop - from, from))
      const end = writtenOf(read).lastIndexOf(LF) + 1
      if (end > 0) return from + end
    }
    return 0
  } finally {
    closeSync(fd)
  }
}

function segmentsIn(path: string): readonly (readonly string[])[] {
  if (statSync(path).isFile()) return [[path]]
  return chainsIn(path).map((chain) => segmentNames(chain).map((name) => join(chain, name)))
}

async function headerIn(file: string): Promise<Header | null> {
  const data = await readFrom(file, 0, HEADER_BYTES)
  const end = data.indexOf(LF)
  return end < 0 ? null : headerOf(data.subarray(0, end))
}

async function readFrom(file: string, from: number, most = Infinity): Promise<Buffer> {
  const handle = await open(file)
  try {
    const size = Math.min(Math.max(0, (await handle.stat()).size - from), most)
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(size), 0, size, from)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

async function* readSegment(
  file: string,
  limit: number,
  isLast: boolean,
): AsyncGenerator<SpooledRow | Damage> {
  const data = await readFile(file)
  const rows: Buffer[] = []
  const { fault, recordsBehind } = scanSegment(data, limit, ({ row }) => void rows.push(row))
  for (const bytes of rows) {
    const row = rowFrom(bytes)
    if (row !== null) yield { kind: 'row', ...row }
  }
  if (fault === null) return
  // a writer may be at work at the end of the last segment, or have been cut off there
  const kind = isLast && !recordsBehind && fault.line > 1 ? 'unfinished' : 'damaged'
  yield { kind, segment: file, line: fault.line, why: fault.why }
  for (const line of linesOf(data.subarray(fault.offset, Math.min(limit, data.length)))) {
    const row = rowInLine(line)
    if (row !== null) yield { kind: 'row', ...row }
  }
}

function* linesOf(data: Buffer): Generator<Buffer> {
  let from = 0
  for (let stop = data.indexOf(LF); stop >= 0; stop = data.indexOf(LF, from)) {
    yield data.subarray(from, stop)
    from = stop + 1
  }
}
