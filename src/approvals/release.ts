/**
 * From a change that needs a review to the proof that it has one.
 *
 * The review is of this change alone: its id is made of who makes it and of the digests of what is there now and of what
 * would be there. Another body, or another base, is another review.
 * @module
 */
import { createHash } from 'node:crypto'
import { Refusal } from '../errors.ts'
import type { ApprovalAsk } from './asks.ts'
import type { RequestDocument, Shown } from './documents.ts'
import { idStart } from './ids.ts'
import { LedgerFault } from './ledger/ledger.ts'
import { prove, type ApprovalProof } from './proof.ts'
import { standingOf, type Circumstances, type Owners, type Review, type Standing } from './state.ts'
import type { Store } from './store.ts'

/** A change as its author wants to make it. */
export interface Change {
  readonly author: string
  readonly client: string | null
  readonly call: Omit<RequestDocument['call'], 'names'>
  readonly bodyDigest: string | null
  readonly baseDigest: string | null
  readonly asks: readonly ApprovalAsk[]
  readonly policyVersion: string
  /** Id of the exchange. */
  readonly decision: string
  readonly said: Said
  /** What a request says besides; asked for if there is to be one. @throws {Refusal} */
  readonly details: () => Promise<Details>
}

export interface Details {
  /** Those who have a part in what is changed. */
  readonly authors: readonly string[]
  /** What owners are found by. */
  readonly names: readonly string[]
  readonly shown: Shown
}

/** What the author says about the change, besides making it. */
export interface Said {
  readonly reason: string | null
  readonly ticket: string | null
  /** It is only asked for a review, and not made. */
  readonly asksOnly: boolean
  /** Id of the review that the change is to be made under, and under no other; null for whichever it has. */
  readonly under: string | null
}

