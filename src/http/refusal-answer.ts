/**
 * A refusal as its reader expects it: ARM's error envelope, or MLflow's on MLflow routes.
 * @module
 */
import { overruled, type Exchange } from '../exchange.ts'
import type { Help } from '../config/schema/help.ts'
import {
  isOfPolicy,
  requestCommand,
  type Held,
  type Refusal,
  type RefusalCode,
  type ReviewOf,
} from '../errors.ts'

/** A refusal ready to be sent. */
export interface RefusalAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What of the gateway's configuration a challenge names (RFC 9728 section 5.1; RFC 6750 section 3). */
interface Challenge {
  readonly publicUrl: string
  /** Where the callers' tokens come from, for clients that read `authorization_uri` (Azure's do). */
  readonly authorizationUri: string | null
}

/** What answers say besides their refusal. */
export interface AnswerOptions extends Challenge {
  /** Whom a caller can ask. */
  readonly help: Help | null
  /** How the caller can ask why; null if nobody could tell. */
  readonly why: (exchange: Exchange) => {
    readonly path: string
    readonly word: string
    /** Whether the caller may ask for a grant that would permit the call. */
    readonly asks: boolean
  } | null
  /** Of the policies that decided, those that the caller may know by name. */
  readonly namesTold: (exchange: Exchange, policies: readonly string[]) => readonly string[]
}

/** Refusals besides 401 that RFC 6750 section 3.1 has a challenge for. */
const CHALLENGED: ReadonlySet<RefusalCode> = new Set(['invalid_request', 'insufficient_scope'])

/**
 * Builds the answer. The inner reason stays inside: only code, message, remedy and decision go out.
 * @param inArmsForm whatever the route: of a request that broke off, its sender may be another than its route's clients
 */
export function refusalAnswer(
  refusal: Refusal,
  exchange: Exchange,
  options: AnswerOptions,
  inArmsForm = false,
): RefusalAnswer {
  const headers: Record<string, string> = {
    ...refusal.detail.headers,
    'content-type': 'application/json; charset=utf-8',
    // RFC 6750 section 5.3: answers about tokens are never cached
    'cache-control': 'no-store',
    'x-harness-decision-id': exchange.id,
    'x-ms-correlation-request-id': exchange.id,
  }
  if (refusal.status === 401 || CHALLENGED.has(refusal.code)) {
    headers['www-authenticate'] = wwwAuthenticate(refusal, options)
  }
  if (refusal.detail.retryAfter !== undefined) {
    headers['retry-after'] = String(Math.max(1, Math.ceil(refusal.detail.retryAfter)))
  }
  if (refusal.detail.held !== undefined) return heldAnswer(refusal.detail.held, exchange, headers)
  const next = nextSteps(refusal, exchange, options)
  const body =
    !inArmsForm && isMlflow(exchange)
      ? mlflowBody(refusal, exchange, next)
      : armBody(refusal, exchange, next, options)
  return { status: refusal.status, headers, body: JSON.stringify(body) }
}

/**
 * Azure Resource Manager's answer to a call that takes long (Azure/azure-resource-manager-rpc v1.0, async-api-reference).
 * Clients of a PUT that is answered 202 fail at once: Python, Azure CLI and Go take only 200 and 201.
 */
function heldAnswer(
  { status, operation, body }: Held,
  { method }: Exchange,
  headers: Record<string, string>,
): RefusalAnswer {
  headers['azure-asyncoperation'] = operation
  if (method === 'POST') headers['location'] = operation
  return { status, headers, body: JSON.stringify(body ?? {}) }
}

/** What a caller whom policy refused can do next. */
interface NextSteps {
  /** Asks the gateway why, from a shell. */
  readonly command: string
  /** Asks for a grant that would permit the call; absent if none is offered. */
  readonly request?: string
  /** Asks the same of any replica. */
  readonly url: string
  readonly contact: string | null
  readonly contactUrl: string | null
}

function nextSteps(
  refusal: Refusal,
  exchange: Exchange,
  { publicUrl, help, why }: AnswerOptions,
): NextSteps | null {
  // where a review is needed, the refusal itself says where it is
  const ofReview = refusal.code === 'approval_required' || refusal.code === 'approval_rejected'
  const asked = isOfPolicy(refusal.code) && !ofReview ? why(exchange) : null
  if (asked === null) return null
  return {
    command: `azureml-harness why ${asked.word}`,
    ...(asked.asks ? { request: requestCommand(asked.word) } : {}),
    url: `${publicUrl}${asked.path}`,
    contact: help?.contact ?? null,
    contactUrl: help?.url?.replace('{decision}', exchange.id) ?? null,
  }
}

/** Commands that are said with a refusal. */
interface Said {
  /** Says more; null if none does. */
  readonly command: string | null
  /** Asks for access; undefined if none is offered. */
  readonly request: string | undefined
}

