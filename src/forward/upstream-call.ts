/**
 * One call to Azure on its way: the head of its answer, then a short body as a whole or a long one as a stream.
 * @module
 */
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { AnswerControl, AnswerHandler } from './http1/connection.ts'
import { answerOf, WHOLE_BYTES, type UpstreamAnswer } from './answer-body.ts'

/** The head of an answer; null if there was none and will be none. */
export type AnswerHead = Pick<UpstreamAnswer, 'statusCode' | 'headers'> | null

/** Who waits for an answer. Each is called at most once. */
export interface UpstreamListener {
  /** Before anybody else hears of the answer. */
  readonly answered: (head: AnswerHead) => void
  /** The answer, as far as it has to be here before it is looked at. */
  readonly arrived: (answer: UpstreamAnswer) => void
  /** Instead of `arrived`: there is no answer, or it broke off. Nobody is told of a call that was given up. */
  readonly failed: (error: Error, head: AnswerHead) => void
}

/** What a stream holds of a long answer. */
const STREAM_BYTES = 64 * 1024
const MAX_STATUS = 599

export class UpstreamCall implements AnswerHandler, Dispatcher.DispatchHandler {
  readonly #method: string
  readonly #listener: UpstreamListener
  readonly #settled: () => void
  #controller: AnswerControl | null = null
  #head: AnswerHead = null
  /** Its answer is short: it is handed over as a whole. */
  #isShort = false
  /** The pieces of a short answer: mostly one. */
  readonly #pieces: Buffer[] = []
  /** Of a long one. */
  #body: Body | null = null
  #over = false
  #givenUp = false

  /** @param settled called once there is the head of an answer, or will be none */
  constructor(method: string, listener: UpstreamListener, settled: () => void) {
    this.#method = method
    this.#listener = listener
    this.#settled = settled
  }

  /** Ends the call: nobody wants its answer any more. */
  giveUp(): void {
    if (this.#over || this.#givenUp) return
    this.#givenUp = true
    this.#controller?.abort(new GivenUp())
  }

  onRequestStart(controller: AnswerControl): void {
    this.#controller = controller
    if (this.#givenUp) controller.abort(new GivenUp())
  }

  onResponseStart(
    controller: AnswerControl,
    statusCode: number,
    headers: UpstreamAnswer['headers'],
  ): void {
    // 1xx: the answer itself is still to come
    if (statusCode < 200) return
    if (statusCode > MAX_STATUS) {
      controller.abort(new Error('a status that there is not'))
      return
    }
    this.#head = { statusCode, headers }
    this.#settled()
    this.#listener.answered(this.#head)
    this.#isShort = isShort(this.#method, statusCode, headers['content-length'])
    if (this.#isShort) return
    this.#body = new Body(this, controller)
    this.#listener.arrived(answerOf(statusCode, headers, this.#body))
  }

  onResponseData(controller: AnswerControl, chunk: Buffer): void {
    if (this.#isShort) this.#pieces.push(chunk)
    else if (this.#body?.push(chunk) === false) controller.pause()
  }

  onResponseEnd(): void {
    this.#over = true
    if (!this.#isShort || this.#head === null) {
      this.#body?.push(null)
      return
    }
    const { statusCode, headers } = this.#head
    this.#listener.arrived(answerOf(statusCode, headers, this.#pieces))
  }

  onResponseError(_controller: AnswerControl | null, error: Error): void {
    if (this.#over) return
    this.#over = true
    if (this.#head === null) {
      this.#settled()
      this.#listener.answered(null)
    }
    if (this.#body !== null) this.#body.destroy(error)
    else if (!this.#givenUp) this.#listener.failed(error, this.#head)
  }
}

function isShort(method: string, status: number, length: string | string[] | undefined): boolean {
  if (method === 'HEAD' || status === 204 || status === 304) return true
  return typeof length === 'string' && Number(length) <= WHOLE_BYTES
}

/** As undici names the end of a call by its caller. */
class GivenUp extends Error {
  readonly code = 'UND_ERR_ABORTED'

  constructor() {
    super('the call was given up')
  }
}

/** The body of a long answer. It asks for more as it is read, and ends the call if nobody reads it to its end. */
class Body extends Readable {
  readonly #call: UpstreamCall
  readonly #controller: AnswerControl

  constructor(call: UpstreamCall, controller: AnswerControl) {
    super({ highWaterMark: STREAM_BYTES })
    this.#call = call
    this.#controller = controller
    // whoever reads it is told by its own listener; until then its failure is nobody's
    this.on('error', () => undefined)
  }

  override _read(): void {
    this.#controller.resume()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#call.giveUp()
    done(error)
  }
}
