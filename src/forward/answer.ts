/**
 * Azure's answer on its way back: nothing of the gateway's identity, no URL that leads past the gateway.
 * @module
 */
import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { Operation } from '../vocabulary/operation.ts'
import type { Exchange } from '../exchange.ts'
import { Refusal } from '../errors.ts'
import { chunksOf } from './chunks.ts'
import { upstreamFault } from './transport-faults.ts'
import { isJson, isRedirect, type UpstreamAnswer } from './answer-body.ts'
import { checkSingle, responseHeaders, upstreamIds } from './headers.ts'
import { screened, type Screen } from './screen.ts'
import { failureText, forbiddenBody } from './upstream-failure.ts'

/** Changes bytes on their way: throws a refusal on what must not pass. */
export interface Rewriter {
  write(chunk: Buffer): Buffer
  end(): Buffer
  /** It removes something: what it cannot read must not pass. */
  readonly redacts: boolean
}

export interface AnswerRules {
  /** Absolute URLs in headers become the gateway's, in place; throws `upstream_foreign_url`. */
  readonly rewriteHeaders: (headers: Record<string, string>, exchange: Exchange) => void
  /** A rewriter for answers that hold URLs or secrets, null for those that pass untouched. */
  readonly rewriter: (operation: Operation, redact: boolean) => Rewriter | null
  /** Bytes up to which an answer is checked whole before its first byte leaves. */
  readonly holdBytes: number
}

/**
 * Sends the answer, or throws the refusal to be sent instead.
 * Larger answers than `holdBytes` are streamed while they are checked; a URL that must not pass then
 * cuts the connection, because half an answer cannot become an error any more.
 */
export async function sendAnswer(
  received: UpstreamAnswer,
  { exchange, screen }: { readonly exchange: Exchange; readonly screen: Screen | null },
  reply: FastifyReply,
  rules: AnswerRules,
): Promise<void> {
  const { operation, upstream } = exchange
  if (operation === null || upstream === null)
    throw new Refusal('internal_error', 'the gateway lost track of this request')
  let answer = received
  upstream.status = answer.statusCode
  upstream.ids = upstreamIds(answer.headers)
  checkSingle(answer.headers)
  if (isRedirect(answer))
    throw new Refusal('upstream_redirect', 'azure redirected the call; the gateway does not follow')
  if (answer.statusCode === 401) {
    throw new Refusal('upstream_rejected_identity', "azure rejected the gateway's identity", {
      remedy: 'ask an operator to run azureml-harness doctor',
    })
  }
  if (answer.statusCode === 403) {
    await sendForbidden(answer, exchange, reply)
    return
  }
  if (exchange.method === 'HEAD') {
    sendHead(answer, operation, exchange, reply, rules)
    return
  }
  // what an endpoint's model says of its failure is the model's answer to its caller
  if (answer.statusCode >= 500 && (operation.family !== 'scoring' || !isJson(answer))) {
    await sendFailure(answer, exchange, reply, rules)
    return
  }
  if (screen !== null && answer.statusCode < 300)
    answer = await screened(answer, screen, rules.holdBytes)
  const headers = responseHeaders(answer.headers)
  rules.rewriteHeaders(headers, exchange)
  const rewriter = rules.rewriter(operation, exchange.redact)
  if (rewriter !== null) checkReadable(answer, rewriter)
  if (rewriter === null || !isJson(answer)) {
    const length = answer.headers['content-length']
    if (typeof length === 'string') headers['content-length'] = length
    start(reply, answer.statusCode, headers, exchange)
    reply.send(metered(answer.stream, exchange))
    return
  }
  await sendRewritten(
    rewrite(answer.stream, rewriter),
    answer.statusCode,
    headers,
    exchange,
    reply,
    rules.holdBytes,
  )
}

/** RFC 9110 section 8.6: the length of what a GET would be answered, or none. */
function sendHead(
  answer: UpstreamAnswer,
  operation: Operation,
  exchange: Exchange,
  reply: FastifyReply,
  rules: AnswerRules,
): void {
  answer.stream.on('error', () => undefined).resume()
  const headers = responseHeaders(answer.headers)
  rules.rewriteHeaders(headers, exchange)
  const rewrites =
    answer.statusCode >= 500 ||
    (isJson(answer) && rules.rewriter(operation, exchange.redact) !== null)
  const length = answer.headers['content-length']
  if (typeof length === 'string' && (length === '0' || !rewrites))
    headers['content-length'] = length
  start(reply, answer.statusCode, headers, exchange)
  reply.send()
}

