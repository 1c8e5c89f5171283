/**
 * Verdicts on grants, and extensions of them: who may say what, and the document that says it.
 * @module
 */
import type { OwnCall, OwnRequest } from '../../access/own-calls.ts'
import {
  shownDigestOf,
  type GrantExtension,
  type GrantVerdict,
} from '../../approvals/grants/documents.ts'
import { Refusal } from '../../errors.ts'
import type { Principal } from '../../identity/principal.ts'
import { grantOperation } from '../../policy/by-requests.ts'
import type { Decision } from '../../policy/decide.ts'
import { lengthText } from '../../policy/load/period.ts'
import type { NoticeEvent } from '../notices/message.ts'
import { readExtension, readVerdict, type Said } from './body.ts'
import {
  changed,
  foundGrant,
  mustHaveSignedIn,
  mustNotBeForbidden,
  saidBy,
  type GrantCallOptions,
  type SeenGrant,
} from './seen.ts'
import { noticeOf, stateOf, viewOfGrant } from './view.ts'

export async function decide(
  options: GrantCallOptions,
  id: string,
  principal: Principal,
  call: OwnRequest,
): Promise<OwnCall> {
  const said = readVerdict(await call.read())
  const seen = await foundGrant(options, id, principal)
  call.keep({ grant: id, verdict: said.verdict })
  const { request } = seen.grant
  const decision =
    said.verdict === 'end'
      ? mayEnd(options, seen, principal)
      : mayDecide(options, seen, said, principal)
  return {
    operation: grantOperation(said.verdict, request.resource),
    decision,
    changes: true,
    async answer() {
      const document: GrantVerdict = {
        v: 1,
        kind: 'grant-verdict',
        id,
        verdict: said.verdict,
        n: said.verdict === 'end' ? 0 : (seen.standing.pending?.n ?? 0),
        shown: said.verdict === 'end' ? shownDigestOf(request, null) : seen.shownDigest,
        ...saidBy(options, principal, seen.groups, call.decision),
        comment: said.comment,
      }
      if (!(await options.store.write(document))) throw isWritten()
      const after = await foundGrant(options, id, principal)
      const event = eventOf(said.verdict, seen, after)
      if (event !== null) options.tell(event, noticeOf(request))
      return viewOfGrant(after)
    },
  }
}

function isWritten(): Refusal {
  return changed('somebody has said something about this grant just now', 'look at it again')
}

/** What channels are told of: what has changed by the verdict. */
function eventOf(
  verdict: Said['verdict'],
  before: SeenGrant,
  after: SeenGrant,
): NoticeEvent | null {
  if (verdict === 'end') return 'access_ended'
  if (verdict === 'deny') return 'access_denied'
  const isDecided =
    after.standing.state === 'active' &&
    (before.standing.state === 'open' || after.standing.pending === null)
  return isDecided ? 'access_given' : null
}

/** @throws {Refusal} if the caller may not end it, or there is nothing to end */
function mayEnd(options: GrantCallOptions, seen: SeenGrant, principal: Principal): Decision {
  const { request } = seen.grant
  const { state } = seen.standing
  if (state !== 'open' && state !== 'active')
    throw changed(`this grant is ${state}`, 'there is nothing to end any more')
  // nobody is kept from giving up what is their own, and approvers take back what they have given
  if (seen.isHolder || request.by === principal.id)
    return { ...seen.decision, reason: 'whoever holds or asked for a grant may end it' }
  if (seen.groups.length > 0 && principal.kind === 'user')
    return mustNotBeForbidden(options, principal, 'end', request.resource)
  const asked = grantOperation('end', request.resource)
  const judged = options.decide(principal, asked, options.callFacts(principal), 'all')
  if (judged.permit === null) throw judged.refusal
  return judged.decision
}

