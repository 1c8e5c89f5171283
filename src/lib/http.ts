/**
 * HTTP to other services: bounded in time and size, never redirected, answered as data instead of thrown.
 * @module
 */
import { parseStrictJson } from './strict-json.ts'

/** What came back: a parsed answer, or why there is none. */
export type Answer =
  | {
      readonly ok: true
      readonly status: number
      readonly body: unknown
      /** Seconds, from `Retry-After`, if it had any. */
      readonly retryAfter: number | null
    }
  | { readonly ok: false; readonly why: string }

/** Real key sets are below 100 KB, 11,000 group ids (the most that Graph answers) below 500 KB. */
export const MAX_ANSWER_BYTES = 1_048_576

/** https anywhere, or http on this machine alone: for a lab, a test and a sidecar. */
export function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  if (url.username !== '' || url.password !== '' || url.hash !== '') return false
  if (url.protocol === 'https:') return true
  return url.protocol === 'http:' && isLoopback(url.hostname)
}

/** Whether `hostname` (as a URL has it) can only be this machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}

interface FetchJsonOptions {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  /** An answer that has more is none; `MAX_ANSWER_BYTES` if absent. */
  readonly maxBytes?: number
}

/** Fetches JSON. Never throws; a redirect, a big or an ambiguous answer counts as none. */
export async function fetchJson(
  url: string,
  signal: AbortSignal,
  { maxBytes = MAX_ANSWER_BYTES, ...init }: FetchJsonOptions = {},
): Promise<Answer> {
  try {
    const response = await fetch(url, {
      ...init,
      headers: { accept: 'application/json', ...init.headers },
      redirect: 'manual',
      signal,
    })
    const bytes = await readBounded(response.body, maxBytes)
    if (bytes === null) return { ok: false, why: 'the answer is too big' }
    const wait = retryAfterMs(response.headers.get('retry-after'), Date.now())
    const body = parseStrictJson(bytes)
    if (response.status === 200 && body === undefined) {
      return { ok: false, why: 'the answer is not unambiguous JSON' }
    }
    return {
      ok: true,
      status: response.status,
      body,
      retryAfter: wait === undefined ? null : wait / 1_000,
    }
  } catch (error) {
    return { ok: false, why: nameFailure(error) }
  }
}

/** `fetch` for a library that reads its answers whole. @throws Error also for an answer that is too big */
export async function fetchBounded(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...init, redirect: 'manual' })
  const bytes = await readBounded(response.body, MAX_ANSWER_BYTES)
  if (bytes === null) throw new Error('the answer is too big')
  const { status, headers } = response
  return new Response(bytes.length === 0 ? null : bytes, { status, headers })
}

/** A short name for a failed call: error names and system codes only, no text that others wrote. */
export function nameFailure(error: unknown): string {
  if (!(error instanceof Error)) return 'failed'
  const { cause } = error
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code
  return error.name
}

/** Reads a body whole, of `fetch` or a stream of Node; null if it has more than `maxBytes`, the rest of which is not read. */
export async function readBounded(
  body: AsyncIterable<Uint8Array> | null,
  maxBytes: number,
): Promise<Buffer<ArrayBuffer> | null> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.length
    // leaving the loop ends the stream, so that the rest is never received
    if (size > maxBytes) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}

/** Milliseconds to wait by `Retry-After` (RFC 9110 section 10.2.3: seconds or a date); undefined if it says neither. */
export function retryAfterMs(value: string | null | undefined, now: number): number | undefined {
  if (value === null || value === undefined) return undefined
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
