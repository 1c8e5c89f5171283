/**
 * The smallest HTTPS client that trusts the lab's certificate authority: for the lab's own commands and tests.
 * @module
 */
import * as http from 'node:http'
import * as https from 'node:https'

export interface Reply {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: Buffer
  text(): string
  json(): unknown
}

export interface RequestOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** A string or buffer is sent as it is, anything else as JSON. */
  readonly body?: unknown
  /** PEM of the authority to trust. */
  readonly ca?: string | undefined
  readonly timeoutMs?: number
}

/** One request on a connection of its own; rejects if the connection fails or ends early. */
export function request(url: string, options: RequestOptions = {}): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>()
  const { body } = options
  const isRaw = typeof body === 'string' || Buffer.isBuffer(body)
  const payload = body === undefined || isRaw ? body : JSON.stringify(body)
  const headers: Record<string, string> = { ...options.headers }
  if (payload !== undefined) {
    if (!isRaw) headers['content-type'] ??= 'application/json'
    headers['content-length'] = String(Buffer.byteLength(payload))
  }
  const settings: https.RequestOptions = {
    method: options.method ?? (payload === undefined ? 'GET' : 'POST'),
    headers,
    agent: false,
    timeout: options.timeoutMs ?? 30_000,
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  }
  const send = url.startsWith('https:') ? https.request : http.request
  const outgoing = send(url, settings, (incoming) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('error', reject)
    incoming.on('end', () => {
      const received = Buffer.concat(chunks)
      resolve({
        status: incoming.statusCode ?? 0,
        headers: incoming.headers,
        body: received,
        text: () => received.toString('utf8'),
        json: () => JSON.parse(received.toString('utf8')) as unknown,
      })
    })
  })
  outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer from ${new URL(url).host}`)))
  outgoing.on('error', reject)
  outgoing.end(payload)
  return promise
}
