/**
 * An answer goes out to the caller, whole or as it comes; what of it is sent is on record.
 * @module
 */
import type { Readable } from 'node:stream'
import type { Exchange, Progress } from '../exchange.ts'
import type { Reply } from '../http/reply.ts'
import { Refusal } from '../errors.ts'
import { upstreamFault } from './transport-faults.ts'

/** The call that is answered. */
export interface Answered {
  readonly exchange: Exchange
  readonly progress: Progress
  readonly reply: Reply
  /** Where every failure ends: sends the refusal and settles the record. */
  readonly fail: (refusal: Refusal) => Promise<void>
}

export function sendBytes(
  status: number,
  headers: Record<string, string>,
  body: Buffer | string | null,
  { exchange, progress, reply }: Answered,
): void {
  progress.replying(status)
  if (body !== null) progress.sent(Buffer.byteLength(body))
  reply.send(status, withIds(headers, exchange), body)
}

export function sendStream(
  status: number,
  headers: Record<string, string>,
  stream: Readable,
  { exchange, progress, reply, fail }: Answered,
): void {
  // it broke off while the record was awaited: nobody is told of it any more
  if (stream.destroyed) throw broken(stream.errored ?? new Error('aborted'))
  progress.replying(status)
  // counted beside the sending, so that a slow reader still slows the sender
  stream.on('data', (chunk: Buffer) => progress.sent(chunk.byteLength))
  // too late for an answer, not for the record
  stream.on('error', (error) => progress.broke(broken(error)))
  reply.stream(status, withIds(headers, exchange), stream, (error) => void fail(broken(error)))
}

/** How an answer broke off. */
export function broken(error: Error): Refusal {
  return error instanceof Refusal ? error : upstreamFault(error)
}

/** An answer names the decision it comes from, for whoever asks about it. */
function withIds(headers: Record<string, string>, { id }: Exchange): Record<string, string> {
  headers['x-harness-decision-id'] = id
  headers['x-ms-correlation-request-id'] = id
  return headers
}
