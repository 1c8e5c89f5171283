/**
 * One POST to a sink: bounded, never redirected, never with a token in clear.
 * @module
 */
import { fieldsOf } from '../../../lib/fields.ts'
import type { Delivery } from './sink.ts'

/** An answer is looked into for a few fields only. */
const LONGEST_ANSWER = 65_536
const LOOPBACK = new Set(['127.0.0.1', '[::1]', 'localhost'])

/** Throws an Error that names the sink if its endpoint would carry records or a token in clear. */
export function demandHttps(name: string, endpoint: string): void {
  const { protocol, hostname } = new URL(endpoint)
  if (protocol !== 'https:' && !LOOPBACK.has(hostname)) {
    throw new Error(`audit sink "${name}": the endpoint is not https`)
  }
}

/** What was answered: the text of a success, or what its status means. */
export type Answer =
  | { readonly ok: true; readonly fields: ReadonlyMap<string, unknown> }
  | {
      readonly ok: false
      readonly delivery: Delivery
      readonly fields: ReadonlyMap<string, unknown>
    }

function parse(text: string): ReadonlyMap<string, unknown> {
  try {
    return fieldsOf(JSON.parse(text))
  } catch {
    return new Map()
  }
}

async function bounded(response: Response): Promise<string> {
  const length = Number(response.headers.get('content-length') ?? 0)
  if (length > LONGEST_ANSWER || response.body === null) {
    await response.body?.cancel()
    return ''
  }
  // without a length the time-out of the call bounds it; no receiver that is named in the configuration sends much
  return (await response.text()).slice(0, LONGEST_ANSWER)
}

/** Milliseconds out of `Retry-After` (RFC 9110 section 10.2.3: seconds or a date), or undefined. */
export function retryAfterMs(value: string | null | undefined, now: number): number | undefined {
  if (value === null || value === undefined) return undefined
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

/** A status that is not success. Redirects are not followed: a batch goes where the configuration says. */
export function judgeStatus(status: number, retryAfter: string | null | undefined): Delivery {
  const why = `status ${status}`
  if (status === 413) return { kind: 'too-large', why }
  if (status === 400 || status === 422) return { kind: 'rejected', why }
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    const after = retryAfterMs(retryAfter, Date.now())
    return after === undefined
      ? { kind: 'retry', why }
      : { kind: 'retry', why, retryAfterMs: after }
  }
  return { kind: 'hold', why }
}

/** Posts; throws only if there was no answer. */
export async function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string | Uint8Array<ArrayBuffer>,
  signal: AbortSignal,
): Promise<Answer> {
  const response = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'manual' })
  const fields = parse(await bounded(response))
  return response.ok
    ? { ok: true, fields }
    : {
        ok: false,
        delivery: judgeStatus(response.status, response.headers.get('retry-after')),
        fields,
      }
}
