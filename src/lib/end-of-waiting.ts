/**
 * When waiting for the end of something ends.
 * @module
 */

/** Node's own AbortSignal.any and AbortSignal.timeout can be garbage before they fire. */
export function endOfWaiting(afterMs: number, hasten: AbortSignal): AbortSignal {
  const over = new AbortController()
  const timer = setTimeout(() => over.abort(), afterMs)
  timer.unref()
  hasten.addEventListener('abort', () => over.abort(), { once: true })
  if (hasten.aborted) over.abort()
  return over.signal
}

export const never = (): AbortSignal => new AbortController().signal
