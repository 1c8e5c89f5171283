/**
 * The gateway's own questions to Azure: small documents, read under the identity of a grant.
 * @module
 */
import type { Dispatcher } from 'undici'
import type { Target } from '../azureml/target.ts'
import { Refusal } from '../errors.ts'
import type { Pending } from '../lib/pending.ts'
import type { Awaiting, Permit } from '../policy/decide.ts'
import type { GrantFor, ReadGrant } from '../token/grant.ts'
import type { Operation } from '../vocabulary/operation.ts'
import { readUpTo } from './answer-body.ts'
import { upstreamFault } from './transport-faults.ts'
import { failureOf } from './upstream-failure.ts'

const MAX_ANSWER_BYTES = 1024 * 1024

/** How Azure can be asked in the place of a call, under its permit, or before it has one that waits for a review. */
export interface Via {
  readonly permit: Permit | Awaiting
  readonly grantFor: GrantFor
  /** Where such a question goes, and the scope of the token that it needs there. */
  readonly route: (
    operation: Operation,
    target: Target,
  ) => Pending<{ readonly origin: string; readonly scope: string }>
}

/**
 * GETs a JSON document.
 * @param decision joins the question to the decision in Azure's own logs
 * @param signal ends the wait for several questions together
 * @returns the document; null if there is none
 * @throws {Refusal} one of the `upstream_` codes
 */
export type AskAzure = (
  grant: ReadGrant,
  decision: string,
  origin: string,
  pathAndQuery: string,
  signal?: AbortSignal,
) => Promise<unknown>

/** @param timeoutMs for the headers of an answer, and for each pause in it */
export function createAsk(dispatcher: Dispatcher, userAgent: string, timeoutMs: number): AskAzure {
  return async (grant, decision, origin, pathAndQuery, signal) => {
    let status: number
    let body: Buffer | null
    try {
      const answer = await dispatcher.request({
        origin,
        path: pathAndQuery,
        method: 'GET',
        headers: {
          accept: 'application/json',
          'accept-encoding': 'identity',
          authorization: grant.authorization(),
          'user-agent': userAgent,
          'x-ms-correlation-request-id': decision,
        },
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
        ...(signal === undefined ? {} : { signal }),
      })
      status = answer.statusCode
      if (status === 429 || status >= 500) {
        answer.body.on('error', () => undefined).destroy()
        throw failureOf(answer, 'a lookup')
      }
      body = await readUpTo(answer.body, MAX_ANSWER_BYTES)
    } catch (error) {
      if (signal?.aborted === true) {
        throw new Refusal('upstream_timeout', 'azure did not answer all lookups in time', {
          cause: error,
        })
      }
      throw error instanceof Refusal ? error : upstreamFault(error)
    }
    if (status === 404) return null
    if (status === 401 || status === 403) {
      throw new Refusal('upstream_forbidden', 'azure refused a lookup to the managed identity', {
        remedy: `the identity "${grant.identity.name}" needs to read what it looks up`,
        inner: `status ${status}`,
      })
    }
    if (status !== 200 || body === null) {
      throw new Refusal(
        'upstream_bad_answer',
        'azure answered a lookup in a way that cannot be read',
        {
          inner: `status ${status}`,
        },
      )
    }
    return parse(body)
  }
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (error) {
    throw new Refusal(
      'upstream_bad_answer',
      'azure answered a lookup in a way that cannot be read',
      {
        cause: error,
      },
    )
  }
}
