/**
 * What a caller may see of a review, and whether a verdict of theirs would count.
 * @module
 */
import type { LRUCache } from 'lru-cache'
import { hasPartIn } from '../approvals/authors.ts'
import type { RequestDocument, VerdictDocument } from '../approvals/documents.ts'
import type { Release } from '../approvals/release.ts'
import { standingOf, type Review, type Standing } from '../approvals/state.ts'
import type { Store } from '../approvals/store.ts'
import { Refusal } from '../errors.ts'
import type { Principal } from '../identity/principal.ts'
import type { Decide, Decision, Facts } from '../policy/decide.ts'
import { principalUids } from '../policy/engine/entities.ts'
import type { OwnersLine } from '../policy/load/owners.ts'
import { OWN_PROVIDER } from '../vocabulary/actions.ts'
import type { Operation } from '../vocabulary/operation.ts'
import type { HeldOptions } from './held-operation.ts'
import type { Notifier } from './notices/notifier.ts'

export interface ReviewCallOptions extends HeldOptions {
  /** Tells the channels. */
  readonly tell: Notifier['tell']
  /** Whether there is a channel to tell. */
  readonly hasChannels: boolean
  /** When this replica has last begun to remind of a review, by its id, in seconds since the epoch. */
  readonly reminded: Pick<LRUCache<string, number>, 'get' | 'set'>
  /** What tickets of overrides look like; null for anything. */
  readonly ticketPattern: RegExp | null
  /** Records that somebody let a change through before its review. */
  readonly alarm: (verdict: VerdictDocument, request: RequestDocument) => Promise<void>
  readonly store: Store
  readonly release: Pick<Release, 'circumstancesOf'>
  readonly decide: Decide
  readonly policyVersion: () => string
  readonly ownersOf: (call: Review['request']['call']) => readonly OwnersLine[]
  /** Facts of a call that the gateway answers itself. */
  readonly callFacts: (principal: Principal) => Facts
}

/** What a call about one review is to policy: something done with what the reviewed call is about. */
export function operationOf(
  verb: 'read' | 'approve' | 'reject' | 'override',
  review: Review | null,
): Operation {
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

export function ownDecision({ policyVersion }: ReviewCallOptions): Decision {
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

export interface Seen {
  readonly review: Review
  readonly standing: Standing
  readonly owners: readonly OwnersLine[]
  /** Of the owners' entities, those that the caller is or is a member of. */
  readonly groups: readonly string[]
  readonly mayReview: boolean
  readonly decision: Decision
}

/** What the caller may see of a review; null if nothing of it. */
export function seen(
  options: ReviewCallOptions,
  review: Review,
  principal: Principal,
): Seen | null {
  const { request } = review
  const standing = standingOf(review, options.release.circumstancesOf(review))
  const owners = options.ownersOf(request.call)
  const own = new Set(principalUids(principal).map(({ type, id }) => `${type}::${id}`))
  const owning = owners.flatMap(({ reviewers }) => reviewers)
  const groups = [...new Set(owning.map(({ type, id }) => `${type}::${id}`))].filter((entity) =>
    own.has(entity),
  )
  const approving = options.decide(
    principal,
    operationOf('approve', review),
    options.callFacts(principal),
  )
  const byPolicy = request.asks.some(({ rule }) => rule.from === 'policy')
  const isReviewer = principal.kind === 'user' && !hasPartIn(request, principal.id)
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

/** The same answer for what is not there and for what the caller may not see. */
export function notFound(): Refusal {
  return new Refusal('not_found', 'there is no such review that you may see', {
    remedy: 'list yours: azureml-harness approvals list',
  })
}

export async function found(
  options: ReviewCallOptions,
  id: string,
  principal: Principal,
): Promise<Seen> {
  const review = /^[a-z2-7]{16}-[1-9]\d{0,4}$/u.test(id) ? await options.store.read(id) : null
  const visible = review === null ? null : seen(options, review, principal)
  if (visible === null) throw notFound()
  return visible
}
