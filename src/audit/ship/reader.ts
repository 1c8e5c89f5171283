/**
 * Reads durable records back for shipping: bytes that are not durable yet are never seen.
 * @module
 */
import { open } from 'node:fs/promises'
import { headerOf, placeOf, rowText } from '../record/spool-line.ts'
import type { ShippedRow } from './sinks/sink.ts'
import type { Segment } from '../spool/writer.ts'

/** Where a sink stands: `seq` is the last record that it acknowledged. */
export interface Position {
  readonly segment: string
  readonly offset: number
  readonly seq: number
}

export interface Page {
  readonly rows: readonly ShippedRow[]
  readonly next: Position
}

const CHUNK_BYTES = 2 << 20
const LF = 10

/** The segment to continue in: the one named if it has more, else the first that has later records. */
function segmentFor(segments: readonly Segment[], at: Position): [Segment, number] | null {
  const named = segments.find(({ name }) => name === at.segment)
  if (named !== undefined && at.offset < named.bytes) return [named, at.offset]
  const later = segments.find(
    ({ name, lastSeq }) => lastSeq > at.seq && (named === undefined || name > at.segment),
  )
  return later === undefined ? null : [later, 0]
}

/**
 * The next records after `at`, at most `limitBytes` of them (but at least one), or null if there is none.
 * Throws an Error if the spool's bytes are not what they were when they were written.
 */
export async function readPage(
  segments: readonly Segment[],
  at: Position,
  limitBytes: number,
): Promise<Page | null> {
  const found = segmentFor(segments, at)
  if (found === null) return null
  const [segment, start] = found
  const file = await open(segment.path, 'r')
  try {
    const wanted = Math.min(CHUNK_BYTES, segment.bytes - start)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(wanted), 0, wanted, start)
    const data = buffer.subarray(0, bytesRead)
    const rows: ShippedRow[] = []
    let size = 2
    let seq = at.seq
    let offset = 0
    while (offset < data.length) {
      const stop = data.indexOf(LF, offset)
      if (stop < 0) break
      const line = data.subarray(offset, stop)
      const place = placeOf(line)
      if (place === null) {
        if (start + offset > 0 || headerOf(line) === null) {
          throw new Error(`segment "${segment.name}" is damaged at byte ${start + offset}`)
        }
      } else if (place.seq > at.seq) {
        const text = rowText(line)
        size += Buffer.byteLength(text) + 1
        if (rows.length > 0 && size > limitBytes) break
        rows.push({ seq: place.seq, uid: uidOf(text), text })
        seq = place.seq
      }
      offset = stop + 1
    }
    if (offset === 0) throw new Error(`segment "${segment.name}" ends within a record`)
    return { rows, next: { segment: segment.name, offset: start + offset, seq } }
  } finally {
    await file.close()
  }
}

const UID = /"EventUid":"([^"]{1,80})"/
const uidOf = (text: string): string => UID.exec(text)?.[1] ?? ''
