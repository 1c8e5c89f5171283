/**
 * Azure's answer on its way back: nothing of the gateway's identity, no URL that leads past the gateway.
 * @module
 */
import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { Operation } from '../vocabulary/operation.ts'
import type { Exchange, Progress } from '../exchange.ts'
import { Refusal } from '../errors.ts'
import { upstreamFault } from './transport-faults.ts'
import {
  chunksOf,
  checkText,
  isText,
  kindOf,
  refuseText,
  type UpstreamAnswer,
} from './answer-body.ts'
import { checkSingle, responseHeaders, upstreamIds } from './headers.ts'
import { screened, type Screen } from './screen.ts'
import { failureText, forbiddenBody } from './upstream-failure.ts'

/** Changes bytes on their way: throws a refusal on what must not pass. */
export interface Rewriter {
  write(chunk: Buffer): Buffer
  end(): Buffer
  /** It removes something: what it cannot read must not pass. */
  readonly redacts: boolean
  /** What it reads has to be JSON: clients follow URLs in it. */
  readonly needsJson: boolean
}

export interface AnswerRules {
  /** Absolute URLs in headers become the gateway's, in place; throws `upstream_foreign_url`. */
  readonly rewriteHeaders: (headers: Record<string, string>, exchange: Exchange) => void
  /** A rewriter for answers that hold URLs or secrets, null for those that pass untouched. */
  readonly rewriter: (operation: Operation, redact: boolean) => Rewriter | null
  /** For text that is not JSON, for callers who are shown no secrets. */
  readonly textRedactor: () => Pick<Rewriter, 'write' | 'end'>
  /** Bytes up to which an answer is checked whole before its first byte leaves. */
  readonly holdBytes: number
}

/** The call that is answered, and how. */
export interface Answering {
  readonly exchange: Exchange
  readonly progress: Progress
  /** Judges what the answer tells this caller; null for answers that pass as they are. */
  readonly screen: Screen | null
}

/** The same, with what sending it takes. */
interface Sending extends Answering {
  readonly operation: Operation
  readonly reply: FastifyReply
  readonly rules: AnswerRules
}

/**
 * Sends the answer, or throws the refusal to be sent instead.
 * Larger answers than `holdBytes`, or than there is room for, are streamed while they are checked; a URL that must not pass then
 * cuts the connection, because half an answer cannot become an error any more.
 */
export async function sendAnswer(
  answer: UpstreamAnswer,
  { exchange, progress, screen }: Answering,
  reply: FastifyReply,
  rules: AnswerRules,
): Promise<void> {
  const { operation, upstream } = exchange
  if (operation === null || upstream === null)
    throw new Refusal('internal_error', 'the gateway lost track of this request')
  progress.answered(answer.statusCode, upstreamIds(answer.headers))
  checkSingle(answer.headers)
  const sending = { exchange, progress, screen, operation, reply, rules }
  switch (kindOf(answer, exchange.method, operation)) {
    case 'redirect':
      throw new Refusal(
        'upstream_redirect',
        'azure redirected the call; the gateway does not follow',
      )
    case 'hop':
      throw new Refusal(
        'upstream_bad_answer',
        `azure answered ${answer.statusCode}, which is about its connection with the gateway`,
        { remedy: 'ask an operator to look at what stands between the gateway and azure' },
      )
    case 'error':
      return sendError(answer, sending)
    case 'empty':
      return sendHead(answer, sending)
    case 'json':
    case 'stream':
      return sendBody(answer, sending)
  }
}

/** Azure refused or failed: its code and message pass, its inside and the gateway's identity do not. */
async function sendError(answer: UpstreamAnswer, sending: Sending): Promise<void> {
  const { exchange, rules } = sending
  if (answer.statusCode === 401) {
    throw new Refusal('upstream_rejected_identity', "azure rejected the gateway's identity", {
      remedy: 'ask an operator to run azureml-harness doctor',
    })
  }
  if (answer.statusCode === 403) {
    sendWhole(await forbiddenBody(answer, exchange), 403, {}, sending)
    return
  }
  const text = await failureText(answer)
  const headers = responseHeaders(answer.headers)
  rules.rewriteHeaders(headers, exchange)
  sendWhole(text, answer.statusCode, headers, sending)
}

/** An error of Azure's as JSON. */
function sendWhole(
  body: Buffer | string,
  status: number,
  headers: Record<string, string>,
  sending: Sending,
): void {
  const { exchange, progress, reply, rules } = sending
  const whole = exchange.redact ? redacted(body, rules) : body
  progress.sent(Buffer.byteLength(whole))
  headers['content-type'] = 'application/json; charset=utf-8'
  start(status, headers, sending)
  reply.send(whole)
}

function redacted(body: Buffer | string, { textRedactor }: AnswerRules): Buffer {
  const text = textRedactor()
  return Buffer.concat([text.write(Buffer.from(body)), text.end()])
}

