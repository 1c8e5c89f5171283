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
