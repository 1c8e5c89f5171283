/**
 * Reviews by HTTP: the calls under `/_harness/api/reviews`, each judged by policy and recorded like any call.
 *
 * GET never decides anything: mail scanners and link previews follow every link.
 * @module
 */
import type { OwnCall, OwnCalls, OwnRequest } from '../access/own-calls.ts'
import type { Target } from '../azureml/target.ts'
import { Refusal } from '../errors.ts'
import type { Principal } from '../identity/principal.ts'
import { pollOf } from './held-operation.ts'
import { operationPath, POLL_SECONDS } from './hold.ts'
import { list } from './list.ts'
import { found, notFound, operationOf, ownDecision, type ReviewCallOptions } from './seen.ts'
import { noticeOfReview } from './notices/message.ts'
import { judge } from './verdicts.ts'
import { noticesIn, viewOf } from './view.ts'

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
  if (!options.hasChannels)
    throw new Refusal('bad_request', 'this gateway has no channels that it could tell', {
      remedy: 'ask its reviewers yourself',
    })
  const since = Math.floor(options.now() / 1_000) - REMINDER_SECONDS
  // one that is under way is not on record yet, and one that has failed has told nobody
  const sent = (await options.store.notices(id)).filter(({ outcome }) => outcome === 'sent')
  const last = Math.max(options.reminded.get(id) ?? -Infinity, ...sent.map(({ iat }) => iat))
  if (last > since)
    throw new Refusal('too_many_requests', 'its channels were told of it within the hour', {
      retryAfter: last - since,
      remedy: 'try again later, or ask its reviewers yourself',
    })
  options.reminded.set(id, since + REMINDER_SECONDS)
  return {
    operation: operationOf('read', review),
    decision,
    changes: true,
    answer: () => {
      options.tell('reminder', noticeOfReview(review.request))
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