export interface ReleaseOptions {
  readonly store: Store
  readonly publicUrl: string
  readonly ownersOf: (call: RequestDocument['call']) => readonly Owners[]
  readonly isDenied: (principal: string) => boolean
  /** Is told of each new request. */
  readonly onRequest: (request: RequestDocument) => void
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export interface Release {
  /**
   * Takes one use of the approval.
   * @throws {Refusal} `approval_required`, `approval_rejected`, `approval_used`, `approvals_unavailable`,
   *   `review_changed` if it is another review than the one that the change is to be made under
   */
  readonly release: (change: Change) => Promise<ApprovalProof>
  /** How a use ended. @param outcome `unknown`: it may have been done */
  readonly ended: (
    use: Pick<ApprovalProof, 'review' | 'use'>,
    decision: string,
    outcome: 'success' | 'failed' | 'unknown',
    upstreamStatus: number | null,
  ) => Promise<void>
  readonly circumstancesOf: (review: Review) => Circumstances
}

export function createRelease(options: ReleaseOptions): Release {
  const { store, publicUrl, now } = options
  const seconds = (): number => Math.floor(now() / 1_000)
  const circumstancesOf = ({ request }: Review): Circumstances => ({
    now: seconds(),
    owners: options.ownersOf(request.call),
    isDenied: options.isDenied,
  })

  async function releaseOf(change: Change): Promise<ApprovalProof> {
    const subject = subjectOf(change)
    const start = idStart([subject, change.author])
    const reviews = await store.list(`${start}-`)
    const last = reviews.at(-1)
    const isNew =
      last === undefined || isOver(last, standingOf(last, circumstancesOf(last)), change)
    mustBeUnder(change, isNew ? null : last, reviews)
    const review = isNew ? await ask(change, subject, `${start}-${reviews.length + 1}`) : last
    const standing = standingOf(review, circumstancesOf(review))
    mustBeApproved(change, review, standing, { publicUrl, now: seconds() })
    return use(store, seconds(), change, review, standing)
  }

  async function ask(change: Change, subject: string, id: string): Promise<Review> {
    const own = { subject, id, iss: publicUrl, iat: seconds() }
    const request = requestOf(change, await change.details(), own)
    // somebody else may be quicker with the same request: then theirs counts
    if (await store.write(request)) options.onRequest(request)
    const review = await store.read(id)
    if (review === null) throw new LedgerFault('the ledger does not have what was just written')
    return review
  }

  return {
    circumstancesOf,
    release: releaseOf,
    async ended({ review, use: n }, decision, outcome, upstreamStatus) {
      const iat = seconds()
      await store.write({
        v: 1,
        kind: 'outcome',
        id: review,
        n,
        decision,
        outcome,
        upstreamStatus,
        iat,
      })
    },
  }
}

/** @param current the review that the change has now; null if it needs a new one */
function mustBeUnder(
  { said: { under }, asks }: Change,
  current: Review | null,
  all: readonly Review[],
): void {
  if (under === null || current?.request.id === under) return
  const policies = asks.map(({ policy }) => policy)
  const known = all.find(({ request }) => request.id === under)
  if (known !== undefined && isTaken(known)) throw usedAlready(policies)
  throw reviewChanged(under, policies)
}

/** Whether a use of it was taken that has not failed. */
export function isTaken({ uses, outcomes }: Review): boolean {
  const failed = outcomes.filter(({ outcome }) => outcome === 'failed').map(({ n }) => n)
  return uses.some(({ n }) => !failed.includes(n))
}

/** What a change was approved as is not what it is now. */
export function reviewChanged(under: string, policies: readonly string[] = []): Refusal {
  return new Refusal(
    'review_changed',
    `review ${under} is not of this change any more: what is there now has changed since, or what policy asks for`,
    { policies, remedy: 'make the call again; it says whether it needs another review' },
  )
}

function usedAlready(policies: readonly string[]): Refusal {
  return new Refusal('approval_used', 'another call has just used this approval', {
    policies,
    remedy: 'look whether it was done',
  })
}

/** @throws {Refusal} unless the review has approved the change, and the change is to be made */
function mustBeApproved(
  { asks, said }: Change,
  review: Review,
  standing: Standing,
  { publicUrl, now }: { readonly publicUrl: string; readonly now: number },
): void {
  const { request, verdicts } = review
  const policies = asks.map(({ policy }) => policy)
  const reasons = [...new Set(asks.map(({ reason }) => reason))].join('; ')
  const url = `${publicUrl}/_harness/api/reviews/${request.id}`
  const { state, until } = standing
  if (state === 'rejected') {
    const words = verdicts.findLast(({ verdict }) => verdict === 'reject')?.comment ?? null
    const why = words === null ? '' : `: ${words}`
    throw new Refusal('approval_rejected', `a reviewer rejected this change${why}`, {
      policies,
      remedy: `see ${url}, and change what was rejected`,
    })
  }
  if (state === 'damaged') throw new LedgerFault('documents of this review are missing')
  if (state === 'used') {
    throw new Refusal('approval_used', 'the approval was used, and how that ended is not known', {
      policies,
      remedy: `look whether it was done; if not, send it with "x-harness-review: request" and another "x-harness-review-reason" (review ${url})`,
    })
  }
  if (state === 'approved' && !said.asksOnly) return
  const waitsFor = state === 'approved' ? [] : inWords(standing, request)
  const message =
    state === 'approved'
      ? `review ${request.id} has approved this change`
      : `${reasons}: it waits for ${waitsFor.join(' and ')}`
  throw new Refusal('approval_required', message, {
    policies,
    review: {
      id: request.id,
      url,
      expires: until ?? request.exp,
      heldUntil: said.asksOnly || state === 'approved' ? null : heldUntil(request, now),
      waitsFor,
    },
    remedy:
      state === 'approved'
        ? 'make the call'
        : `review ${request.id} is at ${url} (azureml-harness approvals show ${request.id}); make the same call again when it is approved`,
  })
}

/** Until when a call is held for its review, in seconds since the epoch; null if it is not, or not any more. */
export function heldUntil({ asks, iat, exp }: RequestDocument, now: number): number | null {
  const holds = Math.min(...asks.map(({ rule }) => rule.holdMs))
  const until = Math.min(exp, iat + Math.floor(holds / 1_000))
  return now < until ? until : null
}

/** Takes one use: of all who try at the same moment, one gets it. */
async function use(
  store: Store,
  iat: number,
  { author, asks, decision }: Change,
  { request }: Review,
  { nextUse, approvers }: Standing,
): Promise<ApprovalProof> {
  const { id, subject } = request
  const document = {
    v: 1,
    kind: 'use',
    id,
    subject,
    n: nextUse,
    by: author,
    decision,
    iat,
  } as const
  const taken = await store.write(document).catch(async (error: unknown) => {
    // it may have been written all the same
    const uses = (await store.read(id))?.uses ?? []
    if (uses.some((one) => one.n === nextUse)) return uses.some((one) => one.decision === decision)
    throw error
  })
  if (!taken) throw usedAlready(asks.map(({ policy }) => policy))
  const policies = request.asks.map(({ policy }) => policy)
  return prove({ review: id, use: nextUse, policies, author, reviewers: approvers })
}

/** Whether a new review is needed: the last one cannot be used any more, and nothing is left open by it. */
function isOver(
  { request }: Review,
  { state, uncertain }: Standing,
  { asks, said: { asksOnly, reason } }: Change,
): boolean {
  // policy asks for something else by now
  if (state === 'open' || state === 'approved')
    return JSON.stringify(asksIn(request.asks)) !== JSON.stringify(asksIn(asks))
  if (state === 'expired' || state === 'withdrawn') return true
  // what is said anew about a change that was rejected, or of which nobody knows whether it was made
  if (state === 'rejected' || (state === 'used' && uncertain))
    return asksOnly && reason !== null && reason !== request.reason
  return state === 'used'
}

function requestOf(
  change: Change,
  { authors, names, shown }: Details,
  own: Pick<RequestDocument, 'subject' | 'id' | 'iss' | 'iat'>,
): RequestDocument {
  const { said, asks } = change
  const waits = Math.min(...asks.map(({ rule }) => rule.requestMs))
  return {
    v: 1,
    kind: 'request',
    ...own,
    exp: own.iat + waits / 1_000,
    author: change.author,
    authors: [...new Set([change.author, ...authors])],
    client: change.client,
    call: { ...change.call, names: [...names] },
    bodyDigest: change.bodyDigest,
    baseDigest: change.baseDigest,
    asks: asksIn(asks),
    policyVersion: change.policyVersion,
    decision: change.decision,
    reason: said.reason,
    ticket: said.ticket,
    shown,
    shownDigest: sha256(JSON.stringify(shown)),
  }
}

/** In one order, whichever they were found in. */
function asksIn(asks: readonly ApprovalAsk[]): RequestDocument['asks'] {
  return asks
    .map(({ policy, reason, rule }) => {
      const { reviewers, from, requestMs, validMs, uses, base, holdMs } = rule
      return {
        policy,
        reason,
        rule: { reviewers, from, requestMs, validMs, uses, base, holdMs },
      }
    })
    .toSorted((one, other) => (one.policy < other.policy ? -1 : 1))
}

/** What a review is of. Lengths and order are JSON's, so that no part can run into the next. */
function subjectOf({ call, bodyDigest, baseDigest, asks }: Change): string {
  const { method, action, resource, target } = call
  const strict = asks.some(({ rule }) => rule.base === 'strict')
  const base = strict ? (baseDigest ?? 'absent') : 'any'
  return sha256(
    JSON.stringify(['aml-review/1', method, action, resource, target, bodyDigest, base]),
  )
}

function inWords({ missing }: Standing, { asks }: RequestDocument): readonly string[] {
  const texts = missing.map(({ policy, have, need, groups }) => {
    if (need === 0) return 'a reason'
    const rule = asks.find((ask) => ask.policy === policy)?.rule
    const who = rule?.from === 'owners' ? 'owners' : 'people who may approve it'
    const each = groups.length === 0 ? '' : `, one of each of ${groups.length} groups`
    return `${Math.max(need - have, groups.length)}${have === 0 ? '' : ' more'} of its ${who}${each}`
  })
  return [...new Set(texts)]
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
