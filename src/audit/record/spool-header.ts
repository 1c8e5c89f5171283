/**
 * The first line of a segment, in every version of the format: which chain it belongs to and what it continues.
 * @module
 */
import { fieldsOf } from '../../lib/strict-json.ts'

/** Versions of the format: spool-line.ts reads the first, spool-group.ts writes and reads the second. */
const SCHEMAS = ['azureml-harness-audit/1', 'azureml-harness-audit/2'] as const

type Schema = (typeof SCHEMAS)[number]

/** First line of a segment. */
export interface Header {
  readonly kind: 'header'
  /** The version of the segment's format; one segment has one. */
  readonly schema: Schema
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
    SCHEMAS.some((known) => known === fields.get('schema')) &&
    ['chainId', 'bootId', 'segment', 'prevSegmentHead', 'keyId', 'publicKey', 'openedAt'].every(
      (name) => isText(fields.get(name)),
    ) &&
    Number.isSafeInteger(fields.get('firstSeq')) &&
    Number.isSafeInteger(fields.get('prevSegmentBytes')) &&
    (fields.get('prevSegment') === null || isText(fields.get('prevSegment')))
  )
}
