/**
 * Temporary spools and a real HTTP sink for the audit tests.
 * @module
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { gunzipSync } from 'node:zlib'
import { segmentNames } from '../../src/audit/spool/recover.ts'
import { openAudit, type Audit, type AuditOptions } from '../../src/audit/open.ts'
import { BatchBlock, type Batch, type ShippedRow } from '../../src/audit/ship/batch.ts'
import type { AuditConfig } from '../../src/config/schema/schema.ts'

/** A parsed row; tests look at its columns by name. */
export type SinkRow = Record<string, unknown> & {
  readonly EventUid: string
  readonly RecordKind: string
  readonly Seq: number
}

export type Test = { teardown(callback: () => unknown): void }

/** A private directory that is gone after the test. */
export function spoolDirectory(t: Test): string {
  const directory = mkdtempSync(`${tmpdir()}/harness-spool-`)
  t.teardown(() => {
    rmSync(directory, { recursive: true, force: true })
  })
  return directory
}

export const credential = () => ({
  getToken: () => Promise.resolve({ token: 'sink-token', expiresOnTimestamp: Date.now() + 3.6e6 }),
})

/** What the schema's defaults give a spool. */
export const SPOOL_DEFAULTS = {
  durability: 'fsync',
  hardLimitBytes: 4_294_967_296,
  retentionSeconds: 86_400,
} as const

interface Changes {
  readonly spool: Partial<AuditConfig['spool']>
  readonly unidentified: Partial<AuditConfig['unidentified']>
}

/** What the schema's defaults give callers that were not identified. */
export const UNIDENTIFIED_DEFAULTS = {
  burst: 20,
  perSecond: 1,
  sources: 1_024,
  spoolShare: 0.5,
} as const

/** Options of an audit trail with one sink. */
export function optionsOf(
  directory: string,
  sinks: AuditConfig['sinks'],
  change: Partial<AuditOptions> & Partial<Changes> = {},
): AuditOptions {
  const { spool, unidentified, ...rest } = change
  return {
    config: {
      spool: { ...SPOOL_DEFAULTS, directory, ...spool },
      unidentified: { ...UNIDENTIFIED_DEFAULTS, ...unidentified },
      sinks,
    },
    hashKey: Buffer.from('hash key of the tests'),
    credential,
    version: '0.0.0-test',
    now: Date.now,
    log: () => {},
    timing: {
      lingerMs: 5,
      firstBackoffMs: 10,
      maxBackoffMs: 40,
      holdMs: 20,
      sendTimeoutMs: 500,
    },
    ...rest,
  }
}

export async function openFor(t: Test, options: AuditOptions): Promise<Audit> {
  const audit = await openAudit(options)
  t.teardown(() => audit.close(100))
  return audit
}

/** The chain's directory in a spool. */
export function chainDirectory(directory: string): string {
  const [name] = readdirNames(directory)
  return `${directory}/${name}`
}

const readdirNames = (directory: string): string[] =>
  readdirSync(directory).filter((name) => /^[0-9a-f]{8}-/.test(name))

/** All rows of a spool, parsed, in order. */
export function rowsOf(directory: string): SinkRow[] {
  const chain = chainDirectory(directory)
  return segmentNames(chain).flatMap((name) =>
    readFileSync(`${chain}/${name}`, 'utf8')
      .split('\n')
      .filter((text) => text.startsWith('{"RecordKind"'))
      .map((text) => JSON.parse(text)),
  )
}

/** What a sink's server was sent: one call. */
export interface Call {
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly text: string
}

export interface SinkServer {
  readonly url: string
  readonly calls: Call[]
  /** Answers the next calls; after the last one every call is accepted. */
  answer: (call: Call, response: ServerResponse, request: IncomingMessage) => boolean
  /** Rows of all accepted calls to the Logs Ingestion API. */
  readonly rows: SinkRow[]
  readonly server: Server
}

/** A server on 127.0.0.1 that takes what Azure Monitor takes, until told otherwise. */
export async function sinkServer(t: Test): Promise<SinkServer> {
  const calls: Call[] = []
  const rows: SinkRow[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('error', () => {})
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const raw = Buffer.concat(chunks)
      const text = (
        request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw
      ).toString()
      const call = { url: request.url ?? '', headers: request.headers, text }
      calls.push(call)
      if (sink.answer(call, response, request)) return
      if (text.startsWith('[')) rows.push(...JSON.parse(text))
      response.writeHead(204).end()
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const sink: SinkServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    rows,
    server,
    answer: () => false,
  }
  return sink
}

/** A row as the shipper has it. */
export const shipped = (seq: number, text: string): ShippedRow => ({
  seq,
  uid: `c:${seq}`,
  text,
})

/** A batch of these rows, whose numbers follow each other. */
export function batchOf(rows: readonly ShippedRow[]): Batch {
  const block = new BatchBlock('c', 1_000_000)
  for (const { seq, text } of rows) {
    const data = Buffer.from(text)
    block.add({ data, first: seq, from: 0, ends: [data.length] }, 0)
  }
  return block.batch()
}

/** Azure Monitor's configuration for a sink server. */
export const azureSink = (url: string): AuditConfig['sinks'] => [
  {
    name: 'monitor',
    kind: 'azure-monitor',
    endpoint: url,
    ruleId: 'dcr-1',
    stream: 'Custom-AmlHarnessAudit',
    identity: 'shipper',
  },
]
