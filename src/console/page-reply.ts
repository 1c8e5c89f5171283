/**
 * The answer to a browser: what the pipeline refuses, as a page.
 * @module
 */
import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import type { Reply } from '../http/reply.ts'

/** How a refusal looks. */
export type ShowRefusal = (body: string) => string

/** Hands everything on to the connection; the refusals that the pipeline makes are written anew. */
export class PageReply implements Reply {
  readonly #inner: Reply
  readonly #headers: Readonly<Record<string, string>>
  readonly #show: ShowRefusal

  /** @param headers of every page */
  constructor(inner: Reply, headers: Readonly<Record<string, string>>, show: ShowRefusal) {
    this.#inner = inner
    this.#headers = headers
    this.#show = show
  }

  get request(): IncomingMessage {
    return this.#inner.request
  }

  get begun(): boolean {
    return this.#inner.begun
  }

  get gone(): boolean {
    return this.#inner.gone
  }

  get finished(): boolean {
    return this.#inner.finished
  }

  onceClosed(listener: () => void): void {
    this.#inner.onceClosed(listener)
  }

  send(status: number, headers: Record<string, string>, body: Buffer | string | null): void {
    const kept = Object.entries(headers).filter(([name]) => KEPT.has(name))
    const sent = {
      ...Object.fromEntries(kept),
      ...this.#headers,
      'content-type': 'text/html; charset=utf-8',
    }
    this.#inner.send(status, sent, this.#shown(String(body ?? '')))
  }

  stream(
    status: number,
    headers: Record<string, string>,
    source: Readable,
    failed: (error: Error) => void,
  ): void {
    this.#inner.stream(status, headers, source, failed)
  }

  cut(): void {
    this.#inner.cut()
  }

  /** A refusal is answered also where its page cannot be made. */
  #shown(body: string): string {
    try {
      return this.#show(body)
    } catch {
      return '<!doctype html><html lang="en"><title>Refused</title><p>That was refused.</p></html>'
    }
  }
}

/** A browser is asked for no bearer token. */
const KEPT = new Set(['connection', 'retry-after', 'x-harness-decision-id'])
