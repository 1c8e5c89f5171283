/**
 * The format of a spool, version 2: a segment is a header line, then groups of records, JSON lines all of them.
 *
 * ```
 * {"RecordKind":"K","ExchangeId":"X","EventUid":"C:N","ChainId":"C","Seq":N,...}      each record: its row
 * {"group":{"first":N,"records":R,"prev":"H"},"head":"S"}                             behind the last of a group
 * ```
 *
 * A group is what became durable at once. `prev` is the head before it: that of the group before, or the SHA-256 of the
 * segment's header line. Its own head `S` is the SHA-256 of all its bytes, from its first record to the brace before
 * `,"head"`. So one hash vouches for the records, their order and number, and all that came before; and it tells a group
 * that is whole from one that a crash tore.
 * @module
 */
import { hash } from 'node:crypto'
import { lengthOf, type Draft } from './draft.ts'

/** The chain's end: last record's number and the head after it. */
export interface End {
  readonly seq: number
  readonly head: string
}

/** The head before the first segment ever. */
export const GENESIS = '0'.repeat(64)

const LF = 10
const BRACE = 0x7d

/** SHA-256 in hex. */
export const headOf = (bytes: string | Buffer): string => hash('sha256', bytes)

const HEAD_LENGTH = ',"head":"'.length + 64 + '"}'.length
/** More than a line that closes a group takes. */
const CLOSE_ROOM = 256

/** Of a record's own line, besides its draft; and of the line that closes its group, which can be its own. */
const FRAME_BYTES = 200 + CLOSE_ROOM

/** Bytes that a draft takes in the spool, if all of it is ASCII, as nearly every record is. */
export const sizeOf = (draft: Draft): number => lengthOf(draft) + FRAME_BYTES

/** The same of a row that was read back. */
export const sizeOfRow = (row: Buffer): number => row.length + CLOSE_ROOM

/** What is written of a draft. */
type DraftText = Omit<Draft, 'event'>

/** A group as its bytes. */
export interface WrittenGroup {
  readonly data: Buffer
  /** Where each of its rows ends in them: at its line feed. */
  readonly rowEnds: readonly number[]
  readonly end: End
}

/** Writes groups into a block of memory of its own, which is used again: a group is gone when the next is written. */
export function createGroupWriter(
  chainId: string,
): (drafts: readonly DraftText[], end: End) => WrittenGroup {
  let block = Buffer.allocUnsafeSlow(1 << 20)
  const uid = `","EventUid":"${chainId}:`
  const chain = `","ChainId":"${chainId}","Seq":`

  /** Writes a record's line at `from`. @returns where it ends, behind its line feed */
  function write(
    { kind, exchangeId, times, columns }: DraftText,
    seq: number,
    from: number,
  ): number {
    let at = from
    const begin = `{"RecordKind":"${kind}","ExchangeId":"${exchangeId}`
    at += block.write(begin + uid + seq + chain + seq + times, at)
    for (const text of columns) at += block.write(text, at)
    block[at] = BRACE
    block[at + 1] = LF
    return at + 2
  }

  return (drafts, { seq, head: prev }) => {
    const first = seq + 1
    const rowEnds: number[] = []
    let length = 0
    let most = CLOSE_ROOM
    for (const draft of drafts) most += lengthOf(draft) * 3 + FRAME_BYTES
    if (block.length < most) block = Buffer.allocUnsafeSlow(most)
    for (const draft of drafts) {
      seq += 1
      length = write(draft, seq, length)
      rowEnds.push(length - 1)
    }
    const close = `{"group":{"first":${first},"records":${drafts.length},"prev":"${prev}"}`
    length += block.write(close, length)
    const head = headOf(block.subarray(0, length))
    length += block.write(`,"head":"${head}"}\n`, length)
    return { data: block.subarray(0, length), rowEnds, end: { seq, head } }
  }
}

/** A group that is whole. */
export interface Group {
  readonly kind: 'whole'
  /** Number of its first record. */
  readonly first: number
  /** The head before it. */
  readonly prev: string
  readonly head: string
  /** The rows' JSON, in order. */
  readonly rows: readonly Buffer[]
  /** Where it ends in the bytes that it was read from. */
  readonly stop: number
}

/** What stands at a place where a group should begin; `torn`: the bytes end before it does. */
export type Read = Group | { readonly kind: 'torn' | 'damaged'; readonly why: string }

const OPENING = Buffer.from('{"group":')
const CLOSE =
  /^\{"group":\{"first":(\d{1,15}),"records":(\d{1,7}),"prev":"([0-9a-f]{64})"\},"head":"([0-9a-f]{64})"\}$/

const closesGroup = (data: Buffer, at: number): boolean =>
  data.compare(OPENING, 0, OPENING.length, at, Math.min(at + OPENING.length, data.length)) === 0

/** Reads the group that begins at `from`. */
export function readGroup(data: Buffer, from: number): Read {
  const rows: Buffer[] = []
  let at = from
  for (;;) {
    const stop = data.indexOf(LF, at)
    if (stop < 0) return { kind: 'torn', why: 'not a whole group' }
    if (closesGroup(data, at)) return closed(data, from, at, stop, rows)
    rows.push(data.subarray(at, stop))
    at = stop + 1
  }
}

function closed(data: Buffer, from: number, at: number, stop: number, rows: Buffer[]): Read {
  const close = CLOSE.exec(data.toString('latin1', at, stop))
  if (close === null) return { kind: 'damaged', why: 'not the end of a group' }
  const [, first = '', records = '', prev = '', head = ''] = close
  if (Number(records) !== rows.length) {
    return { kind: 'damaged', why: `a group of ${records} records has ${rows.length}` }
  }
  if (headOf(data.subarray(from, stop - HEAD_LENGTH)) !== head) {
    return { kind: 'damaged', why: 'the group is not what was written' }
  }
  return { kind: 'whole', first: Number(first), prev, head, rows, stop: stop + 1 }
}

/** Whether a whole group stands in `data` behind the line at `from`. */
export function hasGroupBehind(data: Buffer, from: number): boolean {
  // at any line: the end of the group before it may be what is damaged
  for (let at = data.indexOf(LF, from) + 1; at > 0; at = data.indexOf(LF, at) + 1) {
    if (readGroup(data, at).kind === 'whole') return true
  }
  return false
}

/** What the first columns of a row say. */
export interface RowStart {
  readonly kind: string
  readonly exchangeId: string
  readonly seq: number
}

const ROW_START =
  /^\{"RecordKind":"([a-z]{1,16})","ExchangeId":"([^"\\]{0,64})","EventUid":"([^"\\]{1,64}):(\d{1,15})","ChainId":"\3","Seq":\4[,}]/
const MAX_ROW_START = 350

/** Reads the beginning of a row without parsing its JSON; null if it is none. */
export function rowStartOf(row: Buffer): RowStart | null {
  const found = ROW_START.exec(row.toString('latin1', 0, MAX_ROW_START))
  if (found === null) return null
  const [, kind = '', exchangeId = '', , seq = ''] = found
  return { kind, exchangeId, seq: Number(seq) }
}
