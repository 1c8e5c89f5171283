/**
 * The HTTP client that credentials send with: it can be aborted, remembers how an attempt failed, and keeps
 * managed-identity tokens out of the library's own cache.
 * @module
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import http from 'node:http'
import https from 'node:https'
import { createDefaultHttpClient } from '@azure/core-rest-pipeline'
import type { HttpClient, PipelineResponse } from '@azure/core-rest-pipeline'
import { codeOf } from '../lib/error-code.ts'
import { retryAfterMs } from '../lib/http.ts'
import { fieldsOf, type Members } from '../lib/strict-json.ts'

/** What the last answer said, or how it failed to come. Holds no token and no text of the other side. */
export interface Attempt {
  readonly status: number | null
  /** `ECONNREFUSED`, ...: Node's word for a failure of the network. */
  readonly code: string | null
  readonly retryAfterMs: number
  /** OAuth's `error` (RFC 6749 section 5.2), if it is one of those that are asked about. */
  readonly error: 'invalid_grant' | 'interaction_required' | null
  /** Entra's claims challenge, JSON text. */
  readonly claims: string | null
}

const NOTHING: Attempt = { status: null, code: null, retryAfterMs: 0, error: null, claims: null }

interface Sending {
  readonly signal: AbortSignal
  readonly now: () => number
  attempt: Attempt
}

/**
 * MSAL keeps the first client that a managed identity was used with for the whole process, so that there can be but
 * one: which attempt it sends for follows the asynchronous context.
 */
const sending = new AsyncLocalStorage<Sending>()
const inner = createDefaultHttpClient()

// A token is fetched twice an hour: by then a kept connection is a stale one, which fails when it is used. The
// library's own `disableKeepAlive` picks Node's global agent, which has kept connections since Node 19.
const httpAgent = new http.Agent({ keepAlive: false })
const httpsAgent = new https.Agent({ keepAlive: false })

/** The client to give to every credential; it sends inside `attempting` only. */
export const httpClient: HttpClient = {
  async sendRequest(request) {
    const current = sending.getStore()
    if (current === undefined) throw new TypeError('a credential was used outside an attempt')
    request.abortSignal = current.signal
    request.agent = request.url.startsWith('http:') ? httpAgent : httpsAgent
    try {
      const response = await inner.sendRequest(request)
      current.attempt = describe(response, current.now)
      return request.method === 'GET' ? uncacheable(response) : response
    } catch (error) {
      const code = codeOf(error, 'failed')
      current.attempt = { ...NOTHING, code }
      throw error
    }
  },
}

/**
 * Runs one attempt. `signal` ends all that it sends: @azure/identity ignores signals and has no time-outs.
 * The value is null if the attempt threw, whose error is dropped: the library's errors hold requests, answers and
 * secrets, and what may be known of them is in the second part of the result.
 */
export async function attempting<T>(
  signal: AbortSignal,
  now: () => number,
  run: () => Promise<T>,
): Promise<readonly [T | null, Attempt]> {
  const current: Sending = { signal, now, attempt: NOTHING }
  try {
    return [await sending.run(current, run), current.attempt]
  } catch {
    return [null, current.attempt]
  }
}

/**
 * MSAL keeps managed-identity tokens in a cache of the process that cannot be cleared: it would answer an early
 * refresh, or the call after Azure refused a token, with the very token that is to be replaced. Without
 * `expires_on` the token counts as expired there. The broker has its own cache and reads `exp` from the token.
 */
function uncacheable(response: PipelineResponse): PipelineResponse {
  const body = new Map(parse(response))
  if (!body.delete('expires_on') || !body.has('access_token')) return response
  return { ...response, bodyAsText: JSON.stringify(Object.fromEntries(body)) }
}

function describe(response: PipelineResponse, now: () => number): Attempt {
  const { status } = response
  const wait = retryAfterMs(response.headers.get('retry-after'), now()) ?? 0
  if (status < 400) return { ...NOTHING, status, retryAfterMs: wait }
  const body = parse(response)
  const error = body.get('error')
  const claims = body.get('claims')
  return {
    status,
    code: null,
    retryAfterMs: wait,
    error: error === 'invalid_grant' || error === 'interaction_required' ? error : null,
    claims: typeof claims === 'string' ? claims : null,
  }
}

function parse(response: PipelineResponse): Members {
  try {
    return fieldsOf(JSON.parse(response.bodyAsText ?? ''))
  } catch {
    // no JSON: an answer without any of the fields that are looked for
    return new Map()
  }
}
