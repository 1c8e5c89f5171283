/**
 * Azure's answer on its way back: nothing of the gateway's identity, no URL that leads past the gateway.
 * @module
 */
import type { Operation } from '../vocabulary/operation.ts'
import type { Exchange, Progress } from '../exchange.ts'
import type { Reply } from '../http/reply.ts'
import { Refusal } from '../errors.ts'
import type { Pending } from '../lib/pending.ts'
import {
  checkText,
  discard,
  isText,
  kindOf,
  refuseText,
  type UpstreamAnswer,
} from './answer-body.ts'
import { checkSingle, failureHeaders, responseHeaders, upstreamIds } from './headers.ts'
import { redactedText, sendRewritten, type Rewriter } from './rewritten.ts'
import { screened, type Screen } from './screen.ts'
import { sendBytes, sendStream } from './sending.ts'
import { failureOf, failureText, forbiddenBody, readableError } from './upstream-failure.ts'

export interface AnswerRules {
  /** Absolute URLs in headers become the gateway's, in place; throws `upstream_foreign_url`. */
  readonly rewriteHeaders: (headers: Record<string, string>, exchange: Exchange) => void
  /** Whether there is one. */
  readonly rewrites: (operation: Operation, redact: boolean) => boolean
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
  /** Where every failure ends: sends the refusal and settles the record. */
  readonly fail: (refusal: Refusal) => Promise<void>
  /** Judges what the answer tells this caller; null for answers that pass as they are. */
  readonly screen: Screen | null
}

/** The same, with what sending it takes. */
export interface Sending extends Answering {
  readonly operation: Operation
  readonly reply: Reply
  readonly rules: AnswerRules
}

/**
 * Sends the answer, or throws the refusal to be sent instead.
 * Larger answers than `holdBytes`, or than there is room for, are streamed while they are checked; a URL that must not
 * pass then cuts the connection, because half an answer cannot become an error any more.
 */
export function sendAnswer(answer: UpstreamAnswer, sending: Sending): Pending<void> {
  const { exchange, progress, operation } = sending
  progress.answered(answer.statusCode, upstreamIds(answer.headers))
  const kind = kindOf(answer, exchange.method, operation)
  if (answer.statusCode < 400) checkSingle(answer.headers)
  switch (kind) {
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
    case 'own-error':
      return sendOwnError(answer, sending)
    case 'empty':
      return sendHead(answer, sending)
    case 'json':
    case 'stream':
      return sendBody(answer, sending)
  }
}

/** Azure refused or failed: its code and message pass, its inside and the gateway's identity do not. */
async function sendError(answer: UpstreamAnswer, sending: Sending): Promise<void> {
  const { exchange } = sending
  if (answer.statusCode === 401) {
    throw new Refusal('upstream_rejected_identity', "azure rejected the gateway's identity", {
      remedy: 'ask an operator to run azureml-harness doctor',
    })
  }
  if (answer.statusCode === 403) {
    sendWhole(await forbiddenBody(answer, exchange), 403, failureHeaders(answer.headers), sending)
    return
  }
  const text = await failureText(answer)
  sendWhole(text, answer.statusCode, failureHeaders(answer.headers), sending)
}

/** Azure refused in words that go to the caller as they are, if they can be read. */
async function sendOwnError(answer: UpstreamAnswer, sending: Sending): Promise<void> {
  const { exchange, progress, rules } = sending
  const hold = (bytes: number): void => progress.hold(bytes)
  try {
    checkSingle(answer.headers)
    if (exchange.method === 'HEAD') sendHead(answer, sending)
    else await sendPassed(await readableError(answer, rules.holdBytes, hold), sending)
  } catch (error) {
    if (!(error instanceof Refusal) || !error.code.startsWith('upstream_')) throw error
    throw failureOf(answer, 'the call', error.detail.inner ?? error.message)
  }
}

/** An error of Azure's as JSON. */
function sendWhole(
  body: Buffer | string,
  status: number,
  headers: Record<string, string>,
  sending: Sending,
): void {
  const { exchange, rules } = sending
  headers['content-type'] = 'application/json; charset=utf-8'
  sendBytes(
    status,
    headers,
    exchange.redact ? redactedText(body, rules.textRedactor()) : body,
    sending,
  )
}

/** RFC 9110 section 8.6: the length of what a GET would be answered, or none. */
function sendHead(answer: UpstreamAnswer, sending: Sending): void {
  const { operation, exchange, rules } = sending
  discard(answer)
  const headers = responseHeaders(answer.headers)
  rules.rewriteHeaders(headers, exchange)
  const rewrites =
    answer.statusCode >= 500 ||
    (answer.isJson ? rules.rewrites(operation, exchange.redact) : exchange.redact && isText(answer))
  const length = answer.headers['content-length']
  if (typeof length === 'string' && (length === '0' || !rewrites))
    headers['content-length'] = length
  sendBytes(answer.statusCode, headers, null, sending)
}

/** Passes on what the caller may see of the body, rewritten where it is JSON that holds URLs or secrets. */
function sendBody(received: UpstreamAnswer, sending: Sending): Pending<void> {
  const { progress, screen, rules } = sending
  if (screen === null || received.statusCode >= 300) return sendPassed(received, sending)
  const hold = (bytes: number): void => progress.hold(bytes)
  return screened(received, screen, rules.holdBytes, hold).then((answer) =>
    sendPassed(answer, sending),
  )
}

/** Passes on all of an answer. */
function sendPassed(answer: UpstreamAnswer, sending: Sending): Pending<void> {
  const { operation, exchange, rules } = sending
  const headers = responseHeaders(answer.headers)
  rules.rewriteHeaders(headers, exchange)
  const rewriter = rules.rewriter(operation, exchange.redact)
  if (rewriter !== null) checkReadable(answer, rewriter)
  if (rewriter !== null && answer.isJson) return sendRewritten(answer, rewriter, headers, sending)
  const mustBeJson = rewriter !== null && (rewriter.needsJson || rewriter.redacts)
  return mustBeJson && answer.statusCode < 400
    ? refuseText(answer, !rewriter.redacts).then(() => sendOther(answer, headers, sending))
    : sendOther(answer, headers, sending)
}

/** Passes on what is no JSON to be looked through. */
function sendOther(
  answer: UpstreamAnswer,
  headers: Record<string, string>,
  sending: Sending,
): Pending<void> {
  const { exchange, rules } = sending
  if (exchange.redact && isText(answer)) {
    checkText(answer)
    return sendRewritten(answer, rules.textRedactor(), headers, sending)
  }
  if (answer.whole !== null) {
    sendBytes(answer.statusCode, headers, answer.whole, sending)
    return
  }
  const length = answer.headers['content-length']
  if (typeof length === 'string') headers['content-length'] = length
  sendStream(answer.statusCode, headers, answer.stream, sending)
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
