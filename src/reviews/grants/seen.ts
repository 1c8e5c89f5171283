/**
 * Who sees a grant, and what somebody may do about it.
 *
 * `requests.yaml` says who asks and who approves; policies can forbid it all the same, or ask for a sign-in.
 * @module
 */
import type { Grant, GrantStanding } from '../../approvals/grants/state.ts'
import type { GrantStore } from '../../approvals/grants/store.ts'
import { shownDigestOf } from '../../approvals/grants/documents.ts'
import { Refusal } from '../../errors.ts'
import type { Principal } from '../../identity/principal.ts'
import {
  BY_REQUESTS,
  createDecideByRequests,
  grantOperation,
  type GrantVerb,
} from '../../policy/by-requests.ts'
import type { Decide, Decision, Facts } from '../../policy/decide.ts'
import { isOneOf, principalUids } from '../../policy/engine/entities.ts'
import { voidBecause } from '../../policy/grants.ts'
import type { Uid } from '../../policy/load/conditions.ts'
import type { PolicySet } from '../../policy/load/rules.ts'
import { refuseSignIn, type CheckSignIn } from '../../policy/step-up.ts'
import type { Noticed, NoticeEvent } from '../notices/message.ts'
import type { KnownGrants } from './known.ts'

export interface GrantCallOptions {
  readonly store: GrantStore
  readonly known: KnownGrants
  readonly policy: () => PolicySet
  readonly decide: Decide
  /** Names of the managed identities. */
  readonly identities: readonly string[]
  readonly checkSignIn: CheckSignIn
  /** Facts of a call that the gateway answers itself. */
  readonly callFacts: (principal: Principal) => Facts
  readonly publicUrl: string
  /** Tells the channels. */
  readonly tell: (event: NoticeEvent, about: Noticed) => void
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export function ownDecision(options: GrantCallOptions): Decision {
  return {
    verdict: 'permit',
    policies: [],
    reason: 'callers see the grants that concern themselves',
    version: options.policy().version,
    shadow: [],
    facts: {},
    memberships: [],
  }
}

const judges = new WeakMap<PolicySet, Decide>()

function judgeOf({ policy, identities, checkSignIn }: GrantCallOptions): Decide {
  const set = policy()
  const known = judges.get(set)
  if (known !== undefined) return known
  const decide = createDecideByRequests(set, identities, { cacheSize: 0, checkSignIn })
  judges.set(set, decide)
  return decide
}

/** @throws {Refusal} if a policy forbids it, or asks for a sign-in that the caller's token does not have */
export function mustNotBeForbidden(
  options: GrantCallOptions,
  principal: Principal,
  verb: Exclude<GrantVerb, 'read'>,
  resource: Uid,
): Decision {
  const asked = grantOperation(verb, resource)
  const judged = judgeOf(options)(principal, asked, options.callFacts(principal), 'all')
  if (judged.permit === null) throw judged.refusal
  return judged.decision
}

/** @throws {Refusal} if the rule asks whoever decides for a sign-in that the caller's token does not have */
export function mustHaveSignedIn(
  { checkSignIn }: GrantCallOptions,
  principal: Principal,
  requirement: Grant['request']['terms']['stepUp'],
): void {
  if (requirement === null) return
  const reason = 'this access is given by whoever has signed in for it'
  const asked = { requirement, policies: [BY_REQUESTS], reason }
  const refusal = refuseSignIn(asked, principal, checkSignIn)
  if (refusal !== null) throw refusal
}

/** A grant as one caller sees it. */
export interface SeenGrant {
  readonly grant: Grant
  readonly standing: GrantStanding
  /** Why it gives nothing by the policies in force, in words; null if they stand behind it. */
  readonly isVoid: string | null
  /** Of its approvers, those that the caller is or is a member of. */
  readonly groups: readonly string[]
  readonly isHolder: boolean
  readonly mayApprove: boolean
  /** Digest of what is to be decided. */
  readonly shownDigest: string
  readonly decision: Decision
}

/** Whether the caller is the one whom a grant is for. */
export function isGrantee(principal: Principal, { type, id }: Uid): boolean {
  return isOneOf({ type, id }, principalUids(principal).slice(0, 1))
}

/** Of a rule's approvers, those that the caller is or is a member of, as verdicts name them. */
export function groupsOf(principal: Principal, approvers: readonly Uid[]): readonly string[] {
  const own = principalUids(principal)
  return approvers.filter((one) => isOneOf(one, own)).map(({ type, id }) => `${type}::${id}`)
}

/** What the caller may see of a grant; null if nothing of it. */
export function seenBy(
  options: GrantCallOptions,
  grant: Grant,
  principal: Principal,
): SeenGrant | null {
  const { request } = grant
  const standing = options.known.standingOf(grant)
  const isHolder = isGrantee(principal, request.grantee)
  const groups = groupsOf(principal, request.terms.approvers)
  const isVoid = voidBecause(options.policy(), request, isHolder ? principalUids(principal) : null)
  const isWaiting =
    standing.state === 'open' || (standing.state === 'active' && standing.pending !== null)
  const seen = {
    grant,
    standing,
    isVoid,
    groups,
    isHolder,
    mayApprove:
      isWaiting &&
      isVoid === null &&
      principal.kind === 'user' &&
      principal.id !== request.grantee.id &&
      groups.length > 0,
    shownDigest: shownDigestOf(request, standing.pending),
  }
  if (isHolder || request.by === principal.id || groups.length > 0)
    return { ...seen, decision: ownDecision(options) }
  const reading = grantOperation('read', request.resource)
  const judged = options.decide(principal, reading, options.callFacts(principal), 'all')
  return judged.permit === null ? null : { ...seen, decision: judged.decision }
}

const ID = /^[a-z2-7]{16}-[1-9]\d{0,4}$/u

/** @throws {Refusal} `not_found`: the same for what is not there and for what the caller may not see */
export async function foundGrant(
  options: GrantCallOptions,
  id: string,
  principal: Principal,
): Promise<SeenGrant> {
  const grant = ID.test(id) ? (await options.known.read()).get(id) : undefined
  const seen = grant === undefined ? null : seenBy(options, grant, principal)
  if (seen === null)
    throw new Refusal('not_found', 'there is no such grant that you may see', {
      remedy: 'list yours: azureml-harness access list --state all',
    })
  return seen
}

/** Who says something, as documents have it. */
export function saidBy(
  { now, policy }: GrantCallOptions,
  principal: Principal,
  groups: readonly string[],
  decision: string,
) {
  return {
    by: principal.id,
    groups: [...groups],
    signInAt: principal.authenticatedAt,
    methods: [...principal.methods],
    iat: Math.floor(now() / 1_000),
    policyVersion: policy().version,
    decision,
  }
}

/** @throws {Refusal} `review_changed` */
export function changed(message: string, remedy: string): Refusal {
  return new Refusal('review_changed', message, { remedy })
}
