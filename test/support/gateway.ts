/**
 * A lab and a gateway for one test file: the gateway is a process of its own, run as an operator runs it.
 * @module
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { spawnGateway, type Gateway, type GatewayOptions } from '../../lab/gateway/gateway.ts'
import type { ConfigFile } from '../../lab/gateway/harness-config.ts'
import type { Fault } from '../../lab/server/faults.ts'
import { startLab, type Lab, type LabOptions } from '../../lab/lab.ts'
import { send, sendBytes, type Answer, type Send } from './send.ts'
import { eventually } from './eventually.ts'

/** A row of the record, flat as at the sink. */
export type Row = Readonly<Record<string, unknown>>

export interface World {
  readonly lab: Lab
  readonly gateway: Gateway
  /** The gateway's origin. */
  readonly url: string
  send(path: string, options?: Send): Promise<Answer>
  sendBytes(bytes: string | Buffer): Promise<string>
  /** Forgets what reached Azure so far. */
  clear(): Promise<void>
  /** Records of one exchange, from the spool's disk, in order. */
  records(exchangeId: string): Promise<readonly Row[]>
  allRecords(): Promise<readonly Row[]>
  /** Records of an answered exchange, once its last one is there. */
  settled(answer: Answer): Promise<readonly Row[]>
  /** Makes the next answers of a part of the lab fail (lab/server/faults.ts). */
  fault(part: keyof Lab['urls'], fault: Fault): Promise<void>
  /** Rows that the lab's ingestion endpoint has, once `enough` holds of them; rejects after 30 s. */
  rows(enough: (rows: readonly Row[]) => boolean): Promise<readonly Row[]>
  /** Starts the gateway again on the same disk and port, after a kill or a stop. */
  restart(): Promise<void>
  close(): Promise<void>
}

/** Tests look for the record of each request: refusals before identification are not summed up. */
const eachRecorded = (config: ConfigFile): ConfigFile => ({
  ...config,
  audit: { ...config.audit, unidentified: { burst: 1_000_000 } },
})

/** Everything in a fresh directory, on free ports. This process trusts the lab's CA from then on. */
export async function startGateway(
  options: {
    lab?: Partial<LabOptions>
    gateway?: GatewayOptions | ((lab: Lab) => GatewayOptions)
  } = {},
): Promise<World> {
  const directory = await mkdtemp(join(tmpdir(), 'azureml-harness-test-'))
  const lab = await startLab({ directory, port: 0, ...options.lab })
  setDefaultCACertificates([...getCACertificates('default'), lab.certificates.ca])
  const given = typeof options.gateway === 'function' ? options.gateway(lab) : options.gateway
  const asked: GatewayOptions = {
    ...given,
    change: (config) => given?.change?.(eachRecorded(config)) ?? eachRecorded(config),
  }
  let gateway = await spawnGateway(lab, asked).catch(async (error: unknown) => {
    await lab.close()
    throw error
  })
  const spool = gateway.config.audit.spool.directory
  return {
    lab,
    get gateway() {
      return gateway
    },
    get url() {
      return gateway.url
    },
    send: (path, init) => send(gateway.url, lab.certificates.ca, path, init),
    sendBytes: (bytes) => sendBytes(gateway.url, lab.certificates.ca, bytes),
    async clear() {
      await send(lab.urls.upstream, lab.certificates.ca, '/_lab/requests', { method: 'DELETE' })
    },
    async records(exchangeId) {
      return (await readSpool(spool)).filter((row) => row['ExchangeId'] === exchangeId)
    },
    allRecords: () => readSpool(spool),
    async settled(answer) {
      const id = answer.headers['x-harness-decision-id']
      return eventually('the last record of the exchange', async () => {
        const rows = (await readSpool(spool)).filter((row) => row['ExchangeId'] === id)
        return rows.some((row) => row['RecordKind'] !== 'authorized') && rows
      })
    },
    async fault(part, fault) {
      const answer = await fetch(`${lab.urls[part]}/_lab/faults`, {
        method: 'POST',
        body: JSON.stringify(fault),
      })
      if (!answer.ok) throw new Error(`the lab did not take the fault: ${await answer.text()}`)
    },
    async rows(enough) {
      return eventually('the expected rows are at the sink', () => {
        const rows = lab.ingestion.rows() as readonly Row[]
        return enough(rows) && rows
      })
    },
    async restart() {
      gateway = await spawnGateway(lab, { ...asked, port: gateway.port })
    },
    async close() {
      await gateway.stop()
      await lab.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** How the line of a record begins, and no other line of a segment. */
export const RECORD = '{"RecordKind":'

/** Whether a file of a spool has records of the chain. */
export const isSegment = (name: string): boolean =>
  name.endsWith('.jsonl') && !name.endsWith('.dead-letter.jsonl')

/** Every record line of every segment, in the order they were written. */
export async function readSpool(directory: string): Promise<Row[]> {
  const names = (await readdir(directory, { recursive: true })).filter(isSegment)
  const rows: Row[] = []
  for (const name of names.sort()) {
    const text = await readFile(join(directory, name), 'utf8')
    for (const line of text.split('\n')) {
      // the last line of a file that is being written may be half there
      if (line.startsWith(RECORD) && line.endsWith('}')) rows.push(JSON.parse(line) as Row)
    }
  }
  return rows
}
