/**
 * Every way this gateway refuses a request: one class and one closed table of codes.
 *
 * The client gets `code`, `message` and the decision (http/refusal-answer.ts); the rest of the detail goes to the record.
 * @module
 */

/**
 * The closed table. Removing or renaming a code is a breaking change: clients and dashboards branch on it.
 * RFC 6750 section 3.1 decides between 400, 401 and 403 for tokens.
 */
export const STATUS = {
  // the request itself
  bad_request: 400,
  bad_path: 400,
  bad_query: 400,
  bad_header: 400,
  bad_host: 400,
  bad_body: 400,
  missing_api_version: 400,
  invalid_request: 400,
  misdirected_request: 421,
  unknown_operation: 404,
  not_found: 404,
  endpoint_unknown: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  body_too_large: 413,
  target_too_long: 414,
  unsupported_media_type: 415,
  expectation_failed: 417,
  too_many_requests: 429,
  headers_too_large: 431,
  // the token
  missing_token: 401,
  invalid_token: 401,
  expired_token: 401,
  unknown_issuer: 401,
  wrong_audience: 401,
  malformed_claims: 401,
  no_principal: 401,
  insufficient_claims: 401,
  invalid_dpop_proof: 401,
  revoked: 401,
  sign_in_failed: 401,
  // the decision
  insufficient_scope: 403,
  cross_site_request: 403,
  guest_refused: 403,
  groups_unresolved: 403,
  policy_refused: 403,
  policy_error: 403,
  fact_unknown: 403,
  secrets_refused: 403,
  tunnel_refused: 403,
  // a review
  approval_required: 403,
  approval_rejected: 403,
  approval_used: 409,
  review_changed: 409,
  approvals_unavailable: 503,
  // upstream, its tokens and its answers
  upstream_forbidden: 403,
  upstream_rejected_identity: 502,
  upstream_unreachable: 502,
  upstream_reset: 502,
  upstream_bad_answer: 502,
  upstream_foreign_url: 502,
  upstream_redirect: 502,
  upstream_timeout: 504,
  identity_mismatch: 502,
  // what the gateway itself depends on
  idp_unavailable: 503,
  graph_unavailable: 503,
  identity_unavailable: 503,
  audit_unavailable: 503,
  not_ready: 503,
  overloaded: 503,
  internal_error: 500,
} as const

/** A refusal's machine-readable code. */
export type RefusalCode = keyof typeof STATUS

const OF_POLICY: ReadonlySet<RefusalCode> = new Set([
  'policy_refused',
  'secrets_refused',
  'policy_error',
  'fact_unknown',
  'approval_required',
  'approval_rejected',
])

/** Whether policy refused, and not the request, a token or something that failed. */
export function isOfPolicy(code: RefusalCode): boolean {
  return OF_POLICY.has(code)
}

/** A review that a call waits for. */
export interface ReviewOf {
  readonly id: string
  readonly url: string
  /** When it ends, in seconds since the epoch. */
  readonly expires: number
  /** Until when the call is held, in seconds since the epoch; null if it is not. */
  readonly heldUntil: number | null
  /** What it still misses, in words. */
  readonly waitsFor: readonly string[]
}

/** A call that waits for its review as an operation that runs, instead of being refused. */
export interface Held {
  /** 201 for PUT, 202 for others: what clients of Azure Resource Manager take for an operation that runs. */
  readonly status: 201 | 202
  /** URL that its caller polls. */
  readonly operation: string
  /** Document that answers a PUT. */
  readonly body: object | null
}

/** What a refusal may carry besides its code and message. None of it may hold a token, a key or a claim's value. */
export interface RefusalDetail {
  /** What the reader can do next: one sentence, lower case, no full stop. */
  readonly remedy?: string
  /** Ids of the policies that decided. */
  readonly policies?: readonly string[]
  readonly review?: ReviewOf
  /** Of a call that is held: it is answered like an operation that has begun. */
  readonly held?: Held
  /** Seconds after which to try again: becomes `Retry-After`. */
  readonly retryAfter?: number
  /** The status with which Azure refused or failed, in the place of the code's own. */
  readonly status?: number
  /** Headers of Azure's answer that go to the caller with it. */
  readonly headers?: Readonly<Record<string, string>>
  /** A base64 claims request, for clients that can take one (`xms_cc` has `cp1`). */
  readonly claims?: string
  /** For the record only, never on the wire: what exactly was wrong. */
  readonly inner?: string
  readonly cause?: unknown
}

/** The command that asks for a grant which would permit a refused call. @param word as `azureml-harness why` takes it */
export const requestCommand = (word: string): string =>
  `azureml-harness access request ${word} --reason "..."`

/**
 * The one error class of refusals, for every stage to throw. The pipeline answers with it, unless a stage has caught it:
 * for an entry to leave out of a list, a token to fetch again, or an answer that has begun and can only break off.
 */
export class Refusal extends Error {
  override readonly name: string = 'Refusal'
  readonly code: RefusalCode
  readonly status: number
  readonly detail: RefusalDetail

  constructor(code: RefusalCode, message: string, detail: RefusalDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause })
    this.code = code
    this.status = detail.held?.status ?? detail.status ?? STATUS[code]
    this.detail = detail
  }
}

/** Whatever was thrown as a refusal: a fault of the gateway never lets a request through, and its text is never sent. */
export function toRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  return new Refusal('internal_error', 'the gateway failed to judge this request', {
    cause: error,
    inner: error instanceof Error ? `${error.name}: ${error.message}` : typeof error,
  })
}
