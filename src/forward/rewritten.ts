/**
 * Answers that are looked through: what a rewriter lets pass of them goes out at once if there is room to hold it, so that
 * what must not pass is refused, and else as it comes.
 * @module
 */
import { Readable } from 'node:stream'
import { AnswerBytes, isReleased, release } from '../lib/json/answer-bytes.ts'
import type { Pending } from '../lib/pending.ts'
import { bytesOf, WHOLE_BYTES, type UpstreamAnswer } from './answer-body.ts'
import { passedBytes } from '../lib/young-garbage.ts'
import { broken, sendBytes, sendStream, type Answered } from './sending.ts'

/** Of a longer document that is here already, what is looked through in one go: a fraction of a millisecond. */
const SLICE_BYTES = 64 * 1024

/** Changes bytes on their way: throws a refusal on what must not pass. */
export interface Rewriter {
  /** Adds to `out` what can be sent on. */
  write(chunk: Buffer, out: AnswerBytes): void
  end(out: AnswerBytes): void
  /** It removes something: what it cannot read must not pass. */
  readonly redacts: boolean
  /** What it reads has to be JSON: clients follow URLs in it. */
  readonly needsJson: boolean
}

type Rewriting = Pick<Rewriter, 'write' | 'end'>

interface Sending extends Answered {
  /** An answer up to this is checked whole before its first byte leaves. */
  readonly rules: { readonly holdBytes: number }
}

/** A text as it may be shown. */
export function redactedText(text: Buffer | string, rewriter: Rewriting): Buffer {
  const out = new AnswerBytes()
  rewriter.write(Buffer.from(text), out)
  rewriter.end(out)
  return out.take()
}

/** Sends what a rewriter makes of an answer. */
export function sendRewritten(
  answer: UpstreamAnswer,
  rewriter: Rewriting,
  headers: Record<string, string>,
  sending: Sending,
): Pending<void> {
  const { pieces, isHeld } = answer
  const { progress, rules } = sending
  const length = pieces === null ? Infinity : lengthOf(pieces)
  const isShort = length <= Math.min(rules.holdBytes, WHOLE_BYTES)
  if (pieces === null || !isShort || !(isHeld || progress.mayHold(length)))
    return new LongAnswer(answer, rewriter, headers, sending).send()
  const out = new AnswerBytes(length)
  for (const piece of pieces) rewriter.write(piece, out)
  rewriter.end(out)
  sendHeld(answer, headers, out, sending, pieces)
}

function lengthOf(pieces: readonly Buffer[]): number {
  let length = 0
  for (const piece of pieces) length += piece.byteLength
  return length
}

/**
 * Sends all of an answer; its memory is given back when it is out.
 * @param came what Azure sent of it: given back at once if there is a copy of all of it
 */
function sendHeld(
  { statusCode, isHeld }: UpstreamAnswer,
  headers: Record<string, string>,
  out: AnswerBytes,
  sending: Sending,
  came: readonly Buffer[],
): void {
  const { isOwn } = out
  const bytes = out.take()
  // one that was screened is of memory that others may have, too
  if (isOwn && !isHeld) came.forEach(release)
  sendBytes(statusCode, headers, bytes, sending)
  if (isReleased(bytes) && (isOwn || !isHeld)) sending.reply.onceClosed(() => release(bytes))
}

/**
 * A long answer, whose parts are looked through as they come. It is held as long as there is room, and then goes out at
 * once; one that there is no room for is checked as it streams, like one that is too large.
 */
class LongAnswer {
  readonly #answer: UpstreamAnswer
  readonly #source: Readable
  readonly #rewriter: Rewriting
  readonly #headers: Record<string, string>
  readonly #sending: Sending
  readonly #out: AnswerBytes
  readonly #begun = Promise.withResolvers<void>()
  /** What goes out as it comes; null as long as all is held. */
  #stream: Readable | null = null
  /** What came of Azure as long as all is held: its memory is given back once there is a copy of all of it. */
  #came: Buffer[] | null
  #over = false

