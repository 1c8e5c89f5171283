/**
 * The caller's side of one call: the request as Node has it, and the one answer that goes out.
 *
 * The pipeline and its stages answer through this and not through a framework, whichever way the call came in.
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { onceClosed } from './closing.ts'

export interface Reply {
  readonly request: IncomingMessage
  /** The head of an answer has gone out: nothing else can be answered any more. */
  readonly begun: boolean
  /** Nobody is there to read an answer. */
  readonly gone: boolean
  /** The whole answer was handed over. */
  readonly finished: boolean
  /** Calls the listener exactly once, however the call ends: answered, hung up on, or cut off. */
  onceClosed(listener: () => void): void
  /** Sends a whole answer; null for one without a body. Cookies are for browsers alone. */
  send(
    status: number,
    headers: Record<string, string>,
    body: Buffer | string | null,
    cookies?: readonly string[],
  ): void
  /**
   * Sends what `source` brings, at the pace of the slower side. The head goes out with the first byte.
   * @param failed told if `source` fails before that; later the answer is cut off
   */
  stream(
    status: number,
    headers: Record<string, string>,
    source: Readable,
    failed: (error: Error) => void,
  ): void
  /** Ends in the middle of an answer, which is how its reader learns that it is not whole. */
  cut(): void
}

/** The answer goes out on the connection that the request came in on. */
export class ConnectionReply implements Reply {
  readonly request: IncomingMessage
  readonly #response: ServerResponse

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.request = request
    this.#response = response
  }

  get begun(): boolean {
    return this.#response.headersSent
  }

  get gone(): boolean {
    return this.#response.destroyed
  }

  get finished(): boolean {
    return this.#response.writableFinished
  }

  onceClosed(listener: () => void): void {
    onceClosed(this.#response, listener)
  }

  send(
    status: number,
    headers: Record<string, string>,
    body: Buffer | string | null,
    cookies?: readonly string[],
  ): void {
    if (cookies !== undefined && cookies.length > 0) this.#response.setHeader('set-cookie', cookies)
    const { method } = this.request
    if (mayHaveBody(status) && (body !== null || method !== 'HEAD'))
      headers['content-length'] = String(body === null ? 0 : Buffer.byteLength(body))
    this.#begin(status, headers)
    if (body === null || !mayHaveBody(status)) this.#response.end()
    else this.#response.end(body)
  }

  stream(
    status: number,
    headers: Record<string, string>,
    source: Readable,
    failed: (error: Error) => void,
  ): void {
    const response = this.#response
    const begin = (): void => {
      if (!response.headersSent) this.#begin(status, headers)
    }
    source.on('data', (chunk: Buffer) => {
      begin()
      if (mayHaveBody(status) && !response.write(chunk)) source.pause()
    })
    response.on('drain', () => source.resume())
    source.once('end', () => {
      begin()
      response.end()
    })
    source.on('error', (error) => {
      if (response.headersSent) response.destroy()
      else failed(error)
    })
    response.once('close', () => source.destroy())
    if (response.destroyed) source.destroy()
  }

  cut(): void {
    this.#response.destroy()
  }

  #begin(status: number, headers: Record<string, string>): void {
    // what is left of a body would be taken for the next request
    if (!this.request.complete) headers['connection'] = 'close'
    if (status === 204) {
      // RFC 9110 section 8.6: no length where there is no content
      delete headers['content-type']
      delete headers['content-length']
    }
    this.#response.writeHead(status, headers)
  }
}

/** RFC 9110 section 6.4.1: these end with their head. */
function mayHaveBody(status: number): boolean {
  return status !== 204 && status !== 304
}
