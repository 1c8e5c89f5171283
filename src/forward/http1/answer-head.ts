/**
 * The head of an answer of HTTP/1.1 (RFC 9112): its status, its headers, and where its body ends. Whatever could be read in
 * two ways is an error, because the next answer on the connection belongs to another caller.
 * @module
 */
import { isFieldName, isFieldValue } from './header-field.ts'

/** Where a body ends: after so many bytes, after its last chunk, or with its connection. */
export type BodyEnd = number | 'chunked' | 'close'

export interface AnswerHead {
  readonly status: number
  /** By their names in lower case; a list if a header is there more than once. */
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly bodyEnd: BodyEnd
  /** Whether another request may follow on the connection, as far as the head says. */
  readonly persistent: boolean
  /** Milliseconds for which the connection is kept without a request; null if the answer does not say. */
  readonly idleMs: number | null
}

/** Bytes of a head, as Node's own parser has it. */
export const MOST_HEAD_BYTES = 16 * 1024

const STATUS_LINE = /^HTTP\/1\.([01]) (\d{3})(?: [\t\u0020-\u007e\u0080-\u00ff]*)?$/
/** Blanks around a value. */
const AROUND = /^[\t ]+|[\t ]+$/g
const LENGTH = /^\d{1,15}$/
const CLOSE = /(?:^|,)[\t ]*close[\t ]*(?:,|$)/i
const KEPT = /(?:^|[,; \t])timeout=(\d{1,6})(?:[,; \t]|$)/i

/** What is wrong with an answer; its code is what Node's parser has for it. No byte of the answer is part of the message. */
export class MalformedAnswer extends Error {
  readonly code: `HPE_${string}`

  constructor(kind: string, what: string) {
    super(what)
    this.code = `HPE_${kind}`
  }
}

/**
 * @param text latin1, from the status line on, without the empty line at its end
 * @param method of the request
 * @throws a `MalformedAnswer`
 */
export function answerHead(text: string, method: string): AnswerHead {
  const lines = text.split('\r\n')
  const [, minor, digits] = STATUS_LINE.exec(lines[0] ?? '') ?? []
  if (digits === undefined)
    throw new MalformedAnswer('INVALID_CONSTANT', 'the status line is not valid')
  const status = Number(digits)
  const headers: Record<string, string | string[]> = {}
  for (let at = 1; at < lines.length; at++) add(headers, lines[at] ?? '')
  const { connection, 'keep-alive': kept } = headers
  const seconds = typeof kept === 'string' ? KEPT.exec(kept)?.[1] : undefined
  return {
    status,
    headers,
    bodyEnd: bodyEndOf(status, method, headers),
    persistent: minor === '1' && !says(connection, CLOSE),
    idleMs: seconds === undefined ? null : Number(seconds) * 1000,
  }
}

function add(headers: Record<string, string | string[]>, line: string): void {
  const colon = line.indexOf(':')
  const name = line.slice(0, Math.max(colon, 0)).toLowerCase()
  // this refuses a folded line, too (RFC 9112 section 5.2)
  if (!isFieldName(name))
    throw new MalformedAnswer('INVALID_HEADER_TOKEN', 'the name of a header is not valid')
  const value = line.slice(colon + 1).replace(AROUND, '')
  if (!isFieldValue(value))
    throw new MalformedAnswer(
      'INVALID_HEADER_TOKEN',
      'a header has characters that are not allowed',
    )
  const before = Object.hasOwn(headers, name) ? headers[name] : undefined
  if (before === undefined) headers[name] = value
  else if (typeof before === 'string') headers[name] = [before, value]
  else before.push(value)
}

function bodyEndOf(
  status: number,
  method: string,
  { 'content-length': length, 'transfer-encoding': coding }: AnswerHead['headers'],
): BodyEnd {
  if (length !== undefined && (typeof length !== 'string' || !LENGTH.test(length)))
    throw new MalformedAnswer('INVALID_CONTENT_LENGTH', 'content-length is not a number')
  if (coding !== undefined) {
    if (length !== undefined)
      throw new MalformedAnswer(
        'UNEXPECTED_CONTENT_LENGTH',
        'it has both content-length and transfer-encoding',
      )
    if (typeof coding !== 'string' || coding.toLowerCase() !== 'chunked')
      throw new MalformedAnswer(
        'INVALID_TRANSFER_ENCODING',
        'transfer-encoding is not just chunked',
      )
  }
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return 0
  if (coding !== undefined) return 'chunked'
  return length === undefined ? 'close' : Number(length)
}

function says(header: string | string[] | undefined, what: RegExp): boolean {
  if (header === undefined) return false
  return what.test(typeof header === 'string' ? header : header.join(','))
}
