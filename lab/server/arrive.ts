/**
 * How a request arrives at a server of the lab: its body hashed on the way, its query parsed, its sender slowed down.
 * @module
 */
import { createHash } from 'node:crypto'
import type * as http from 'node:http'
import type { Body } from './call.ts'
import { KEPT_BODY_BYTES, type Entry } from './journal.ts'

/** Bodies up to this size are given to handlers; longer ones are hashed and let go. */
const HELD_BODY_BYTES = 8 * 1024 * 1024

/** Holds the sender back after each chunk, for as long as it should have taken. */
export function slowDown(
  request: http.IncomingMessage,
  bytesPerSecond: number,
  ms = Infinity,
): void {
  const until = performance.now() + ms
  request.on('data', (chunk: Buffer) => {
    if (performance.now() > until) return
    request.pause()
    setTimeout(() => request.resume(), (chunk.length / bytesPerSecond) * 1000)
  })
}

export function readBody(request: http.IncomingMessage, entry: Entry): Promise<Body> {
  const { promise, resolve, reject } = Promise.withResolvers<Body>()
  const hash = createHash('sha256')
  let chunks: Buffer[] | null = []
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    hash.update(chunk)
    bytes += chunk.length
    entry.bodyBytes = bytes
    if (bytes > HELD_BODY_BYTES) chunks = null
    else chunks?.push(chunk)
  })
  request.on('error', reject)
  request.on('end', () => {
    const sha256 = hash.digest('hex')
    const content = chunks === null ? null : Buffer.concat(chunks)
    entry.bodySha256 = sha256
    if (content !== null && bytes <= KEPT_BODY_BYTES) entry.body = content.toString('utf8')
    resolve({ bytes, sha256, content })
  })
  // a handler that refuses without reading must not turn a broken upload into an unhandled rejection
  promise.catch(() => {})
  return promise
}

export function parseTarget(url: string): { path: string; params: Map<string, string> } {
  const at = url.indexOf('?')
  const params = new Map<string, string>()
  if (at === -1) return { path: url, params }
  for (const [name, value] of new URLSearchParams(url.slice(at + 1))) {
    params.set(name.toLowerCase(), value)
  }
  return { path: url.slice(0, at), params }
}
