/**
 * One POST to a sink: bounded, never redirected, never with a token in clear.
 * @module
 */
import { fieldsOf } from '../../../lib/strict-json.ts'
import type { Delivery } from './sink.ts'
import { isLoopback, readBounded, retryAfterMs } from '../../../lib/http.ts'

/** An answer is looked into for a few fields only. */
const MAX_ANSWER_BYTES = 65_536

/** Throws an Error that names the sink if its endpoint would carry records or a token in clear. */
export function demandHttps(name: string, endpoint: string): void {
  const { protocol, hostname } = new URL(endpoint)
  if (protocol !== 'https:' && !isLoopback(hostname)) {
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

function parse(bytes: Buffer | null): ReadonlyMap<string, unknown> {
  try {
    return fieldsOf(JSON.parse(bytes?.toString('utf8') ?? ''))
  } catch {
    return new Map()
  }
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
  const fields = parse(await readBounded(response.body, MAX_ANSWER_BYTES))
  return response.ok
    ? { ok: true, fields }
    : {
        ok: false,
        delivery: judgeStatus(response.status, response.headers.get('retry-after')),
        fields,
      }
}
