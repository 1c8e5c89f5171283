/**
 * `health`: asks a gateway on this machine whether it is ready; for container health checks.
 * @module
 */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { TLSSocket } from 'node:tls'
import { text } from 'node:stream/consumers'
import type { IncomingMessage } from 'node:http'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema/schema.ts'
import { fieldsOf } from '../lib/strict-json.ts'
import { configFile } from './config-file.ts'
import { EXIT, type Io } from './io.ts'
import { show, tableLines, type Cell, type Output } from './output.ts'

/** Docker's health check has 3 s for both. */
const TIMEOUT_MS = 2_000
const DETAILS_TIMEOUT_MS = 750
const ANY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::'])

export interface HealthOptions {
  readonly config?: string | undefined
  readonly live?: boolean | undefined
  readonly output: Output
}

export async function health(options: HealthOptions, io: Io): Promise<number> {
  const { listen } = await loadConfig(configFile(options, io))
  const path = options.live === true ? '/_harness/livez' : '/_harness/readyz'
  const certificate =
    listen.tls === undefined ? null : new X509Certificate(await readFile(listen.tls.certFile))
  const { status, body } = await ask(listen.port, path, certificate)
  const details = options.live === true ? null : await askOperators(listen.metrics)
  const known = membersOf(details ?? body)
  show(io, options.output, {
    json: () => Object.fromEntries(known),
    table: () =>
      tableLines(
        null,
        [...known].map(([name, value]) => [name, cellOf(value)]),
      ),
    tsv: () => [...known].map(([name, value]) => [name, cellOf(value)]),
  })
  return status === 200 ? EXIT.ok : EXIT.failed
}

const cellOf = (value: unknown): Cell => (typeof value === 'string' ? value : JSON.stringify(value))

/** What the gateway says of itself; its text as it is, if that is no JSON object. */
function membersOf(body: string): ReadonlyMap<string, unknown> {
  try {
    return fieldsOf(JSON.parse(body))
  } catch {
    return new Map([['answer', body]])
  }
}

/** Why, with which version and policies: told on the metrics port alone; null if it cannot be had. */
async function askOperators(metrics: Config['listen']['metrics']): Promise<string | null> {
  if (metrics === undefined) return null
  const name = ANY_ADDRESS.has(metrics.host) ? '127.0.0.1' : metrics.host
  const host = name.includes(':') ? `[${name}]` : name
  try {
    const signal = AbortSignal.timeout(DETAILS_TIMEOUT_MS)
    return await (await fetch(`http://${host}:${metrics.port}/readyz`, { signal })).text()
  } catch {
    return null
  }
}

/** The certificate is compared with the configured one, because no name in it needs to be that of the loopback. */
async function ask(
  port: number,
  path: string,
  certificate: X509Certificate | null,
): Promise<{ status: number; body: string }> {
  const { promise, resolve: done, reject } = Promise.withResolvers<IncomingMessage>()
  const options = { host: '127.0.0.1', port, path, timeout: TIMEOUT_MS }
  const request =
    certificate === null
      ? httpRequest(options, done)
      : httpsRequest({ ...options, rejectUnauthorized: false, agent: false }, done)
  request
    .once('error', reject)
    .once('timeout', () => request.destroy(new Error('no answer in time')))
  if (certificate !== null) {
    request.once('socket', (socket) =>
      socket.once('secureConnect', () => {
        const seen = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined
        if (seen?.fingerprint256 !== certificate.fingerprint256)
          request.destroy(new Error('another server answers on this port'))
      }),
    )
  }
  request.end()
  const response = await promise
  return { status: response.statusCode ?? 0, body: await text(response) }
}
