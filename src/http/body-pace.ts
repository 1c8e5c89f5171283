/**
 * The least pace of a request's body: who sends slower holds memory and a connection for nothing.
 * @module
 */
import type { IncomingMessage } from 'node:http'

const LOOK_MS = 1_000

export interface Pace {
  readonly bytesPerSecond: number
  /** Over how long the pace is measured, so that a pause of this length is nobody's fault. */
  readonly windowMs: number
}

/** What is known of one body's window: when it began, and how much its connection had brought by then. */
interface Window {
  start: number
  bytes: number
}

/**
 * Looks once a second at the bodies that are not all here.
 * @param tooSlow called for one whose pace over its window was too low
 * @returns what ends it
 */
export function watchPace(
  { bytesPerSecond, windowMs }: Pace,
  bodies: () => Iterable<IncomingMessage>,
  tooSlow: (request: IncomingMessage) => void,
): () => void {
  const windows = new WeakMap<IncomingMessage, Window>()
  const least = (bytesPerSecond * windowMs) / 1000

  function look(now: number): void {
    for (const request of bodies()) {
      const { bytesRead } = request.socket
      const window = windows.get(request)
      // bytes that lie here unread: it is Azure or the gateway that is slow, and not the caller
      if (window === undefined || request.readableLength > 0) {
        windows.set(request, { start: now, bytes: bytesRead })
        continue
      }
      if (now - window.start < windowMs) continue
      if (bytesRead - window.bytes < least) tooSlow(request)
      else windows.set(request, { start: now, bytes: bytesRead })
    }
  }

  const timer = setInterval(() => {
    look(performance.now())
  }, LOOK_MS)
  timer.unref()
  return () => {
    clearInterval(timer)
  }
}
