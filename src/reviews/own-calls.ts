/**
 * Reviews by HTTP: the calls under `/_harness/api/reviews`, each judged by policy and recorded like any call.
 *
 * GET never decides anything: mail scanners and link previews follow every link.
 * @module
 */
import type { OwnCall, OwnCalls, OwnRequest } from '../access/own-calls.ts'
import type { VerdictDocument } from '../approvals/documents.ts'
import type { Release } from '../approvals/release.ts'
import { standingOf, type Review, type Standing } from '../approvals/state.ts'
import type { Store } from '../approvals/store.ts'
import type { Target } from '../azureml/target.ts'
import { Refusal } from '../errors.ts'
import type { Principal } from '../identity/principal.ts'
import type { Decide, Decision, Facts } from '../policy/decide.ts'
import { principalUids } from '../policy/engine/entities.ts'
import type { OwnersLine } from '../policy/load/owners.ts'
import { OWN_PROVIDER } from '../vocabulary/actions.ts'
import type { Operation } from '../vocabulary/operation.ts'
import { pollOf, type HeldOptions } from './held-operation.ts'
import { operationPath, POLL_SECONDS } from './hold.ts'
import type { Notifier } from './notices/notifier.ts'
import { readVerdict, type Asked } from './verdict-body.ts'
import { noticesIn, summaryOf, viewOf } from './view.ts'

export interface ReviewCallOptions extends HeldOptions {
  /** Tells the channels. */
  readonly tell: Notifier['tell']
  readonly store: Store
  readonly release: Pick<Release, 'circumstancesOf'>
  readonly decide: Decide
  readonly policyVersion: () => string
  readonly ownersOf: (call: Review['request']['call']) => OwnersLine | null
  /** Facts of a call that the gateway answers itself. */
  readonly callFacts: (principal: Principal) => Facts
}

const STATES = ['open', 'approved', 'rejected', 'withdrawn', 'expired', 'used', 'damaged']
/** Between two reminders of one review. */
const REMINDER_SECONDS = 3_600

/** Null if the target is none of theirs. */
export function createReviewCalls(options: ReviewCallOptions): OwnCalls {
  return (target, principal, decision) => {
    const [first, api, reviews, id, verdicts, ...more] = target.segments
    if (first !== '_harness' || api !== 'api' || reviews !== 'reviews') return null
    if (id === undefined) return expectGet(target, () => list(options, target, principal))
    if (verdicts === undefined) return expectGet(target, async () => show(options, id, principal))
    if (verdicts === 'operation' && more.length === 0)
      return expectGet(target, async () => poll(options, id, principal, decision))
    if (verdicts === 'reminders' && more.length === 0) {
      if (target.method !== 'POST')
        throw new Refusal('method_not_allowed', 'a reminder is sent with POST')
      return remind(options, id, principal, decision)
    }
    if (verdicts !== 'verdicts' || more.length > 0)
      throw new Refusal('unknown_operation', 'the gateway has no such route of its own')
    if (target.method !== 'POST')
      throw new Refusal('method_not_allowed', 'a verdict is sent with POST')
    return judge(options, id, principal, decision)
  }
}

function expectGet<T>({ method }: Target, make: () => T): T {
  if (method !== 'GET') throw new Refusal('method_not_allowed', 'reviews are read with GET')
  return make()
}

/** What a call about one review is to policy: something done with what the reviewed call is about. */
function operationOf(verb: 'read' | 'approve' | 'reject', review: Review | null): Operation {
  const call = review?.request.call
  return {
    action: `${OWN_PROVIDER}/reviews/${verb}`,
    effect: verb === 'read' ? 'read' : 'write',
    resource:
      call === undefined
        ? { type: 'Harness', id: '/_harness/api/reviews', ancestors: [] }
        : { ...call.resource, ancestors: call.ancestors },
    family: 'harness',
    secrets: false,
    longRunning: false,
    scope: call?.scope ?? null,
    inspectable: false,
  }
}

function ownDecision({ policyVersion }: ReviewCallOptions): Decision {
  return {
    verdict: 'permit',
    policies: [],
    reason: 'callers see the reviews that concern themselves',
    version: policyVersion(),
    shadow: [],
    facts: {},
    memberships: [],
  }
}

