/**
 * Azure's answer as it arrives: what kind of one it is, and its bytes.
 * @module
 */
import { Readable } from 'node:stream'
import { Refusal } from '../errors.ts'
import type { Operation } from '../vocabulary/operation.ts'
import { upstreamFault } from './transport-faults.ts'

/** Azure's answer, its body whole or still coming. */
export interface UpstreamAnswer {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Its body is JSON, or has no type: clients of several languages take that for JSON. */
  readonly isJson: boolean
  /** The body of a short answer in the pieces that it came in, perhaps none; null if it is read from `stream` as it comes. */
  readonly pieces: readonly Buffer[] | null
  /** The same in one piece; made when it is first asked for. */
  readonly whole: Buffer | null
  /** Its bytes count already among those that are held for its caller. */
  readonly isHeld: boolean
  /** The body in either case; made when it is first asked for. */
  readonly stream: Readable
}

/**
 * What is done with an answer:
 * - `redirect`: refused, the gateway follows nothing
 * - `hop`: refused, it is about the gateway's connection
 * - `error`: Azure refused or failed, of which only code and message pass
 * - `own-error`: Azure or an endpoint's model refused the request, in an answer that passes if it can be read
 * - `empty`: of a HEAD, a head without a body
 * - `json`: passed on, with its URLs rewritten and its secrets removed where the operation says so
 * - `stream`: passed on as it is
 */
export type AnswerKind = 'redirect' | 'hop' | 'error' | 'own-error' | 'empty' | 'json' | 'stream'

/**
 * Statuses that speak of the connection between the gateway and Azure, which is none of the caller's: protocols (101, and
 * any other 1xx as a last answer; 426, 505), a proxy's sign-in (407) or a network's (511), the host that was connected to
 * (421), TLS early data (425), and headers that the gateway itself chooses (417, 431). All others speak of the request:
 * 408, 411, 413 and 414 too, because its target and body are the caller's.
 */
const OF_THE_CONNECTION = new Set([407, 417, 421, 425, 426, 431, 505, 511])

/** The kind of an answer to a call. */
export function kindOf(
  { statusCode, isJson }: UpstreamAnswer,
  method: string,
  { family }: Operation,
): AnswerKind {
  if (statusCode < 200 || OF_THE_CONNECTION.has(statusCode)) return 'hop'
  // ARM uses `Location` on 201 and 202 too; only a 3xx other than 304 asks the client to go elsewhere
  if (statusCode >= 300 && statusCode < 400 && statusCode !== 304) return 'redirect'
  if (statusCode === 401 || statusCode === 403) return 'error'
  if (method === 'HEAD') return statusCode < 400 ? 'empty' : 'own-error'
  if (statusCode >= 400) {
    // what an endpoint's model says of a request is the model's answer to its caller, in text too unless it failed
    if (family === 'scoring') return isJson || statusCode < 500 ? 'own-error' : 'error'
    return isJson && statusCode < 500 ? 'own-error' : 'error'
  }
  return isJson ? 'json' : 'stream'
}

/** Answers up to this are handed over as a whole: a stream costs more than holding their bytes. */
export const WHOLE_BYTES = 128 * 1024

const NOTHING = Buffer.alloc(0)
const JSON_TYPE = /^(?:application|text)\/([\w.+-]+\+)?json\b/i

/** A class, because one is made for each call. */
class ReceivedAnswer implements UpstreamAnswer {
  readonly statusCode: number
  readonly headers: UpstreamAnswer['headers']
  readonly isJson: boolean
  readonly isHeld: boolean
  #pieces: readonly Buffer[] | null
  #stream: Readable | null

  constructor(
    statusCode: number,
    headers: UpstreamAnswer['headers'],
    body: readonly Buffer[] | Readable,
    isHeld: boolean,
  ) {
    this.statusCode = statusCode
    this.headers = headers
    const type = headers['content-type']
    this.isJson = type === undefined || type === '' || JSON_TYPE.test(String(type))
    const isStream = body instanceof Readable
    this.#pieces = isStream ? null : body
    this.isHeld = isHeld
    this.#stream = isStream ? body : null
  }

  get pieces(): readonly Buffer[] | null {
    return this.#pieces
  }

  get whole(): Buffer | null {
    const pieces = this.#pieces
    if (pieces === null) return null
    const whole = pieces.length > 1 ? Buffer.concat(pieces) : (pieces[0] ?? NOTHING)
    if (pieces.length > 1) this.#pieces = [whole]
    return whole
  }

  get stream(): Readable {
    this.#stream ??= Readable.from((this.#pieces ?? []).filter(({ length }) => length > 0))
    return this.#stream
  }
}

/**
 * @param body what has come of it: all, in one or more pieces, or a stream
 * @param isHeld whether its bytes count already among those that are held for its caller
 */
export function answerOf(
  statusCode: number,
  headers: UpstreamAnswer['headers'],
  body: Buffer | readonly Buffer[] | Readable,
  isHeld = false,
): UpstreamAnswer {
  return new ReceivedAnswer(statusCode, headers, Buffer.isBuffer(body) ? [body] : body, isHeld)
}

