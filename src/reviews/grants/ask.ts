/**
 * Asking for access, and giving it to somebody: what a rule of `requests.yaml` offers, as the first document of a grant.
 * @module
 */
import type { OwnCall, OwnRequest, RefusedCall } from '../../access/own-calls.ts'
import { DECISION_LINK, NEED_WORD } from '../../access/needs.ts'
import type { GrantRequest } from '../../approvals/grants/documents.ts'
import type { Grant } from '../../approvals/grants/state.ts'
import { idStart } from '../../approvals/ids.ts'
import { Refusal } from '../../errors.ts'
import type { Principal } from '../../identity/principal.ts'
import { ancestorsOf, isOneOf, principalUids } from '../../policy/engine/entities.ts'
import { grantOperation } from '../../policy/by-requests.ts'
import { digestOf, termsOf } from '../../policy/grants.ts'
import type { Uid } from '../../policy/load/conditions.ts'
import type { RequestRule } from '../../policy/load/requests.ts'
import type { PolicySet } from '../../policy/load/rules.ts'
import { offered, offersFor } from '../../policy/requests.ts'
import { accessOf } from '../../policy/review/effective-access.ts'
import { grantFor, type Grantable } from '../../policy/review/ways.ts'
import { placeNamed } from '../../policy/review/who-can.ts'
import { readRequest, type Asked } from './body.ts'
import {
  changed,
  groupsOf,
  isGrantee,
  mustHaveSignedIn,
  mustNotBeForbidden,
  saidBy,
  seenBy,
  type GrantCallOptions,
} from './seen.ts'
import { noticeOf, viewOfGrant } from './view.ts'

const WAIT_SECONDS = 7 * 86_400
/** Requests that one caller has open at the same time. */
const MAX_OPEN = 20
/** Requests of one caller within a day: each of them stays in the ledger for good. */
const MAX_A_DAY = 50
const DAY_SECONDS = 86_400

/** Asks for access for the caller, or gives it to somebody whom the caller names. */
export async function ask(
  options: GrantCallOptions,
  principal: Principal,
  call: OwnRequest,
): Promise<OwnCall> {
  const asked = readRequest(await call.read())
  const { to } = asked
  const [self] = principalUids(principal)
  if (self === undefined || (self.type !== 'User' && self.type !== 'Service'))
    throw new Refusal('policy_refused', 'access for a time is for people and services')
  if (to !== null && (principal.kind !== 'user' || isGrantee(principal, to) || to.id === self.id))
    throw new Refusal('policy_refused', 'access is given by people, and to nobody themselves', {
      remedy: 'ask for it: azureml-harness access request',
    })
  const { rule, resource } = offerOf(options, principal, asked, call.refused)
  const { template } = rule
  call.keep({ template, resource: resource.id, to: to?.id ?? null })
  const decided = mustNotBeForbidden(
    options,
    principal,
    to === null ? 'request' : 'approve',
    resource,
  )
  const terms = termsOf(rule)
  const policy = options.policy().templates.get(template)
  if (terms === null || policy === undefined || rule.lasts === null)
    throw new Refusal('policy_refused', `nobody offers "${template}" there`)
  if (to !== null || terms.reviewers === 0) mustHaveSignedIn(options, principal, terms.stepUp)
  const grantee = to ?? self
  const start = idStart(['aml-grant/1', grantee.type, grantee.id, template, resource.id])
  const all = await options.known.read()
  const seconds = Math.ceil((asked.length ?? rule.lasts.usual) / 1_000)
  const said = saidBy(options, principal, groupsOf(principal, rule.approvers), call.decision)
  const request: GrantRequest = {
    v: 1,
    kind: 'grant-request',
    id: `${start}-${nextNumber(all, start)}`,
    iss: options.publicUrl,
    exp: said.iat + WAIT_SECONDS,
    ...said,
    grantee: { type: grantee.type, id: grantee.id },
    template,
    templateDigest: digestOf(policy),
    resource: { type: resource.type, id: resource.id },
    seconds,
    terms,
    reason: asked.reason,
    ticket: asked.ticket,
  }
  const isNew = mustBeNew(options, all, start, request)
  const { id } = isNew ?? request
  call.keep({ grant: id, template, resource: resource.id, to: to?.id ?? null })
  return {
    operation: grantOperation(to === null ? 'request' : 'approve', resource),
    decision: decided,
    changes: true,
    async answer() {
      if (isNew === null && !(await options.store.write(request)))
        throw changed('the same was asked for just now', 'look at your requests, and try again')
      const grant = (await options.known.read()).get(id)
      const seen = grant === undefined ? null : seenBy(options, grant, principal)
      if (seen === null)
        throw new Refusal('approvals_unavailable', 'the ledger has not what was just written')
      const isActive = seen.standing.state === 'active'
      if (isNew === null)
        options.tell(isActive ? 'access_given' : 'access_requested', noticeOf(request))
      return viewOfGrant(seen)
    },
  }
}

