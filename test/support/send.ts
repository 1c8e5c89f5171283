/**
 * Requests as an attacker or a client would send them: nothing is normalised on the way out.
 * @module
 */
import { request, type Agent } from 'node:https'
import { connect } from 'node:tls'
import type { IncomingHttpHeaders } from 'node:http'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** Parsed body; throws if it is not JSON. */
  json(): unknown
  /** `error.code` of ARM's envelope, or `error_code` of MLflow's; '' without. */
  readonly code: string
}

export interface Send {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string | Buffer
  readonly agent?: Agent
}

/** Sends `path` byte for byte as it is. */
export function send(
  origin: string,
  ca: string,
  path: string,
  options: Send = {},
): Promise<Answer> {
  const { hostname, port } = new URL(origin)
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        hostname,
        port,
        path,
        ca,
        servername: hostname,
        method: options.method ?? 'GET',
        headers: options.headers ?? {},
        ...(options.agent === undefined ? {} : { agent: options.agent }),
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.once('error', reject)
        response.once('end', () =>
          resolve(
            toAnswer(
              response.statusCode ?? 0,
              response.headers,
              Buffer.concat(chunks).toString('utf8'),
            ),
          ),
        )
      },
    )
    outgoing.once('error', reject)
    outgoing.end(options.body)
  })
}

/** Sends bytes over TLS and answers with what came back until the peer closed. */
export function sendBytes(origin: string, ca: string, bytes: string | Buffer): Promise<string> {
  const { hostname, port } = new URL(origin)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), ca, servername: hostname }, () =>
      socket.write(bytes),
    )
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.once('error', (error) =>
      chunks.length > 0 ? resolve(Buffer.concat(chunks).toString('latin1')) : reject(error),
    )
    socket.once('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
  })
}

/** A request with headers exactly as given, names repeated and values unchecked; one connection of its own. */
export async function sendRaw(
  origin: string,
  ca: string,
  path: string,
  rawHeaders: readonly string[],
  method = 'GET',
): Promise<Answer> {
  const lines = [`${method} ${path} HTTP/1.1`]
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`)
  const bytes = await sendBytes(origin, ca, `${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`)
  return parseAnswer(bytes)
}

/** The first answer in what came back over a connection. */
export function parseAnswer(bytes: string): Answer {
  const end = bytes.indexOf('\r\n\r\n')
  const [first = '', ...lines] = bytes.slice(0, end).split('\r\n')
  const headers: IncomingHttpHeaders = {}
  for (const line of lines) {
    const at = line.indexOf(':')
    headers[line.slice(0, at).toLowerCase()] = line.slice(at + 1).trim()
  }
  const body = bytes.slice(end + 4)
  const length = headers['content-length']
  const chunked = headers['transfer-encoding'] === 'chunked' ? unchunk(body) : body
  const text = length === undefined ? chunked : body.slice(0, Number(length))
  return toAnswer(Number(first.split(' ')[1] ?? 0), headers, text)
}

function unchunk(body: string): string {
  const end = body.indexOf('\r\n')
  const size = Number.parseInt(body.slice(0, end), 16)
  if (!(size > 0)) return ''
  return body.slice(end + 2, end + 2 + size) + unchunk(body.slice(end + 2 + size + 2))
}

function toAnswer(status: number, headers: IncomingHttpHeaders, text: string): Answer {
  const json = (): unknown => JSON.parse(text)
  return { status, headers, text, json, code: codeOf(text) }
}

function codeOf(text: string): string {
  try {
    const body = JSON.parse(text) as { error?: { code?: string }; error_code?: string }
    return body.error?.code ?? body.error_code ?? ''
  } catch {
    return ''
  }
}
