/**
 * What passes of Azure's answer when Azure failed or refused: code and message, in the envelope that its client reads.
 *
 * A service that fails may say where in its code (`innererror`, `debugInfo`, a stack trace after the message): that is
 * for its owner, who finds it by the request id, and for nobody else.
 * @module
 */
import { Refusal } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import { readUpTo, type UpstreamAnswer } from './answer-body.ts'

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

/** The code and message of a failure as JSON. @throws {Refusal} `upstream_bad_answer` if it has none */
export async function failureText(answer: UpstreamAnswer): Promise<string> {
  const body = await documentOf(answer)
  const text = body === null ? null : plainError(body)
  if (text !== null) return text
  throw new Refusal('upstream_bad_answer', `azure failed with status ${answer.statusCode}`, {
    inner: 'not an error as JSON',
  })
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
      remedy: `the identity "${identity}" needs ${action} at azure; ask an operator to run azureml-harness doctor`,
      inner: code ?? `status 403`,
    },
  )
}

async function documentOf(answer: UpstreamAnswer): Promise<Buffer | null> {
  if (!answer.isJson) return null
  const whole = answer.whole ?? (await readUpTo(answer.stream, MAX_ERROR_BYTES))
  return whole !== null && whole.byteLength <= MAX_ERROR_BYTES ? whole : null
}

function forbiddenCode(body: Buffer): string | null {
  const code = membersOf(parse(body)?.['error'])?.['code']
  return typeof code === 'string' && FORBIDDEN_CODE.test(code) ? code : null
}

/** The error's plain form as JSON; null if the body is not an error as ARM, the data plane or MLflow write it. */
function plainError(body: Buffer): string | null {
  const document = parse(body)
  if (document === null) return null
  const error = membersOf(document['error'])
  if (error !== null) return JSON.stringify({ error: plain(error, true) })
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

function parse(body: Buffer): Members | null {
  try {
    return membersOf(JSON.parse(body.toString('utf8')))
  } catch {
    return null
  }
}

function membersOf(value: unknown): Members | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
}
