/**
 * What an HTTP status means to a shipper.
 * @module
 */
import type { Delivery } from './sink.ts'

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
