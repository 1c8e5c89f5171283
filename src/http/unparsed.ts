/**
 * What never became a request: its one record, and the answer that names it.
 *
 * Everything of this kind goes through `refuse`, so that a limit on such records has one place.
 * @module
 */
import { STATUS_CODES } from 'node:http'
import type { Recorder } from '../audit/recorder.ts'
import { unparsedExchange, type Exchange } from '../exchange.ts'
import { Refusal, type RefusalCode } from '../errors.ts'
import { refusalAnswer, type AnswerOptions, type RefusalAnswer } from './refusal-answer.ts'

const MESSAGES: Readonly<Partial<Record<RefusalCode, string>>> = {
  method_not_allowed: 'the method is not served here',
  expectation_failed: 'header "expect" may say 100-continue and nothing else',
  request_timeout: 'the request did not arrive in time',
  headers_too_large: 'the headers are larger than the gateway reads',
  not_ready: 'the gateway is stopping',
}
const UNREADABLE = 'this is not a request that the gateway can read'

export interface Unparsed {
  /**
   * Puts bytes that are no request on record.
   * @param what for the record: Node's code of what was wrong, or a word
   * @returns the answer, once the record is durable or cannot be
   */
  refuse(source: Exchange['source'], code: RefusalCode, what: string): Promise<RefusalAnswer>
}

export function createUnparsed(
  recorder: Recorder,
  answers: AnswerOptions,
  now: () => number,
): Unparsed {
  return {
    async refuse(source, code, what) {
      const exchange = unparsedExchange(now(), source)
      const refusal = new Refusal(code, MESSAGES[code] ?? UNREADABLE)
      await recorder
        .received({ id: exchange.id, source, what, code, status: refusal.status })
        .catch(() => undefined)
      return refusalAnswer(refusal, exchange, answers)
    },
  }
}

/**
 * An answer as bytes, for a connection that no response object belongs to.
 * @param isHead an answer to HEAD says how long its body would be, and has none (RFC 9110 section 9.3.2)
 */
export function answerBytes({ status, headers, body }: RefusalAnswer, isHead: boolean): string {
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `date: ${new Date().toUTCString()}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  return `${lines.join('\r\n')}\r\n\r\n${isHead ? '' : body}`
}
