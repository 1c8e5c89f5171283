/**
 * One POST to a sink: bounded, never redirected, never with a token in clear.
 * @module
 */
import { fieldsOf } from '../../../lib/fields.ts'
import type { Delivery } from './sink.ts'
import { judgeStatus } from './status.ts'

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