interface Offer {
  readonly rule: RequestRule
  readonly resource: Uid
}

/** @throws {Refusal} `policy_refused` if no rule offers it */
function offerOf(
  options: GrantCallOptions,
  principal: Principal,
  asked: Asked,
  refused: OwnRequest['refused'],
): Offer {
  const { template, resource } =
    asked.refusal === null
      ? { template: asked.template ?? '', resource: placeIn(options, principal, asked) }
      : neededBy(options.policy(), principal, refusedCall(principal, asked.refusal, refused))
  const { rules } = options.policy().requests
  const places = ancestorsOf(resource.id)
  const principals = principalUids(principal)
  const covering = (
    asked.to === null
      ? offersFor(rules, { principals, places })
      : rules.filter((rule) => isGivenBy(rule, principals, places, asked.to))
  ).filter((rule) => rule.template === template && rule.way === 'grant')
  const length = asked.length ?? covering[0]?.lasts?.usual ?? null
  // whoever gives it is asked for as if covered: whom it is for is asked at each use
  const found = offered(asked.to === null ? rules : covering.map(forAnybody), {
    principals,
    places,
    template,
    way: 'grant',
    length,
  })
  if ('why' in found)
    throw new Refusal('policy_refused', asked.to === null ? found.why : whyNotGiven(found.why), {
      remedy: 'azureml-harness why says in which ways access is asked for',
    })
  const rule = covering.find(({ line }) => line === found.rule.line)
  if (rule === undefined) throw new Refusal('policy_refused', `nobody offers "${template}" there`)
  return { rule, resource }
}

const forAnybody = (rule: RequestRule): RequestRule => ({ ...rule, who: null })

function whyNotGiven(why: string): string {
  return why.replace('nobody offers you', 'you do not approve')
}

/** Whether somebody approves by a rule, and it could be for the one whom they name. */
function isGivenBy(
  { approvers, within, who, reviewers }: RequestRule,
  principals: readonly Uid[],
  places: readonly Uid[],
  to: Uid | null,
): boolean {
  const mayBeFor =
    who === null ||
    who.some((one) => one.type === 'Group' || one.type === 'Role') ||
    (to !== null && isOneOf(to, who))
  return (
    reviewers > 0 &&
    mayBeFor &&
    approvers.some((one) => isOneOf(one, principals)) &&
    (within === null || isOneOf(within, places))
  )
}

