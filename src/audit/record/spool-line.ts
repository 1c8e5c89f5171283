/**
 * The format of a spool line; it is written and read here only.
 *
 * `{"seq":N,"prev":"H","row":{"RecordKind":"K","ExchangeId":"X","EventUid":"C:N",...},"crc":"xxxxxxxx"}`
 *
 * The first fields stand in a fixed order, so that recovery and shipping read them by place, without parsing JSON.
 * `prev` is the SHA-256 of the previous line's bytes as written: the form of the JSON inside never matters.
 * `crc` lets the last line of a file, which no later line vouches for, be told whole from torn.
 * @module
 */
import { hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { fieldsOf } from '../../lib/strict-json.ts'

/** `prev` of the first line ever. */
export const GENESIS = '0'.repeat(64)

/** A record as its recorder made it: all but its place in the chain. */
export interface Draft {
  readonly kind: string
  readonly exchangeId: string
  /** JSON of the OCSF metadata without its opening brace. */
  readonly metadata: string
  /** JSON of the OCSF event without its opening brace. */
  readonly ocsf: string
  /** JSON of the flat columns without its opening brace. */
  readonly columns: string
}

/** The head after a line: SHA-256 of its bytes without the line feed, in hex. */
export const headOf = (line: string | Buffer): string => hash('sha256', line)

const crcOf = (bytes: Buffer): string => crc32(bytes).toString(16).padStart(8, '0')

/** Most bytes that a draft's line can take. */
export const roomFor = (draft: Draft): number =>
  (draft.metadata.length + draft.ocsf.length + draft.columns.length) * 3 + 1_024

/** What stands on a line besides its draft. */
const FRAME_BYTES = 340

/** Bytes that a draft's line takes, if all of it is ASCII, as nearly every record is. */
export const sizeOf = (draft: Draft): number =>
  draft.metadata.length + draft.ocsf.length + draft.columns.length + FRAME_BYTES

/**
 * Puts a draft into the chain: writes its line, with line feed, into `block` at `at`. Returns where it ends, and the
 * head that it makes. Encoded once, because encoding costs as much as hashing.
 */
export function link(
  draft: Draft,
  chainId: string,
  seq: number,
  prev: string,
  block: Buffer,
  at: number,
): { end: number; head: string } {
  const uid = `${chainId}:${seq}`
  const body =
    `{"seq":${seq},"prev":"${prev}","row":{"RecordKind":"${draft.kind}","ExchangeId":"${draft.exchangeId}",` +
    `"EventUid":"${uid}","ChainId":"${chainId}","Seq":${seq},` +
    `"Ocsf":{"metadata":{"uid":"${uid}","sequence":${seq},${draft.metadata},${draft.ocsf},${draft.columns}`
  const stop = at + block.write(body, at)
  const end = stop + block.write(`,"crc":"${crcOf(block.subarray(at, stop))}"}\n`, stop)
  return { end, head: headOf(block.subarray(at, end - 1)) }
}

/** The place in the chain that a line says it has. */
export interface Place {
  readonly seq: number
  readonly prev: string
  readonly kind: string
  readonly exchangeId: string
}

const PLACE =
  /^\{"seq":(\d{1,15}),"prev":"([0-9a-f]{64})","row":\{"RecordKind":"([a-z]{1,16})","ExchangeId":"([^"\\]{0,64})","EventUid":"/
const TAIL = /,"crc":"([0-9a-f]{8})"\}$/
const TAIL_LENGTH = 18
const MAX_PLACE_LENGTH = 300

/** Reads a record's place, or null if the bytes are no whole record. */
export function placeOf(line: Buffer): Place | null {
  const start = PLACE.exec(line.toString('latin1', 0, MAX_PLACE_LENGTH))
  const end = TAIL.exec(line.toString('latin1', Math.max(0, line.length - TAIL_LENGTH)))
  if (start === null || end === null) return null
  if (crcOf(line.subarray(0, line.length - TAIL_LENGTH)) !== end[1]) return null
  const [, seq = '', prev = '', kind = '', exchangeId = ''] = start
  return { seq: Number(seq), prev, kind, exchangeId }
}

const ROW_MARK = ',"row":'

/** The row's JSON out of a whole record's line. */
export function rowText(line: Buffer): string {
  const at = line.indexOf(ROW_MARK)
  return line.toString('utf8', at + ROW_MARK.length, line.length - TAIL_LENGTH)
}

/** First line of a segment. */
export interface Header {
  readonly kind: 'header'
  readonly schema: 'azureml-harness-audit/1'
  readonly chainId: string
  readonly bootId: string
  readonly segment: string
  readonly firstSeq: number
  readonly prevSegment: string | null
  /** Bytes of the previous segment that count: what stands after them was never acknowledged. */
  readonly prevSegmentBytes: number
  readonly prevSegmentHead: string
  readonly keyId: string
  /** Ed25519 public key, SPKI in base64: lets a copy be verified; trust comes from comparing `keyId`. */
  readonly publicKey: string
  readonly openedAt: string
}

/** JSON of a header with its line feed. */
export const headerText = (header: Header): string => `${JSON.stringify(header)}\n`

const isText = (value: unknown): value is string => typeof value === 'string'

/** Reads a header line, or null if it is none. */
export function headerOf(line: Buffer): Header | null {
  const text = line.toString('utf8')
  if (!text.startsWith('{"kind":"header",')) return null
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  return isHeader(value) ? value : null
}

function isHeader(value: unknown): value is Header {
  const fields = fieldsOf(value)
  return (
    fields.get('schema') === 'azureml-harness-audit/1' &&
    ['chainId', 'bootId', 'segment', 'prevSegmentHead', 'keyId', 'publicKey', 'openedAt'].every(
      (name) => isText(fields.get(name)),
    ) &&
    Number.isSafeInteger(fields.get('firstSeq')) &&
    Number.isSafeInteger(fields.get('prevSegmentBytes')) &&
    (fields.get('prevSegment') === null || isText(fields.get('prevSegment')))
  )
}