interface Seen {
  readonly review: Review
  readonly standing: Standing
  readonly owners: OwnersLine | null
  /** Of the owners' entities, those that the caller is or is a member of. */
  readonly groups: readonly string[]
  readonly mayReview: boolean
  readonly decision: Decision
}

/** What the caller may see of a review; null if nothing of it. */
function seen(options: ReviewCallOptions, review: Review, principal: Principal): Seen | null {
  const { request } = review
  const standing = standingOf(review, options.release.circumstancesOf(review))
  const owners = options.ownersOf(request.call)
  const own = new Set(principalUids(principal).map(({ type, id }) => `${type}::${id}`))
  const groups = (owners?.reviewers ?? [])
    .map(({ type, id }) => `${type}::${id}`)
    .filter((entity) => own.has(entity))
  const approving = options.decide(
    principal,
    operationOf('approve', review),
    options.callFacts(principal),
  )
  const byPolicy = request.asks.some(({ rule }) => rule.from === 'policy')
  const isReviewer = principal.kind === 'user' && !request.authors.includes(principal.id)
  const mayReview = isReviewer && approving.permit !== null && (byPolicy || groups.length > 0)
  if (request.author === principal.id || mayReview || groups.length > 0)
    return { review, standing, owners, groups, mayReview, decision: ownDecision(options) }
  const reading = options.decide(
    principal,
    operationOf('read', review),
    options.callFacts(principal),
  )
  if (reading.permit === null) return null
  return { review, standing, owners, groups, mayReview, decision: reading.decision }
}

function list(options: ReviewCallOptions, { params }: Target, principal: Principal): OwnCall {
  const state = params.get('state') ?? 'open'
  const to = params.get('to') ?? 'all'
  if (state !== 'all' && !STATES.includes(state))
    throw new Refusal('bad_query', `"state" is one of ${STATES.join(', ')} or all`)
  if (!['all', 'me', 'mine'].includes(to))
    throw new Refusal('bad_query', '"to" is me (to review), mine (asked for) or all')
  return {
    operation: operationOf('read', null),
    decision: ownDecision(options),
    async answer() {
      const all = await options.store.list('')
      const visible = all.flatMap((review) => seen(options, review, principal) ?? [])
      const value = visible
        .filter(({ standing }) => state === 'all' || standing.state === state)
        .filter(
          ({ review, mayReview }) =>
            to === 'all' || (to === 'me' ? mayReview : review.request.author === principal.id),
        )
        .map(({ review, standing }) => summaryOf(review, standing))
      return { value }
    },
  }
}

/** The same answer for what is not there and for what the caller may not see. */
function notFound(): Refusal {
  return new Refusal('not_found', 'there is no such review that you may see', {
    remedy: 'list yours: azureml-harness approvals list',
  })
}

async function found(options: ReviewCallOptions, id: string, principal: Principal): Promise<Seen> {
  const review = /^[a-z2-7]{16}-[1-9]\d{0,4}$/u.test(id) ? await options.store.read(id) : null
  const visible = review === null ? null : seen(options, review, principal)
  if (visible === null) throw notFound()
  return visible
}

async function show(
  options: ReviewCallOptions,
  id: string,
  principal: Principal,
): Promise<OwnCall> {
  const { review, standing, owners, mayReview, decision } = await found(options, id, principal)
  return {
    operation: operationOf('read', review),
    decision,
    answer: async () => ({
      ...viewOf(review, standing, owners, mayReview),
      notices: noticesIn(await options.store.notices(id)),
    }),
  }
}

/** Tells the channels again, for its author and its reviewers. */
async function remind(
  options: ReviewCallOptions,
  id: string,
  principal: Principal,
  { keep }: OwnRequest,
): Promise<OwnCall> {
  const { review, standing, decision } = await found(options, id, principal)
  keep({ review: id })
  if (standing.state !== 'open')
    throw new Refusal('review_changed', `this review is ${standing.state}`, {
      remedy: 'nobody is waited for any more',
    })
  const since = Math.floor(options.now() / 1_000) - REMINDER_SECONDS
  const recent = (await options.store.notices(id)).find(({ iat }) => iat > since)
  if (recent !== undefined)
    throw new Refusal('too_many_requests', 'its channels were told of it within the hour', {
      retryAfter: recent.iat - since,
      remedy: 'try again later, or ask its reviewers yourself',
    })
  return {
    operation: operationOf('read', review),
    decision,
    changes: true,
    answer: () => {
      options.tell('reminder', review.request)
      return { id, reminded: true }
    },
  }
}