/** The refusal in one sentence, each part of which says something else. */
function sentence(refusal: Refusal, next: NextSteps | null, { command, request }: Said): string {
  const { remedy } = refusal.detail
  const parts = [refusal.message, ...(remedy === undefined ? [] : [remedy])]
  if (next?.contact != null)
    parts.push(`ask ${next.contact}${next.contactUrl === null ? '' : `, ${next.contactUrl}`}`)
  if (command !== null) parts.push(`more: ${command}`)
  if (request !== undefined) parts.push(`ask for it: ${request}`)
  return parts.join('; ')
}

/** Azure/azure-resource-manager-rpc v1.0 common-api-details.md, "Error response content". */
function armBody(
  refusal: Refusal,
  exchange: Exchange,
  next: NextSteps | null,
  { namesTold }: AnswerOptions,
): object {
  const { operation, decision } = exchange
  const judged = overruled(exchange) === null ? decision : null
  return {
    error: {
      code: refusal.code,
      message: sentence(refusal, next, {
        command: next?.command ?? null,
        request: next?.request,
      }),
      ...(operation === null ? {} : { target: operation.resource.id }),
      additionalInfo: [
        {
          type: 'AzureMLHarnessDecision',
          info: {
            decisionId: exchange.id,
            ...(operation === null
              ? {}
              : { action: operation.action, resource: operation.resource.id }),
            policyIds: namesTold(exchange, refusal.detail.policies ?? judged?.policies ?? []),
            policyVersion: decision?.version ?? null,
            ...(refusal.detail.review === undefined
              ? {}
              : { review: reviewOf(refusal.detail.review) }),
            // the message says why; SDKs print both
            ...(next === null ? {} : { access: next }),
          },
        },
      ],
    },
  }
}

function reviewOf({ id, url, expires, waitsFor }: ReviewOf): object {
  return { id, url, waitsFor, expires: new Date(expires * 1_000).toISOString() }
}

/** MLflow's clients read `error_code` and `message` only; an ARM envelope shows as INTERNAL_ERROR (mlflow#5846). */
function mlflowBody(refusal: Refusal, exchange: Exchange, next: NextSteps | null): object {
  // its clients show nothing else: the link is what the command takes, so that it is said once
  const command = next === null ? null : `azureml-harness why '${next.url}'`
  const request = next?.request === undefined ? undefined : requestCommand(`'${next.url}'`)
  const decision = next === null ? ` (decision ${exchange.id})` : ''
  return {
    error_code: mlflowCode(refusal.code, refusal.status),
    message: `${refusal.code}: ${sentence(refusal, next, { command, request })}${decision}`,
  }
}

/** mlflow/protos/databricks.proto, ErrorCode. */
function mlflowCode(code: RefusalCode, status: number): string {
  if (status === 401) return 'UNAUTHENTICATED'
  if (status === 403) return 'PERMISSION_DENIED'
  if (status === 404) return 'ENDPOINT_NOT_FOUND'
  if (status === 503) return 'TEMPORARILY_UNAVAILABLE'
  if (status === 429) return 'REQUEST_LIMIT_EXCEEDED'
  if (status >= 500) return 'INTERNAL_ERROR'
  return code === 'body_too_large' ? 'REQUEST_LIMIT_EXCEEDED' : 'BAD_REQUEST'
}

function isMlflow(exchange: Exchange): boolean {
  return exchange.operation?.family === 'mlflow' || exchange.target?.segments[0] === 'mlflow'
}

/** RFC 6750 section 3.1: no error code when no credentials came; Azure's clients also read `claims`. */
function wwwAuthenticate(refusal: Refusal, challenge: Challenge): string {
  const parts: string[] = []
  if (challenge.authorizationUri !== null)
    parts.push(`authorization_uri="${challenge.authorizationUri}"`)
  parts.push(`resource_metadata="${challenge.publicUrl}/.well-known/oauth-protected-resource"`)
  if (refusal.code !== 'missing_token') {
    parts.push(
      `error="${tokenError(refusal.code)}"`,
      `error_description="${quotable(refusal.message)}"`,
    )
  }
  if (refusal.detail.claims !== undefined) parts.push(`claims="${refusal.detail.claims}"`)
  // RFC 9449 section 7.1: what is wrong with a proof is said in the scheme that has proofs
  const scheme = refusal.code === 'invalid_dpop_proof' ? 'DPoP' : 'Bearer'
  return `${scheme} ${parts.join(', ')}`
}

function tokenError(code: RefusalCode): string {
  switch (code) {
    case 'invalid_request':
    case 'insufficient_claims':
    case 'insufficient_scope':
    case 'invalid_dpop_proof':
      return code
    default:
      return 'invalid_token'
  }
}

/** RFC 6750 section 3: error_description excludes quotes and backslashes. */
function quotable(text: string): string {
  return text.replace(/[^\x20-\x7e]|["\\]/g, "'")
}