async function sendRewritten(
  chunks: AsyncGenerator<Buffer>,
  status: number,
  headers: Record<string, string>,
  exchange: Exchange,
  reply: FastifyReply,
  holdBytes: number,
): Promise<void> {
  const held: Buffer[] = []
  let size = 0
  for (;;) {
    const next = await chunks.next()
    if (next.done === true) {
      exchange.bytesOut = size
      start(reply, status, { ...headers, 'content-length': String(size) }, exchange)
      reply.send(Buffer.concat(held))
      return
    }
    held.push(next.value)
    size += next.value.byteLength
    if (size > holdBytes) break
  }
  start(reply, status, headers, exchange)
  reply.send(metered(Readable.from(continued(held, chunks)), exchange))
}

async function* continued(
  held: readonly Buffer[],
  rest: AsyncGenerator<Buffer>,
): AsyncGenerator<Buffer> {
  yield* held
  yield* rest
}

async function* rewrite(stream: Readable, rewriter: Rewriter): AsyncGenerator<Buffer> {
  for await (const chunk of chunksOf(stream)) {
    const out = rewriter.write(chunk)
    if (out.byteLength > 0) yield out
  }
  const rest = rewriter.end()
  if (rest.byteLength > 0) yield rest
}

/** Counts what leaves; a listener beside the pipe, so that a slow reader still slows the sender. */
function metered(stream: Readable, exchange: Exchange): Readable {
  stream.on('data', (chunk: Buffer) => {
    exchange.bytesOut += chunk.byteLength
  })
  stream.on('error', (error) => {
    exchange.cut = true
    // too late for an answer, not for the record
    exchange.refusal ??= error instanceof Refusal ? error : upstreamFault(error)
  })
  return stream
}

function start(
  reply: FastifyReply,
  status: number,
  headers: Record<string, string>,
  exchange: Exchange,
): void {
  exchange.status = status
  void reply.code(status).headers({
    ...headers,
    'x-harness-decision-id': exchange.id,
    'x-ms-correlation-request-id': exchange.id,
  })
}

/** Azure failed: its code and message pass, its inside does not. */
async function sendFailure(
  answer: UpstreamAnswer,
  exchange: Exchange,
  reply: FastifyReply,
  rules: AnswerRules,
): Promise<void> {
  const text = await failureText(answer)
  const headers = responseHeaders(answer.headers)
  rules.rewriteHeaders(headers, exchange)
  headers['content-type'] = 'application/json; charset=utf-8'
  exchange.bytesOut = Buffer.byteLength(text)
  start(reply, answer.statusCode, headers, exchange)
  reply.send(text)
}

async function sendForbidden(
  answer: UpstreamAnswer,
  exchange: Exchange,
  reply: FastifyReply,
): Promise<void> {
  const body = await forbiddenBody(answer, exchange)
  exchange.bytesOut = body.byteLength
  start(reply, 403, { 'content-type': 'application/json; charset=utf-8' }, exchange)
  reply.send(body)
}

/** What has to be looked through has to be whole, plain JSON: a caller may ask for ranges and other types. */
function checkReadable(answer: UpstreamAnswer, rewriter: Rewriter): void {
  const { statusCode, headers } = answer
  const type = String(headers['content-type'])
  if (statusCode === 206 && (isJson(answer) || rewriter.redacts || /^multipart\//i.test(type))) {
    throw new Refusal('upstream_bad_answer', 'a part of a document cannot be looked through')
  }
  if (isJson(answer) && headers['content-encoding'] !== undefined) {
    throw new Refusal(
      'upstream_bad_answer',
      'azure compressed an answer that was asked for uncompressed',
    )
  }
  if (!isJson(answer) && rewriter.redacts && statusCode < 300 && statusCode !== 204) {
    throw new Refusal('upstream_bad_answer', 'an answer with secrets in it is not JSON')
  }
}