/** RFC 9110 section 8.6: the length of what a GET would be answered, or none. */
function sendHead(answer: UpstreamAnswer, sending: Sending): void {
  const { operation, exchange, reply, rules } = sending
  answer.stream.on('error', () => undefined).resume()
  const headers = responseHeaders(answer.headers)
  rules.rewriteHeaders(headers, exchange)
  const rewrites =
    answer.statusCode >= 500 ||
    (answer.isJson
      ? rules.rewriter(operation, exchange.redact) !== null
      : exchange.redact && isText(answer))
  const length = answer.headers['content-length']
  if (typeof length === 'string' && (length === '0' || !rewrites))
    headers['content-length'] = length
  start(answer.statusCode, headers, sending)
  reply.send()
}

/** Passes on what the caller may see of the body, rewritten where it is JSON that holds URLs or secrets. */
async function sendBody(received: UpstreamAnswer, sending: Sending): Promise<void> {
  const { operation, exchange, progress, screen, reply, rules } = sending
  const judged = screen !== null && received.statusCode < 300
  const hold = (bytes: number): void => progress.hold(bytes)
  const answer = judged ? await screened(received, screen, rules.holdBytes, hold) : received
  const headers = responseHeaders(answer.headers)
  rules.rewriteHeaders(headers, exchange)
  const rewriter = rules.rewriter(operation, exchange.redact)
  if (rewriter !== null) checkReadable(answer, rewriter)
  if (rewriter !== null && answer.isJson) {
    await sendRewritten(rewrite(answer.stream, rewriter), answer.statusCode, headers, sending)
    return
  }
  if (rewriter !== null && answer.statusCode < 400 && (rewriter.needsJson || rewriter.redacts))
    await refuseText(answer, !rewriter.redacts)
  if (exchange.redact && isText(answer)) {
    checkText(answer)
    const text = rewrite(answer.stream, rules.textRedactor())
    await sendRewritten(text, answer.statusCode, headers, sending)
    return
  }
  const length = answer.headers['content-length']
  if (typeof length === 'string') headers['content-length'] = length
  start(answer.statusCode, headers, sending)
  reply.send(metered(answer.stream, progress))
}

async function sendRewritten(
  chunks: AsyncGenerator<Buffer>,
  status: number,
  headers: Record<string, string>,
  sending: Sending,
): Promise<void> {
  const { progress, reply, rules } = sending
  const held: Buffer[] = []
  let size = 0
  for (;;) {
    const next = await chunks.next()
    if (next.done === true) {
      progress.sent(size)
      start(status, { ...headers, 'content-length': String(size) }, sending)
      reply.send(Buffer.concat(held))
      return
    }
    held.push(next.value)
    size += next.value.byteLength
    // one that there is no room for is checked as it streams, like one that is too large
    if (size > rules.holdBytes || !progress.mayHold(next.value.byteLength)) break
  }
  start(status, headers, sending)
  reply.send(metered(Readable.from(continued(held, chunks)), progress))
}

async function* continued(
  held: readonly Buffer[],
  rest: AsyncGenerator<Buffer>,
): AsyncGenerator<Buffer> {
  yield* held
  yield* rest
}

async function* rewrite(
  stream: Readable,
  rewriter: Pick<Rewriter, 'write' | 'end'>,
): AsyncGenerator<Buffer> {
  for await (const chunk of chunksOf(stream)) {
    const out = rewriter.write(chunk)
    if (out.byteLength > 0) yield out
  }
  const rest = rewriter.end()
  if (rest.byteLength > 0) yield rest
}

/** Counts what leaves; a listener beside the pipe, so that a slow reader still slows the sender. */
function metered(stream: Readable, progress: Progress): Readable {
  stream.on('data', (chunk: Buffer) => progress.sent(chunk.byteLength))
  // too late for an answer, not for the record
  stream.on('error', (error) =>
    progress.broke(error instanceof Refusal ? error : upstreamFault(error)),
  )
  return stream
}

function start(
  status: number,
  headers: Record<string, string>,
  { progress, exchange, reply }: Sending,
): void {
  progress.replying(status)
  void reply.code(status).headers({
    ...headers,
    'x-harness-decision-id': exchange.id,
    'x-ms-correlation-request-id': exchange.id,
  })
}

/** What has to be looked through has to be whole, plain JSON: a caller may ask for ranges and other types. */
function checkReadable(answer: UpstreamAnswer, rewriter: Rewriter): void {
  const { statusCode, headers, isJson } = answer
  const type = String(headers['content-type'])
  if (statusCode === 206 && (isJson || rewriter.redacts || /^multipart\//i.test(type))) {
    throw new Refusal('upstream_bad_answer', 'a part of a document cannot be looked through')
  }
  if (isJson && headers['content-encoding'] !== undefined) {
    throw new Refusal(
      'upstream_bad_answer',
      'azure compressed an answer that was asked for uncompressed',
    )
  }
}