/** @throws {Refusal} if the caller may not decide about it now */
function mayDecide(
  options: GrantCallOptions,
  seen: SeenGrant,
  { verdict, shownDigest }: Said,
  principal: Principal,
): Decision {
  const { standing, isVoid, groups, grant } = seen
  const { terms, resource, grantee } = grant.request
  const isWaiting =
    standing.state === 'open' || (standing.state === 'active' && standing.pending !== null)
  if (!isWaiting)
    throw changed(`this grant is ${stateOf(seen)}`, 'nothing of it waits for a verdict')
  if (principal.kind !== 'user')
    throw new Refusal('policy_refused', 'access is decided about by people')
  if (principal.id === grantee.id)
    throw new Refusal('policy_refused', 'nobody decides about their own access', {
      remedy: 'ask another approver',
    })
  if (groups.length === 0)
    throw new Refusal('policy_refused', 'you are none of those who approve this', {
      remedy: 'requests.yaml says who they are',
    })
  if (isVoid !== null && verdict === 'approve')
    throw changed(`this grant is void: ${isVoid}`, 'it is to be asked for again')
  if (shownDigest !== seen.shownDigest)
    throw changed(
      'the verdict is about something else than this grant shows',
      'look at it again, and repeat the verdict with its "shownDigest"',
    )
  const decision = mustNotBeForbidden(
    options,
    principal,
    verdict === 'deny' ? 'deny' : 'approve',
    resource,
  )
  if (verdict === 'approve') mustHaveSignedIn(options, principal, terms.stepUp)
  return decision
}

/** Asks for more time, or gives it. */
export async function extend(
  options: GrantCallOptions,
  id: string,
  principal: Principal,
  call: OwnRequest,
): Promise<OwnCall> {
  const { length, reason } = readExtension(await call.read())
  const seen = await foundGrant(options, id, principal)
  call.keep({ grant: id, verdict: 'extend' })
  const { request, extensions } = seen.grant
  const seconds = Math.ceil(length / 1_000)
  const decision = mayExtend(options, seen, seconds, principal)
  return {
    operation: grantOperation(seen.isHolder ? 'request' : 'approve', request.resource),
    decision,
    changes: true,
    async answer() {
      const document: GrantExtension = {
        v: 1,
        kind: 'grant-extension',
        id,
        shown: shownDigestOf(request, null),
        n: Math.max(0, ...extensions.map(({ n }) => n)) + 1,
        ...saidBy(options, principal, seen.groups, call.decision),
        seconds,
        reason,
      }
      if (!(await options.store.write(document))) throw isWritten()
      const after = await foundGrant(options, id, principal)
      const isPending = after.standing.pending !== null
      options.tell(isPending ? 'access_requested' : 'access_given', noticeOf(request))
      return viewOfGrant(after)
    },
  }
}

/** @throws {Refusal} if the caller may not have it extended, or not for so long */
function mayExtend(
  options: GrantCallOptions,
  seen: SeenGrant,
  seconds: number,
  principal: Principal,
): Decision {
  const { standing, isVoid, isHolder, groups, grant } = seen
  const { terms, resource } = grant.request
  const isGiven = !isHolder && groups.length > 0 && principal.kind === 'user'
  if (!isHolder && !isGiven)
    throw new Refusal('policy_refused', 'whoever holds a grant asks for more time, or an approver')
  if (standing.state !== 'active')
    throw changed(`this grant is ${stateOf(seen)}`, 'ask for it: azureml-harness access request')
  if (isVoid !== null) throw changed(`this grant is void: ${isVoid}`, 'ask for it again')
  if (standing.pending !== null)
    throw changed('an extension of it waits for a verdict', 'wait for that one')
  const last = (standing.since ?? 0) + terms.most
  if ((standing.until ?? last) + seconds > last)
    throw new Refusal(
      'policy_refused',
      `"${terms.template}" is given for ${lengthText(terms.most * 1_000)} at most`,
      { remedy: 'ask for it again once it has ended' },
    )
  const verb = isHolder ? 'request' : 'approve'
  const decision = mustNotBeForbidden(options, principal, verb, resource)
  if (isGiven || terms.reviewers === 0) mustHaveSignedIn(options, principal, terms.stepUp)
  return decision
}
