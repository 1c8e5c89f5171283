/**
 * How a request ended, and how much of it came in: all that is known when its connection is done with it.
 * @module
 */
import type { FastifyRequest } from 'fastify'
import { isOfPolicy } from './errors.ts'
import type { Exchange, Outcome } from './exchange.ts'

/** What is known of the end: a call that may have changed something and has no answer is `unknown`, never `failed`. */
export function outcomeOf(exchange: Exchange, finished: boolean): Outcome {
  const { refusal, operation, upstream } = exchange
  // cut off after its first byte: what it was about may have been done
  if (exchange.cut && !finished) return operation?.effect === 'read' ? 'failed' : 'unknown'
  if (refusal !== null) {
    // by what Azure answered, which nobody was shown
    if (operation?.effect === 'read' && isOfPolicy(refusal.code)) return 'denied'
    const reached = upstream !== null && refusal.code !== 'upstream_unreachable'
    const answered = upstream !== null && upstream.status !== null
    return reached && !answered && operation?.effect !== 'read' ? 'unknown' : 'failed'
  }
  if (!finished) return 'client_abort'
  return (exchange.status ?? 500) < 400 ? 'success' : 'failed'
}

/** Bytes of the body that arrived: for one that was cut, at most what its connection has brought. */
export function received(request: FastifyRequest): number {
  const length = Number(request.headers['content-length'] ?? 0)
  return request.raw.complete ? length : Math.min(length, request.raw.socket.bytesRead)
}
