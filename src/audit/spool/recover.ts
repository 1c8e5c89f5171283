/**
 * Reads a spool back at the start: repairs a torn tail and reports it, finds intents without an end, and refuses to
 * continue a chain that is broken anywhere else.
 * @module
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { GENESIS, sizeOfRow, type End } from '../record/spool-group.ts'
import { scanSegment, writtenOf } from './scan.ts'
import { isUnidentified } from '../unidentified/share.ts'
import type { SpoolFiles } from './files.ts'
import type { Segment } from './writer.ts'

/** A tail that was cut, and what it was. */
export interface Repair {
  readonly segment: string
  readonly droppedBytes: number
  readonly sha256: string
  readonly keptAs: string
}

export interface Recovered {
  readonly end: End
  readonly segments: Segment[]
  /** Bytes of records of callers that were not identified. */
  readonly unidentified: ReadonlyMap<Segment, number>
  readonly repairs: readonly Repair[]
  /** JSON of the rows of intents that have no outcome. */
  readonly openIntents: readonly string[]
  /** Highest boot number used. */
  readonly boots: number
}

const SEGMENT = /^(\d{6})[0-9a-f]{4}-\d{6}\.jsonl$/

/** The names of a chain's segments in order. */
export const segmentNames = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => SEGMENT.test(name))
    .toSorted()

const broken = (segment: string, why: string): Error =>
  new Error(
    `the audit chain is broken in segment "${segment}": ${why}; run "audit verify", keep the directory as evidence and start with an empty one`,
  )

interface Found {
  readonly name: string
  readonly data: Buffer
}

/** A last segment without a whole header was never written to: it is put aside, and the one before is the last. */
async function putAsideHeadless(
  directory: string,
  names: string[],
  files: SpoolFiles,
): Promise<Repair[]> {
  const repairs: Repair[] = []
  for (let name = names.at(-1); name !== undefined; name = names.at(-1)) {
    const path = `${directory}/${name}`
    const data = writtenOf(readFileSync(path))
    const scan = scanSegment(data, Infinity, () => {})
    if (scan.header !== null) break
    if (scan.recordsBehind) throw broken(name, 'its header is damaged')
    repairs.push(repairOf(name, data, `${name}.torn`))
    renameSync(path, `${path}.torn`)
    await files.cut(`${path}.torn`, data.length)
    names.pop()
  }
  return repairs
}

const repairOf = (segment: string, dropped: Buffer, keptAs: string): Repair => ({
  segment,
  droppedBytes: dropped.length,
  sha256: createHash('sha256').update(dropped).digest('hex'),
  keptAs,
})

/** Told of bytes that were read, and of how many there are; waited for. */
export type OnRead = (bytes: number, of: number) => Promise<void>

/** Recovers the chain in `directory`. Throws an Error that names the segment if it is broken. */
export async function recover(
  directory: string,
  chainId: string,
  files: SpoolFiles,
  onRead?: OnRead,
): Promise<Recovered> {
  const names = segmentNames(directory)
  const total = names.reduce((sum, name) => sum + statSync(`${directory}/${name}`).size, 0)
  const boots = Math.max(0, ...names.map((name) => Number(name.slice(0, 6))))
  const repairs = await putAsideHeadless(directory, names, files)
  const segments: Segment[] = []
  const unidentified = new Map<Segment, number>()
  const open = new Map<string, string>()
  let end: End = { seq: 0, head: GENESIS }
  let next: Found | null = null
  for (const [index, name] of names.entries()) {
    const { data } = next ?? { data: readFileSync(`${directory}/${name}`) }
    const after = names[index + 1]
    next = after === undefined ? null : { name: after, data: readFileSync(`${directory}/${after}`) }
    const successor =
      next === null ? null : scanSegment(next.data.subarray(0, 4096), 4096, () => {})
    const follows = successor?.header?.prevSegment === name
    const limit = follows ? (successor?.header?.prevSegmentBytes ?? Infinity) : Infinity
    let ofUnidentified = 0
    const scan = scanSegment(data, limit, ({ kind, exchangeId, row }) => {
      if (kind === 'authorized') open.set(exchangeId, row.toString('utf8'))
      else if (kind === 'completed' || kind === 'refused') open.delete(exchangeId)
      if (isUnidentified(kind, row)) ofUnidentified += sizeOfRow(row)
    })
    const { header } = scan
    if (header === null) throw broken(name, 'no segment header')
    if (header.chainId !== chainId || header.segment !== name) {
      throw broken(name, 'it belongs to another place')
    }
    // the first segment that is left may follow others that were shipped and deleted
    if (index > 0 && (header.prevSegmentHead !== end.head || header.firstSeq !== end.seq + 1)) {
      throw broken(name, 'it does not continue the segment before it')
    }
    if (scan.fault !== null) {
      if (after !== undefined || scan.recordsBehind) {
        throw broken(
          name,
          `${scan.fault.why} at byte ${scan.fault.offset}, record ${scan.fault.seq}`,
        )
      }
      const dropped = writtenOf(data).subarray(scan.bytes)
      const kept = `${name}.torn-${scan.bytes}`
      writeFileSync(`${directory}/${kept}`, dropped, { mode: 0o600 })
      repairs.push(repairOf(name, dropped, kept))
      await files.cut(`${directory}/${name}`, scan.bytes)
    } else if (after === undefined && scan.bytes < data.length) {
      // zeros that were written ahead; best effort: whoever reads it leaves them out
      await files.cut(`${directory}/${name}`, scan.bytes).catch(() => {})
    }
    end = scan.end
    const segment: Segment = {
      name,
      path: `${directory}/${name}`,
      firstSeq: header.firstSeq,
      bytes: scan.bytes,
      lastSeq: end.seq,
      head: end.head,
      closed: true,
      touchedAt: statSync(`${directory}/${name}`).mtimeMs,
    }
    segments.push(segment)
    unidentified.set(segment, ofUnidentified)
    await onRead?.(data.length, total)
  }
  return { end, segments, unidentified, repairs, openIntents: [...open.values()], boots }
}
