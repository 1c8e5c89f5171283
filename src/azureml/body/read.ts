/**
 * Reads a request's body into memory, up to a limit, while it arrives.
 * @module
 */
import type { Readable } from 'node:stream'
import { Refusal } from '../../errors.ts'
import type { Progress } from '../../exchange.ts'
import { after, type Pending } from '../../lib/pending.ts'

/** RFC 9110 media types whose body is JSON in UTF-8. */
const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json(?:\s*;\s*charset="?utf-8"?)?\s*$/i

/** The headers that say what a body is, as Node has them. */
export interface BodyHeaders {
  readonly 'content-type'?: string | undefined
  readonly 'content-encoding'?: string | undefined
  readonly 'content-length'?: string | undefined
  readonly 'transfer-encoding'?: string | undefined
  readonly expect?: string | undefined
}

/** A request whose body nobody has read yet. */
export interface Incoming {
  readonly headers: BodyHeaders
  readonly stream: Readable
}

/** Whether a request has a body at all (RFC 9112 section 6.3). */
export function hasBody(headers: BodyHeaders): boolean {
  if (headers['transfer-encoding'] !== undefined) return true
  return headers['content-length'] !== undefined && headers['content-length'] !== '0'
}

/**
 * The bytes of a JSON body, at most `limit` of them: it stops reading at the limit, not after it. They count as held
 * from the start, if the head says how many they are, so that a body which there is no room for is not begun. One that
 * came with its head is not waited for.
 * @throws {Refusal} `body_too_large`, `unsupported_media_type`, `bad_request` if the caller goes away, and what `hold`
 *   throws
 */
export function readBody(
  stream: Readable,
  headers: BodyHeaders,
  limit: number,
  progress: Pick<Progress, 'hold' | 'received'>,
): Pending<Buffer> {
  // never decompressed: 250 MB of gzip is 243 KB, and a coding inside a coding is another reading of the body
  if (headers['content-encoding'] !== undefined) {
    throw new Refusal('unsupported_media_type', 'a body that policy reads must not be compressed', {
      remedy: 'send it without "content-encoding"',
    })
  }
  if (!isJson(headers['content-type'] ?? '')) {
    throw new Refusal('unsupported_media_type', 'a body that policy reads must be JSON in UTF-8', {
      remedy: 'send it as "application/json"',
    })
  }
  const announced = Number(headers['content-length'] ?? 0)
  if (announced > limit) throw tooLarge(limit)
  progress.hold(announced)
  // who asks whether to send it is told so once somebody listens to the body
  const isAwaited = headers.expect !== undefined
  if (announced > 0 && stream.readableLength === announced && !isAwaited) {
    const whole: unknown = stream.read()
    if (Buffer.isBuffer(whole)) {
      progress.received(announced)
      return whole
    }
  }
  const chunks: Buffer[] = []
  let size = 0
  const read = eachPiece(stream, (piece) => {
    size += piece.byteLength
    if (size > limit) throw tooLarge(limit)
    if (size > announced) progress.hold(Math.min(piece.byteLength, size - announced))
    chunks.push(piece)
    return size === announced
  })
  return after(read, () => {
    progress.received(size)
    const [first] = chunks
    return first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks)
  })
}

const lastJson = { type: '' }

/** Whether a media type is JSON in UTF-8: clients send the same one with each call. */
function isJson(type: string): boolean {
  if (type !== '' && type === lastJson.type) return true
  if (!JSON_TYPE.test(type)) return false
  lastJson.type = type
  return true
}

/**
 * Hands over what a stream brings, to its end. A stream that is not read to its end is left as it is: destroyed, it would
 * take the socket along, and with it the refusal.
 * @param take whether that was all that there is: its end is not waited for then
 * @throws {Refusal} `bad_request` if it ends early, and what `take` throws
 */
function eachPiece(stream: Readable, take: (piece: Buffer) => boolean): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const stop = (): void => {
    stream.off('readable', read).off('end', ended).off('error', brokeOff).off('close', brokeOff)
  }
  function read(): void {
    try {
      for (;;) {
        const piece: unknown = stream.read()
        if (piece === null) return
        if (!Buffer.isBuffer(piece)) throw new TypeError('a body is bytes')
        if (!take(piece)) continue
        ended()
        return
      }
    } catch (error) {
      if (error instanceof Refusal) {
        stop()
        reject(error)
      } else brokeOff(error)
    }
  }
  function ended(): void {
    stop()
    resolve()
  }
  function brokeOff(error?: unknown): void {
    stop()
    const message = 'the body ended before it was complete'
    reject(new Refusal('bad_request', message, { cause: error }))
  }
  if (stream.readableEnded) resolve()
  else if (stream.destroyed) brokeOff(stream.errored)
  else
    // `stop` takes them away again: `once` would make an object for each
    stream.on('readable', read).on('end', ended).on('error', brokeOff).on('close', brokeOff)
  return promise
}

function tooLarge(limit: number): Refusal {
  return new Refusal(
    'body_too_large',
    `the body is larger than the ${limit} bytes that policy may read`,
  )
}