/** A held call as its author polls it; to anybody else there is none. */
async function poll(
  options: ReviewCallOptions,
  id: string,
  principal: Principal,
  { make, keep }: OwnRequest,
): Promise<OwnCall> {
  const { review, standing } = await found(options, id, principal)
  const { author, asks } = review.request
  if (author !== principal.id || asks.some(({ rule }) => rule.holdMs === 0)) throw notFound()
  keep({ review: id })
  const { makes, status } = await pollOf(options, review, standing, make)
  return {
    operation: operationOf('read', review),
    decision: ownDecision(options),
    retryAfter: POLL_SECONDS,
    ...(makes ? { changes: true } : {}),
    answer: async () => ({ id: `${options.publicUrl}${operationPath(id)}`, ...(await status()) }),
  }
}

async function judge(
  options: ReviewCallOptions,
  id: string,
  principal: Principal,
  { decision: exchange, read, keep }: Parameters<OwnCalls>[2],
): Promise<OwnCall> {
  const asked = readVerdict(await read())
  const visible = await found(options, id, principal)
  keep({ review: id, verdict: asked.verdict })
  const { review } = visible
  const decided = mayDecide(options, visible, asked, principal)
  return {
    operation: operationOf(
      asked.verdict === 'reject' ? 'reject' : asked.verdict === 'approve' ? 'approve' : 'read',
      review,
    ),
    decision: decided,
    changes: true,
    async answer() {
      const document = verdictOf(options, visible, asked, principal, exchange)
      if (!(await options.store.write(document)))
        throw new Refusal('review_changed', 'you have given a verdict on this review just now', {
          remedy: 'look at the review, and try again',
        })
      const after = await options.store.read(id)
      if (after === null) throw notFound()
      const standing = standingOf(after, options.release.circumstancesOf(after))
      const { state } = standing
      if (state !== visible.standing.state)
        if (state === 'approved' || state === 'rejected' || state === 'withdrawn')
          options.tell(state, after.request)
      return viewOf(after, standing, visible.owners, visible.mayReview)
    },
  }
}

/** @throws {Refusal} if the caller may not say this of this review now */
function mayDecide(
  options: ReviewCallOptions,
  { review, standing, groups, decision }: Seen,
  { verdict, shownDigest }: Asked,
  principal: Principal,
): Decision {
  const { request } = review
  if (verdict === 'comment') return decision
  if (standing.state !== 'open' && standing.state !== 'approved')
    throw new Refusal('review_changed', `this review is ${standing.state}`, {
      remedy: 'nothing can be decided about it any more',
    })
  if (verdict === 'withdraw') {
    if (request.author !== principal.id)
      throw new Refusal('policy_refused', 'only its author withdraws a request')
    return decision
  }
  if (shownDigest !== request.shownDigest)
    throw new Refusal(
      'review_changed',
      'the verdict is about something else than this review shows',
      {
        remedy: 'look at the review again, and repeat the verdict with its "shownDigest"',
      },
    )
  if (principal.kind !== 'user')
    throw new Refusal('policy_refused', 'reviews are decided by people')
  if (request.authors.includes(principal.id))
    throw new Refusal('policy_refused', 'who has a part in a change does not review it', {
      remedy: 'ask another reviewer',
    })
  const judged = options.decide(
    principal,
    operationOf(verdict, review),
    options.callFacts(principal),
  )
  if (judged.permit === null) throw judged.refusal
  const byPolicy = request.asks.some(({ rule }) => rule.from === 'policy')
  if (groups.length === 0 && !byPolicy)
    throw new Refusal('policy_refused', 'you are none of the owners whose review this is', {
      remedy: 'owners.yaml says who they are',
    })
  return judged.decision
}

function verdictOf(
  { now, policyVersion }: ReviewCallOptions,
  { review, groups }: Seen,
  { verdict, comment }: Asked,
  principal: Principal,
  decision: string,
): VerdictDocument {
  const { id, subject, shownDigest } = review.request
  return {
    v: 1,
    kind: 'verdict',
    id,
    subject,
    shownDigest,
    verdict,
    by: principal.id,
    groups: [...groups],
    signInAt: principal.authenticatedAt,
    methods: [...principal.methods],
    iat: Math.floor(now() / 1_000),
    policyVersion: policyVersion(),
    decision,
    comment,
  }
}
