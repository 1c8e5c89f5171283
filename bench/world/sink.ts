/**
 * Where the gateway ships its records in a bench, a process of its own: it takes batches as the Logs Ingestion API does,
 * unpacks them and counts the rows by kind, each once however often it is sent. `refuse` as its third argument: it takes
 * none, to show that a bench notices.
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'

/** Rows that were received, by kind. */
export interface RowCounts {
  readonly authorized: number
  readonly completed: number
}

const [, , certFile = '', keyFile = '', mode = 'take'] = process.argv
const seen = { authorized: new Set<string>(), completed: new Set<string>() }

/** Its own text: a part of a batch would keep the whole batch in memory. */
const copied = (text: string): string => Buffer.from(text, 'latin1').toString('latin1')

function count(batch: string): void {
  const rows = /"ExchangeId":"([^"]+)"|"RecordKind":"(authorized|completed)"/g
  let kind: keyof typeof seen | null = null
  for (const [, exchange, found] of batch.matchAll(rows)) {
    if (found !== undefined) kind = found as keyof typeof seen
    else if (exchange !== undefined && kind !== null) {
      seen[kind].add(copied(exchange))
      kind = null
    }
  }
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
      const body = Buffer.concat(chunks)
      const isPacked = request.headers['content-encoding'] === 'gzip'
      count((isPacked ? gunzipSync(body) : body).toString('latin1'))
      response.writeHead(204).end()
    })
  },
)
server.listen(0, '127.0.0.1', () => {
  process.send?.(`https://localhost:${(server.address() as AddressInfo).port}`)
})
process.on('message', () =>
  process.send?.({ authorized: seen.authorized.size, completed: seen.completed.size }),
)
process.on('disconnect', () => process.exit())
