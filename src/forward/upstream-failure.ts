/**
 * What passes of Azure's answer when Azure failed or refused: code and message, in the envelope that its client reads.
 *
 * A service that fails may say where in its code (`innererror`, `debugInfo`, a stack trace after the message): that is
 * for its owner, who finds it by the request id, and for nobody else.
 * @module
 */
import { STATUS_CODES } from 'node:http'
import { Refusal } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import { answerOf, firstBytes, readUpTo, type UpstreamAnswer } from './answer-body.ts'
import { failureHeaders } from './headers.ts'

type Members = Readonly<Record<string, unknown>>

/** Codes of a 403 that speak of the request and not of the gateway's identity: these pass. */
const ABOUT_THE_REQUEST = new Set([
  'RequestDisallowedByPolicy',
  'ScopeLocked',
  'QuotaExceeded',
  'OperationNotAllowed',
  'ReadOnlyDisabledSubscription',
])
const CODE = /^[\w.-]{1,128}$/
const FORBIDDEN_CODE = /^\w{1,64}$/
const MAX_ERROR_BYTES = 64 * 1024
const MAX_MESSAGE_LENGTH = 1024
const MAX_DETAILS = 20

/** The head of an answer. */
type Head = Pick<UpstreamAnswer, 'statusCode' | 'headers'>

/**
 * The refusal in the place of an answer of which nothing but its head goes to the caller: Azure's status and throttling
 * stay, so that clients try again as they would at Azure.
 * @param inner for the record: what was wrong with its body
 */
export function failureOf(
  { statusCode, headers }: Head,
  asked: 'the call' | 'a lookup',
  inner?: string,
): Refusal {
  const words = STATUS_CODES[statusCode]
  const status = words === undefined ? String(statusCode) : `${statusCode} (${words})`
  return new Refusal('upstream_bad_answer', `azure answered ${asked} with ${status}`, {
    status: statusCode,
    headers: failureHeaders(headers),
    ...(inner === undefined ? {} : { inner }),
  })
}

/** The code and message of a failure as JSON. @throws {Refusal} `upstream_bad_answer` if it has none */
export async function failureText(answer: UpstreamAnswer): Promise<string> {
  const body = await documentOf(answer)
  const text = body === null ? null : plainError(body)
  if (text !== null) return text
  throw failureOf(answer, 'the call', 'not an error as JSON')
}

/**
 * An error that goes to its caller as it is.
 * @param limit bytes that JSON may have
 * @param hold told of its bytes before they are kept
 * @throws {Refusal} `upstream_bad_answer` if it has nothing that its caller could read, or how it broke off
 */
export async function readableError(
  answer: UpstreamAnswer,
  limit: number,
  hold: (bytes: number) => void,
): Promise<UpstreamAnswer> {
  const { statusCode, headers, isJson, stream } = answer
  if (headers['content-encoding'] !== undefined) return answer
  if (!isJson) {
    const isPage = /^(?:text\/html|application\/xhtml\+xml)\b/i.test(
      String(headers['content-type']),
    )
    if (!isPage && (await firstBytes(stream)) !== null) return answer
    throw failureOf(answer, 'the call', isPage ? 'a page' : 'no body')
  }
  const body = answer.whole ?? (await readUpTo(stream, limit, hold))
  if (body === null || parse(body) === undefined) throw failureOf(answer, 'the call', 'not JSON')
  return answerOf(statusCode, headers, body, answer.whole === null)
}

/**
 * ARM's 403 names the managed identity and its object id: only errors about the request itself pass.
 * @throws {Refusal} `upstream_forbidden` in place of all others
 */
export async function forbiddenBody(answer: UpstreamAnswer, exchange: Exchange): Promise<Buffer> {
  const body = await documentOf(answer)
  const code = body === null ? null : forbiddenCode(body)
  if (body !== null && code !== null && ABOUT_THE_REQUEST.has(code)) return body
  const identity = exchange.identity?.name ?? ''
  const action = exchange.operation?.action ?? 'this action'
  throw new Refusal(
    'upstream_forbidden',
    'policy permits this, but azure refused it to the managed identity',
    {
      headers: failureHeaders(answer.headers),
      remedy: `the identity "${identity}" needs ${action} at azure; ask an operator to run azureml-harness doctor`,
      inner: code ?? `status 403`,
    },
  )
}

/** A short body, whatever type it says; null if there is none to be had. */
export async function documentOf(answer: UpstreamAnswer): Promise<Buffer | null> {
  const { whole, stream } = answer
  // one that breaks off leaves its status
  const body = whole ?? (await readUpTo(stream, MAX_ERROR_BYTES).catch(() => null))
  return body !== null && body.byteLength <= MAX_ERROR_BYTES ? body : null
}

function forbiddenCode(body: Buffer): string | null {
  const code = membersOf(documentIn(body)?.['error'])?.['code']
  return typeof code === 'string' && FORBIDDEN_CODE.test(code) ? code : null
}

/** The error's plain form as JSON; null if the body is not an error as ARM, the data plane or MLflow write it. */
function plainError(body: Buffer): string | null {
  const document = documentIn(body)
  if (document === null) return null
  const error = membersOf(document['error'])
  if (error !== null && Object.keys(plain(error, true)).length > 0)
    return JSON.stringify({ error: plain(error, true) })
  // mlflow/protos/databricks.proto: the two fields that MLflow's clients read
  const { error_code: code } = document
  if (typeof code !== 'string' || !CODE.test(code)) return null
  return JSON.stringify({ error_code: code, ...message(document) })
}

/** Azure/azure-resource-manager-rpc v1.0 common-api-details.md, "Error response content", without what is inside. */
function plain(error: Members, outermost: boolean): object {
  const { code, details } = error
  const items =
    outermost && Array.isArray(details) ? details.slice(0, MAX_DETAILS).map(membersOf) : []
  const told = items.filter((item) => item !== null).map((item) => plain(item, false))
  return {
    ...(typeof code === 'string' && CODE.test(code) ? { code } : {}),
    ...message(error),
    ...(told.length === 0 ? {} : { details: told }),
  }
}

/** Its first line: what follows is a stack trace where there is one. */
function message({ message: text }: Members): { message?: string } {
  if (typeof text !== 'string') return {}
  return { message: (/^[^\r\n]*/.exec(text)?.[0] ?? '').slice(0, MAX_MESSAGE_LENGTH) }
}

function documentIn(body: Buffer): Members | null {
  return membersOf(parse(body))
}

/** The value that a body has as JSON; undefined if it has none. */
function parse(body: Buffer): unknown {
  try {
    // some of Azure's services begin with a byte order mark
    return JSON.parse(body.toString('utf8').replace(/^\uFEFF/, ''))
  } catch {
    return undefined
  }
}

function membersOf(value: unknown): Members | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
}
