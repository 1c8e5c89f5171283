/**
 * Where the gateway ships its records in a bench, a process of its own: it takes batches as the Logs Ingestion API does,
 * and counts their rows by kind, each once however often it is sent. It unpacks them when somebody asks how many there are,
 * and so takes no CPU from what is measured meanwhile. `refuse` as its third argument: it takes none, to show that a bench
 * notices.
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { IdSet } from './id-set.ts'

/** Rows that were received, by kind. */
export interface RowCounts {
  readonly authorized: number
  readonly completed: number
}

const [, , certFile = '', keyFile = '', mode = 'take'] = process.argv
const seen = { authorized: new IdSet(), completed: new IdSet() }
let batches: Batch[] = []

interface Batch {
  readonly body: Buffer
  readonly isPacked: boolean
}

/** What every row begins with; within a value its quotes would be escaped. */
const ROW = '{"RecordKind":"'
const START = /^\{"RecordKind":"(authorized|completed)","ExchangeId":"([^"]+)"/
const MAX_START = 120

function count(rows: Buffer): void {
  for (let at = rows.indexOf(ROW); at >= 0; at = rows.indexOf(ROW, at + ROW.length)) {
    const [, kind, exchange] = START.exec(rows.toString('latin1', at, at + MAX_START)) ?? []
    if (exchange !== undefined) seen[kind as keyof typeof seen].add(exchange)
  }
}

function counts(): RowCounts {
  for (const { body, isPacked } of batches) count(isPacked ? gunzipSync(body) : body)
  batches = []
  return { authorized: seen.authorized.size, completed: seen.completed.size }
}

const server = createServer(
  { cert: readFileSync(certFile), key: readFileSync(keyFile) },
  (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      if (mode === 'refuse') {
        response.writeHead(503).end()
        return
      }
      const isPacked = request.headers['content-encoding'] === 'gzip'
      batches.push({ body: Buffer.concat(chunks), isPacked })
      response.writeHead(204).end()
    })
  },
)
server.listen(0, '127.0.0.1', () => {
  process.send?.(`https://localhost:${(server.address() as AddressInfo).port}`)
})
process.on('message', () => process.send?.(counts()))
process.on('disconnect', () => process.exit())
