/**
 * Calls to an issuer or to Graph: bounded in time and size, never redirected, answered as data instead of thrown.
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
const MAX_BYTES = 1_048_576

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

/** Fetches JSON. Never throws; a redirect, a big or an ambiguous answer counts as none. */
export async function fetchJson(
  url: string,
  signal: AbortSignal,
  init: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  try {
    const response = await fetch(url, {
      ...init,
      headers: { accept: 'application/json', ...init.headers },
      redirect: 'manual',
      signal,
    })
    const bytes = await readBounded(response)
    if (bytes === null) return { ok: false, why: 'the answer is too big' }
    const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
    const body = parseStrictJson(bytes)
    if (response.status === 200 && body === undefined) {
      return { ok: false, why: 'the answer is not unambiguous JSON' }
    }
    return {
      ok: true,
      status: response.status,
      body,
      retryAfter: Number.isFinite(seconds) && seconds >= 0 ? seconds : null,
    }
  } catch (error) {
    return { ok: false, why: nameFailure(error) }
  }
}

/** `fetch` for a library that reads its answers whole. @throws Error also for an answer that is too big */
export async function fetchBounded(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...init, redirect: 'manual' })
  const bytes = await readBounded(response)
  if (bytes === null) throw new Error('the answer is too big')
  const { status, headers } = response
  return new Response(bytes.length === 0 ? null : new Uint8Array(bytes), { status, headers })
}

/** A short name for a failed call: error names and system codes only, no text that others wrote. */
export function nameFailure(error: unknown): string {
  if (!(error instanceof Error)) return 'failed'
  const { cause } = error
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code
  return error.name
}

async function readBounded(response: Response): Promise<Buffer | null> {
  const chunks: Uint8Array[] = []
  let size = 0
  if (response.body === null) return Buffer.alloc(0)
  const stream: AsyncIterable<Uint8Array> = response.body
  for await (const chunk of stream) {
    size += chunk.length
    // Leaving the loop cancels the stream, so the rest is never received
    if (size > MAX_BYTES) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}
