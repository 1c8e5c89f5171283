/**
 * What a server of the lab gives its handlers and takes from them: a call and its answer.
 * @module
 */
import type * as http from 'node:http'
import type { Readable } from 'node:stream'

export interface Body {
  readonly bytes: number
  readonly sha256: string
  /** Null if longer than 8 MiB. */
  readonly content: Buffer | null
}

/** One request, as handlers see it. */
export interface Call {
  readonly method: string
  /** Path as received, without the query. */
  readonly path: string
  /** Query with decoded keys in lower case (an SDK sends `?api%2Dversion=`). */
  readonly params: ReadonlyMap<string, string>
  readonly headers: http.IncomingHttpHeaders
  readonly body: () => Promise<Body>
  readonly raw: { readonly request: http.IncomingMessage; readonly response: http.ServerResponse }
}

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | Buffer | Readable
}

/** Null means that the handler has answered on `call.raw` itself. */
export type Handler = (call: Call) => Promise<Answer | null> | Answer | null

/** A JSON answer. */
export function json(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(value),
  }
}