/** An answer whose body never came to its end: reading it fails with `error`. */
export function brokenOff(
  { statusCode, headers }: Pick<UpstreamAnswer, 'statusCode' | 'headers'>,
  error: Error,
): UpstreamAnswer {
  const stream = new Readable({ read: () => stream.destroy(error) })
  return answerOf(statusCode, headers, stream)
}

/** Nobody reads the body of this answer. */
export function discard(answer: Pick<UpstreamAnswer, 'pieces' | 'stream'>): void {
  if (answer.pieces === null) answer.stream.on('error', () => undefined).destroy()
}

/**
 * The chunks of an answer. It is read here, where what goes wrong with it is Azure's failure and not the gateway's.
 * @throws {Refusal} how the answer broke off
 */
export async function* chunksOf(stream: Readable): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of stream) yield bytesOf(chunk)
  } catch (error) {
    throw error instanceof Refusal ? error : upstreamFault(error)
  }
}

/**
 * A whole answer; null if it is longer than `limit` bytes.
 * @param hold told of the bytes of each chunk before it is kept
 */
export async function readUpTo(
  stream: Readable,
  limit: number,
  hold: (bytes: number) => void = () => undefined,
): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of chunksOf(stream)) {
    size += chunk.byteLength
    if (size > limit) return null
    hold(chunk.byteLength)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** A stream's chunks have no type of their own. */
export function bytesOf(chunk: unknown): Buffer {
  if (Buffer.isBuffer(chunk)) return chunk
  throw new Refusal('internal_error', 'the gateway failed to read the answer', {
    inner: `chunk of type ${typeof chunk}`,
  })
}

/** Types of bytes that no client takes for text. */
const BINARY =
  /^(?:(?:image|audio|video|font|model)\/|application\/(?:octet-stream|(?:x-)?(?:zip|gzip|tar|7z-compressed|bzip2|xz|pdf|hdf5?|protobuf|parquet|avro|pickle|wasm|zip-compressed)|vnd\.(?:apache\.|openxmlformats|ms-)[\w.-]+)\s*(?:;|$))/i

/** Whether a client could read it as text; what has an unknown type is text. */
export function isText({ headers }: UpstreamAnswer): boolean {
  return !BINARY.test(String(headers['content-type']))
}

/** @throws {Refusal} `upstream_bad_answer` for text that cannot be looked through */
export function checkText({ statusCode, headers }: UpstreamAnswer): void {
  if (statusCode === 206)
    throw new Refusal('upstream_bad_answer', 'a part of a document cannot be looked through')
  const coding = headers['content-encoding']
  const charset =
    /charset\s*=\s*"?([^\s";]+)/i.exec(String(headers['content-type']))?.[1] ?? 'utf-8'
  if (coding !== undefined || !/^(?:utf-?8|us-ascii|iso-8859-\d+|windows-125\d)$/i.test(charset))
    throw new Refusal(
      'upstream_bad_answer',
      'azure answered with text that cannot be looked through',
    )
}

const MAX_SPACE_BYTES = 1024
/** RFC 8259 section 2: what a document may begin with, behind space and a byte order mark. */
const BEGINS_JSON = /^(?:\uFEFF|\xEF\xBB\xBF)?[\s\0]*(?:$|["[{])/

/**
 * Refuses an answer that has to be JSON and does not say that it is. Only nothing at all may pass, and bytes that say
 * that they are bytes and do not begin as JSON: no client looks for a URL in those.
 * @param bytesPass whether those may pass
 */
export async function refuseText(answer: UpstreamAnswer, bytesPass: boolean): Promise<void> {
  const { stream } = answer
  const first = await firstBytes(stream)
  if (first === null) return
  if (bytesPass && !isText(answer) && !BEGINS_JSON.test(first.toString('latin1'))) return
  throw new Refusal('upstream_bad_answer', 'azure answered with something else than JSON', {
    inner: String(answer.headers['content-type']).slice(0, 64),
  })
}

/** The beginning of a stream, which stays in it; null if it has nothing. */
export async function firstBytes(stream: Readable): Promise<Buffer | null> {
  for (;;) {
    const chunk: unknown = stream.read()
    if (chunk !== null) {
      const begun = bytesOf(chunk)
      stream.unshift(begun)
      return begun.subarray(0, MAX_SPACE_BYTES)
    }
    if (stream.readableEnded) return null
    if (stream.destroyed) throw upstreamFault(stream.errored ?? new Error('aborted'))
    await readable(stream)
  }
}

function readable(stream: Readable): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const done = (): void => {
    stream.off('readable', done).off('end', done).off('error', fail).off('close', done)
    resolve()
  }
  const fail = (error: Error): void => {
    done()
    reject(upstreamFault(error))
  }
  stream.once('readable', done).once('end', done).once('error', fail).once('close', done)
  return promise
}
