/**
 * What passes of Azure's answer when Azure failed or refused.
 * @module
 */
import { Refusal } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import { readUpTo } from './chunks.ts'
import { isJson, type UpstreamAnswer } from './answer-body.ts'
import { plainError } from './upstream-error.ts'

/** Codes of a 403 that speak of the request and not of the gateway's identity: these pass. */
const ABOUT_THE_REQUEST = new Set([
  'RequestDisallowedByPolicy',
  'ScopeLocked',
  'QuotaExceeded',
  'OperationNotAllowed',
  'ReadOnlyDisabledSubscription',
])
const MAX_ERROR_BYTES = 64 * 1024

/** The code and message of a failure as JSON. @throws {Refusal} `upstream_bad_answer` if it has none */
export async function failureText(answer: UpstreamAnswer): Promise<string> {
  const body = isJson(answer) ? await readUpTo(answer.stream, MAX_ERROR_BYTES) : null
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
  const body = isJson(answer) ? await readUpTo(answer.stream, MAX_ERROR_BYTES) : null
  const code = body === null ? null : errorCode(body)
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

function errorCode(body: Buffer): string | null {
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'))
    if (typeof parsed !== 'object' || parsed === null || !('error' in parsed)) return null
    const { error } = parsed
    if (typeof error !== 'object' || error === null || !('code' in error)) return null
    return typeof error.code === 'string' && /^\w{1,64}$/.test(error.code) ? error.code : null
  } catch {
    return null
  }
}