  constructor(
    answer: UpstreamAnswer,
    rewriter: Rewriting,
    headers: Record<string, string>,
    sending: Sending,
  ) {
    this.#answer = answer
    const { whole } = answer
    this.#source = whole === null ? answer.stream : slicesOf(whole)
    this.#rewriter = rewriter
    this.#headers = headers
    this.#sending = sending
    this.#came = whole === null ? [] : null
    this.#out = new AnswerBytes(expectedOf(answer, sending.rules.holdBytes))
  }

  /** Resolves when it has gone out, or has begun to. @throws what is to be answered instead */
  send(): Promise<void> {
    const source = this.#source
    if (source.destroyed) this.#fail(broken(source.errored ?? new Error('aborted')))
    else if (source.readableEnded) this.#end()
    else {
      source.on('data', (chunk: unknown) => this.#part(chunk))
      source.once('end', () => this.#end())
      // it is read here, where what goes wrong with it is Azure's failure and not the gateway's
      source.on('error', (error) => this.#fail(broken(error)))
      source.once('close', () => {
        if (!this.#over) this.#fail(broken(new Error('aborted')))
      })
      source.resume()
    }
    return this.#begun.promise
  }

  #part(chunk: unknown): void {
    if (this.#over) return
    const { length } = this.#out
    try {
      const bytes = bytesOf(chunk)
      this.#rewriter.write(bytes, this.#out)
      if (this.#came === null) passedBytes(bytes.byteLength)
      else this.#came.push(bytes)
      if (this.#stream === null) this.#hold(this.#out.length - length)
      else if (!this.#pass(this.#stream)) this.#source.pause()
    } catch (error) {
      this.#fail(error)
    }
  }

  #hold(more: number): void {
    const { progress, rules } = this.#sending
    const hasRoom = this.#answer.isHeld || progress.mayHold(more)
    if (hasRoom && this.#out.length <= rules.holdBytes) return
    const source = this.#source
    this.#came = null
    this.#stream = new Readable({
      highWaterMark: SLICE_BYTES,
      read: () => void source.resume(),
      destroy(error, done) {
        source.destroy()
        done(error)
      },
    })
    this.#pass(this.#stream)
    sendStream(this.#answer.statusCode, this.#headers, this.#stream, this.#sending)
    this.#begun.resolve()
  }

  /** @returns whether there is room for more */
  #pass(stream: Readable): boolean {
    const bytes = this.#out.take()
    return bytes.byteLength === 0 || stream.push(bytes)
  }

  #end(): void {
    if (this.#over) return
    try {
      this.#rewriter.end(this.#out)
      if (this.#stream === null) {
        sendHeld(this.#answer, this.#headers, this.#out, this.#sending, this.#came ?? [])
      } else {
        this.#pass(this.#stream)
        this.#stream.push(null)
      }
      this.#over = true
      this.#begun.resolve()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    if (this.#over) return
    this.#over = true
    if (this.#stream === null) this.#begun.reject(error)
    else this.#stream.destroy(error instanceof Error ? error : new Error('failed'))
    this.#source.destroy()
  }
}

/** Bytes that an answer says it has, as far as they would be held. */
function expectedOf({ whole, headers }: UpstreamAnswer, most: number): number {
  if (whole !== null) return whole.byteLength
  const length = Number(headers['content-length'])
  return length <= most ? length : SLICE_BYTES
}

/** A long document in parts, with other calls served in between. */
function slicesOf(whole: Buffer): Readable {
  let at = 0
  return new Readable({
    highWaterMark: SLICE_BYTES,
    read() {
      const from = at
      at += SLICE_BYTES
      setImmediate(() => {
        if (!this.destroyed) this.push(from < whole.byteLength ? whole.subarray(from, at) : null)
      })
    },
  })
}
