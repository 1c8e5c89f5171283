/**
 * The Logs Ingestion API: takes batches of rows for one data collection rule, and keeps them.
 *
 * https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview
 * @module
 */
import { gunzipSync } from 'node:zlib'
import type { ManagedIdentities } from '../identity/managed-identity.ts'
import { json, type Answer, type Call, type Handler } from '../server/call.ts'
import { RULE_ID, STREAM } from '../personas.ts'

const AUDIENCES = ['https://monitor.azure.com']
/** The limit holds for the body as sent and as unpacked. */
const LIMIT_BYTES = 1_048_576
/** Longer fields are cut silently, as Azure does. */
const FIELD_BYTES = 65_536
const COLUMN = /^[A-Za-z][A-Za-z0-9_]{0,44}$/

type Row = Readonly<Record<string, unknown>>

export interface Ingestion {
  readonly handler: Handler
  readonly routes: Readonly<Record<string, Handler>>
  rows(): readonly Row[]
}

function refused(status: number, code: string, message: string): Answer {
  return json(status, { error: { code, message } }, { 'x-ms-error-code': code })
}

function isRow(row: unknown): row is Row {
  return typeof row === 'object' && row !== null && !Array.isArray(row)
}

function cut(row: Row): Row {
  const entries = Object.entries(row).map(([name, value]) => [
    name,
    typeof value === 'string' && value.length > FIELD_BYTES ? value.slice(0, FIELD_BYTES) : value,
  ])
  return Object.fromEntries(entries) as Row
}

/** Unpacks and parses a batch, or says why not. */
function parse(
  call: Call,
  content: Buffer,
): { readonly rows: Row[] } | { readonly refusal: Answer } {
  const encoding = call.headers['content-encoding'] ?? 'identity'
  let text: Buffer = content
  if (encoding === 'gzip') {
    try {
      text = gunzipSync(content, { maxOutputLength: LIMIT_BYTES })
    } catch (error) {
      const isLong = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
      return {
        refusal: isLong
          ? refused(
              413,
              'ContentLengthLimitExceeded',
              'Maximum allowed content length: 1048576 bytes',
            )
          : refused(400, 'InvalidContent', 'the body is not gzip'),
      }
    }
  } else if (encoding !== 'identity') {
    return { refusal: refused(415, 'UnsupportedContentEncoding', `not ${encoding}`) }
  }
  let rows: unknown
  try {
    rows = JSON.parse(text.toString('utf8'))
  } catch {
    return { refusal: refused(400, 'InvalidContent', 'the body is not JSON') }
  }
  if (!Array.isArray(rows) || !rows.every(isRow))
    return { refusal: refused(400, 'InvalidContent', 'the body is not an array of objects') }
  const bad = rows.flatMap((row) => Object.keys(row)).find((name) => !COLUMN.test(name))
  if (bad !== undefined)
    return { refusal: refused(400, 'InvalidColumn', `"${bad}" cannot be a column`) }
  return { rows: rows.map(cut) }
}

export function createIngestion(identities: ManagedIdentities): Ingestion {
  let rows: Row[] = []
  let dropEvery = 0
  let taken = 0
  let refuses: { readonly kind: string | undefined; readonly text: string } | null = null
  const target = `/dataCollectionRules/${RULE_ID}/streams/${STREAM}`.toLowerCase()

  async function handler(call: Call): Promise<Answer> {
    if (call.method !== 'POST' || call.path.toLowerCase() !== target)
      return refused(404, 'NotFound', `Data collection rule or stream not found: ${call.path}`)
    if (call.params.get('api-version') !== '2023-01-01')
      return refused(400, 'UnsupportedApiVersion', 'api-version must be 2023-01-01')
    const bearer = /^Bearer (\S+)$/i.exec(call.headers.authorization ?? '')?.[1]
    const identity = bearer === undefined ? null : await identities.verify(bearer, AUDIENCES)
    if (identity === null)
      return refused(401, 'InvalidToken', 'The token is missing, wrong, or for another audience')
    if (identity.name !== 'audit-writer') {
      const message = 'The identity has no Monitoring Metrics Publisher role on the rule'
      return refused(403, 'OperationFailed', message)
    }
    const body = await call.body()
    if (body.content === null || body.bytes > LIMIT_BYTES) {
      const message = 'Maximum allowed content length: 1048576 bytes'
      return refused(413, 'ContentLengthLimitExceeded', message)
    }
    const parsed = parse(call, body.content)
    if ('refusal' in parsed) return parsed.refusal
    const { kind, text } = refuses ?? { kind: undefined, text: null }
    const isRefused = (row: Row): boolean =>
      text !== null &&
      (kind === undefined || row['RecordKind'] === kind) &&
      JSON.stringify(row).includes(text)
    if (parsed.rows.some(isRefused))
      return refused(400, 'InvalidRow', 'a row of the batch does not fit the table')
    // accepted is not stored: a transform may drop rows after the 204
    for (const row of parsed.rows) {
      taken++
      if (dropEvery === 0 || taken % dropEvery !== 0) rows.push(row)
    }
    return { status: 204 }
  }

  return {
    handler,
    routes: {
      rows: (call) => {
        if (call.method !== 'DELETE') return json(200, rows)
        rows = []
        return { status: 204 }
      },
      // ?every=1000 loses each thousandth row after it was accepted; 0 stops that
      drop: (call) => {
        dropEvery = Number(call.params.get('every') ?? 0)
        return { status: 204 }
      },
      // ?text=x&kind=authorized refuses each batch with such a row; no text stops that
      refuse: (call) => {
        const text = call.params.get('text')
        refuses = text === undefined ? null : { kind: call.params.get('kind'), text }
        return { status: 204 }
      },
    },
    rows: () => rows,
  }
}