const PLACE =
  /^\/subscriptions\/[^/?#]+(?:\/resourcegroups\/[^/?#]+(?:\/providers\/microsoft\.machinelearningservices\/(?:workspaces|registries)\/[^/?#]+)?)?$/u

/** @throws {Refusal} `bad_body` for what is no place that can be bound */
function placeIn(options: GrantCallOptions, principal: Principal, { resource }: Asked): Uid {
  const set = options.policy()
  const known = [
    ...set.requests.rules.flatMap(({ within }) => within ?? []),
    ...accessOf(set, principal).bindings.map((one) => one.resource),
  ]
  const id = resource === null ? null : placeNamed(set, resource, known)
  const [place] = id === null || !PLACE.test(id) ? [] : ancestorsOf(id)
  if (place === undefined)
    throw new Refusal('bad_body', 'the body has a "resource" that is no place to have access to', {
      remedy: 'give the ARM id of a workspace, registry, resource group or subscription',
    })
  return place
}

/** @throws {Refusal} `not_found` for a refusal that is none of the caller's */
function refusedCall(
  principal: Principal,
  word: string,
  refused: OwnRequest['refused'],
): RefusedCall {
  const [, id = word, need = null] = NEED_WORD.exec(word) ?? DECISION_LINK.exec(word) ?? []
  const found = refused(principal, id, need)
  if (found === null)
    throw new Refusal('not_found', 'there is no such refusal of yours on this replica', {
      remedy: 'use the whole command or link of the refusal',
    })
  return found
}

/** @throws {Refusal} `policy_refused` if there is nothing to ask for that would permit the call */
function neededBy(set: PolicySet, principal: Principal, call: RefusedCall): Grantable {
  const found = grantFor(set, principal, call)
  if (found !== null) return found
  throw new Refusal('policy_refused', 'no role that you may ask for would permit that call', {
    remedy: 'azureml-harness why says what would',
  })
}

function nextNumber(all: ReadonlyMap<string, Grant>, start: string): number {
  const numbers = [...all.keys()]
    .filter((id) => id.startsWith(`${start}-`))
    .map((id) => Number(id.slice(start.length + 1)))
  return Math.max(0, ...numbers) + 1
}

/**
 * The same request that is open already: it is answered again. Null if there is none.
 * @throws {Refusal} `review_changed` if the same is held, or asked for otherwise; `too_many_requests`
 */
function mustBeNew(
  { known }: GrantCallOptions,
  all: ReadonlyMap<string, Grant>,
  start: string,
  request: GrantRequest,
): GrantRequest | null {
  const { by, iat, seconds, reason, terms } = request
  const standing = [...all.values()].map((grant) => ({ grant, ...known.standingOf(grant) }))
  const isSame = (id: string): boolean => id.startsWith(`${start}-`)
  const lasting = standing.filter(({ state }) => state === 'open' || state === 'active')
  // one of another rule, or of a template that has changed, gives nothing any more
  const earlier = lasting.find(
    ({ grant }) =>
      isSame(grant.request.id) &&
      JSON.stringify(grant.request.terms) === JSON.stringify(terms) &&
      grant.request.templateDigest === request.templateDigest,
  )
  if (earlier === undefined) {
    const open = lasting.filter(({ state, grant }) => state === 'open' && grant.request.by === by)
    if (open.length >= MAX_OPEN)
      throw new Refusal('too_many_requests', `${open.length} requests of yours are open`, {
        retryAfter: 3_600,
        remedy: 'end those that you do not need: azureml-harness access list --mine',
      })
    const lately = [...all.values()].filter(
      (one) => one.request.by === by && one.request.iat > iat - DAY_SECONDS,
    )
    if (lately.length >= MAX_A_DAY)
      throw new Refusal('too_many_requests', `you asked ${lately.length} times within a day`, {
        retryAfter: 3_600,
        remedy: 'have a grant extended instead of asking anew, or wait',
      })
    return null
  }
  const { grant, state } = earlier
  const { id } = grant.request
  if (state === 'active')
    throw changed(`grant ${id} gives it already`, `azureml-harness access extend ${id}`)
  const isEqual =
    grant.request.by === by && grant.request.seconds === seconds && grant.request.reason === reason
  if (!isEqual) throw changed(`grant ${id} asks for it already`, `azureml-harness access end ${id}`)
  return grant.request
}
