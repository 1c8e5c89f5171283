/**
 * The operation that a held call is to its author: what a poll is answered, and the call itself once it is approved.
 * @module
 */
import type { HeldCalls } from '../approvals/held-calls.ts'
import { heldUntil, isTaken } from '../approvals/release.ts'
import type { Review, Standing } from '../approvals/state.ts'
import type { Store } from '../approvals/store.ts'
import type { StartedDocument } from '../approvals/documents.ts'
import type { KeptAnswer } from '../http/kept-reply.ts'
import { isObject, parseStrictJson } from '../lib/strict-json.ts'
import type { MakeHeld } from '../access/own-calls.ts'

export interface HeldOptions {
  readonly store: Pick<Store, 'read' | 'started' | 'write'>
  readonly held: HeldCalls
  readonly publicUrl: string
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** An operation's status, in the words of Azure Resource Manager. */
export interface Status {
  readonly status: 'InProgress' | 'Succeeded' | 'Failed'
  readonly error?: { readonly code: string; readonly message: string }
}

/** What a poll does: it is answered at once, asks Azure, or makes the call. */
export interface Poll {
  readonly makes: boolean
  readonly status: () => Promise<object>
}

/** A use of which nobody knows the end yet: the call is being made by another poll. */
const MAKING_SECONDS = 600

export async function pollOf(
  options: HeldOptions,
  review: Review,
  standing: Standing,
  make: MakeHeld,
): Promise<Poll> {
  const { id } = review.request
  const started = (await options.store.started(id)).toSorted((one, other) => one.n - other.n).at(-1)
  if (started !== undefined) return { makes: false, status: async () => follow(started, make) }
  if (standing.state === 'approved')
    return { makes: true, status: async () => makeCall(options, review, make) }
  const status = statusOf(review, standing, Math.floor(options.now() / 1_000))
  // the body is of no use any more
  if (status.status === 'Failed') await options.held.forget(id)
  return { makes: false, status: async () => status }
}

/** What Azure says of the operation that the call has begun. */
async function follow({ status, operation }: StartedDocument, make: MakeHeld): Promise<object> {
  if (status >= 400)
    return failed('held_call_failed', `the call was made, and answered with status ${status}`)
  if (operation === null) return { status: 'Succeeded' }
  const answer = await make({
    method: 'GET',
    target: operation,
    headers: { accept: 'application/json' },
    body: Buffer.alloc(0),
  })
  if (answer === null) return { status: 'InProgress' }
  const document = jsonIn(answer)
  if (answer.status >= 400) {
    // its status could not be read now: that says nothing of the operation
    if (answer.status === 429 || answer.status >= 500) return { status: 'InProgress' }
    return failedAs(answer)
  }
  if (isObject(document) && typeof document['status'] === 'string') return document
  return { status: answer.status === 202 ? 'InProgress' : 'Succeeded' }
}

/** Makes the call, by the token of the poll and the policies in force. */
async function makeCall(
  { store, held, publicUrl, now }: HeldOptions,
  { request }: Review,
  make: MakeHeld,
): Promise<object> {
  const { id } = request
  const call = await held.read(id)
  if (call === null)
    return failed('approval_required', 'it is approved and no longer held: make the call again')
  // under this review alone: what has another by now, or needs none, is for its author to make anew
  const answer = await make({ ...call, headers: { ...call.headers, 'x-harness-review': id } })
  if (answer === null) return uncertain()
  const decision = answer.headers['x-harness-decision-id']
  const review = await store.read(id)
  const use = review?.uses.find((one) => one.decision === decision)
  if (use === undefined || decision === undefined)
    // another poll may have made it at this moment
    return review !== null && isTaken(review) ? { status: 'InProgress' } : unmade(answer)
  const operation = operationIn(answer, publicUrl)
  const { status } = answer
  const iat = Math.floor(now() / 1_000)
  await store.write({ v: 1, kind: 'started', id, n: use.n, decision, status, operation, iat })
  await held.forget(id)
  if (status >= 400) return failedAs(answer)
  return { status: operation === null ? 'Succeeded' : 'InProgress' }
}

/** No use was taken: it is refused by now, or cannot be judged at this moment. */
function unmade(answer: KeptAnswer): object {
  const { code } = errorIn(answer)
  // the call is still held, or it is being made
  const later = ['approval_used', 'approvals_unavailable', 'overloaded', 'too_many_requests']
  return later.includes(code) || answer.status >= 500 ? { status: 'InProgress' } : failedAs(answer)
}

function uncertain(): Status {
  return failed('approval_used', 'the call was made, and how it ended is not known: look')
}

/** A status that follows from the review alone. */
function statusOf(
  { request, verdicts, uses, outcomes }: Review,
  { state }: Standing,
  now: number,
): Status {
  if (state === 'open')
    return heldUntil(request, now) === null
      ? failed(
          'approval_required',
          `nobody has approved it in time; make the call again when review ${request.id} is approved`,
        )
      : { status: 'InProgress' }
  if (state === 'rejected') {
    const words = verdicts.findLast(({ verdict }) => verdict === 'reject')?.comment ?? null
    return failed(
      'approval_rejected',
      `a reviewer rejected this change${words === null ? '' : `: ${words}`}`,
    )
  }
  if (state === 'used') {
    const last = uses.toSorted((one, other) => one.n - other.n).at(-1)
    const end = outcomes.find(({ n }) => n === last?.n)
    if (end?.outcome === 'success') return { status: 'Succeeded' }
    if (end === undefined && last !== undefined && now < last.iat + MAKING_SECONDS)
      return { status: 'InProgress' }
    return uncertain()
  }
  return failed('approval_required', `review ${request.id} is ${state}; make the call again`)
}

function failed(code: string, message: string): Status {
  return { status: 'Failed', error: { code, message } }
}

function failedAs(answer: KeptAnswer): Status {
  return { status: 'Failed', error: errorIn(answer) }
}

function errorIn(answer: KeptAnswer): { readonly code: string; readonly message: string } {
  const document = jsonIn(answer)
  const error = isObject(document) && isObject(document['error']) ? document['error'] : {}
  const { code, message } = error
  return {
    code: typeof code === 'string' ? code : 'held_call_failed',
    message:
      typeof message === 'string' ? message : `the call was answered with status ${answer.status}`,
  }
}

function jsonIn({ body }: KeptAnswer): unknown {
  return parseStrictJson(body)
}

/** Where the operation is polled, as a path at the gateway; null if the answer says that it is done. */
function operationIn({ headers, status }: KeptAnswer, publicUrl: string): string | null {
  const url = headers['azure-asyncoperation'] ?? (status === 202 ? headers['location'] : undefined)
  return url?.startsWith(`${publicUrl}/`) === true ? url.slice(publicUrl.length) : null
}
