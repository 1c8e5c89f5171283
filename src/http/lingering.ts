/**
 * The lingering close (RFC 9112 section 9.6): an answer that ends a connection before the request's body is here reaches
 * its client only if what the client still sends is read for a while. What is closed with bytes unread is reset, and a
 * reset takes the answer back.
 *
 * Nothing that is read is kept, and there are limits of bytes, of time and of connections: whoever is refused gets no more.
 * @module
 */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

export interface LingerLimits {
  /** That are read of one connection after its last answer. */
  readonly bytes: number
  /** For one connection in all. */
  readonly ms: number
}

/** Who sends nothing for so long has read the answer, or will not. */
const PAUSE_MS = 5_000
/** For a client that reads while it writes, where its body is longer than what is read. */
const UNREAD_MS = 2_000
/** What is left of it once the gateway stops. */
const STOP_MS = 2_000
/** At the same time; connections beyond that are closed at once. */
const MAX_CONNECTIONS = 256
/** A listener for the bytes themselves would take them from Node's parser, which has to find the end of the body. */
const LOOK_MS = 20

export interface Lingering {
  /**
   * Closes the gateway's side of a connection that has its last answer, and reads what its request still brings.
   * @param destroy closes the rest, once the body is here or a limit is reached
   */
  close(socket: Socket, request: IncomingMessage, destroy: () => void): void
  /** The gateway stops: what still lingers has two seconds. */
  hasten(): void
}

export function createLingering(limits: LingerLimits): Lingering {
  const ends = new Map<Socket, number>()

  function close(socket: Socket, request: IncomingMessage, destroy: () => void): void {
    if (ends.size >= MAX_CONNECTIONS || limits.bytes === 0) {
      destroy()
      return
    }
    const reads = Number(request.headers['content-length'] ?? 0) <= limits.bytes
    const begun = socket.bytesRead
    let last = { bytes: begun, at: performance.now() }
    ends.set(socket, last.at + (reads ? limits.ms : UNREAD_MS))

    const timer = setInterval(() => {
      const now = performance.now()
      const { bytesRead } = socket
      if (bytesRead > last.bytes) last = { bytes: bytesRead, at: now }
      const isOver = now > (ends.get(socket) ?? 0) || bytesRead - begun > limits.bytes
      if (isOver || (reads && now - last.at > PAUSE_MS)) finish()
    }, LOOK_MS)
    timer.unref()
    function finish(): void {
      clearInterval(timer)
      ends.delete(socket)
      if (!socket.destroyed) destroy()
    }
    socket.once('close', finish)

    socket.end()
    if (reads) {
      request.once('end', finish)
      request.resume()
    } else {
      // Node goes on to read the body once its answer is out
      setImmediate(() => socket.pause())
    }
  }

  return {
    close,
    hasten() {
      const end = performance.now() + STOP_MS
      for (const [socket, known] of ends) ends.set(socket, Math.min(known, end))
    },
  }
}
