/**
 * A line of the log for each call that failed because of the gateway itself, with the id of its decision.
 * @module
 */
import type { Exchange } from '../exchange.ts'
import type { Log } from '../lib/log.ts'

/** Frames of a stack name functions and files, and nothing of a call. */
const FRAME = /^\s+at (.{1,200})$/m

export function createFailureLog(log: Log): (exchange: Exchange) => void {
  return ({ id, operation, refusal }) => {
    if (refusal?.code !== 'internal_error') return
    const { cause } = refusal.detail
    const error = cause instanceof Error ? cause : null
    log(
      {
        decision: id,
        action: operation?.action ?? null,
        error: error?.name ?? null,
        at: FRAME.exec(error?.stack ?? '')?.[1] ?? null,
      },
      'a call failed in the gateway',
    )
  }
}
