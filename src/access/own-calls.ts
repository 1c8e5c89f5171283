/**
 * The gateway's own calls: what callers may ask it about themselves, under `/_harness/`.
 *
 * They are identified and recorded like any call. No policy is asked: they tell callers what concerns them alone.
 * @module
 */
import type { Target } from '../azureml/target.ts'
import type { Help } from '../config/schema/help.ts'
import type { HeldCall, KeptAnswer } from '../http/kept-reply.ts'
import type { Principal } from '../identity/principal.ts'
import type { Decision, Facts } from '../policy/decide.ts'
import type { Assessment, EffectiveAccess } from '../policy/review/effective-access.ts'
import type { WaysAsked, WayTo } from '../policy/review/ways.ts'
import type { MayDo } from '../policy/review/who-can.ts'
import type { Operation } from '../vocabulary/operation.ts'
import { Refusal, requestCommand } from '../errors.ts'
import type { Need, Needs, RefusedExchange } from './needs.ts'
import type { RecentRefusal, RecentRefusals } from './recent-refusals.ts'

/** An answer that is not JSON. */
export class TextAnswer {
  readonly contentType: string
  readonly text: string
  /** Further headers, by names in lower case. */
  readonly headers: Readonly<Record<string, string>>

  constructor(contentType: string, text: string, headers: Readonly<Record<string, string>> = {}) {
    this.contentType = contentType
    this.text = text
    this.headers = headers
  }
}

/** An own call, judged and answered. */
export interface OwnCall {
  readonly operation: Operation
  readonly decision: Decision
  /** It changes something, and is recorded before it is answered. */
  readonly changes?: true
  /** Seconds after which to ask again. */
  readonly retryAfter?: number
  /**
   * Made when asked for: a value to be sent as JSON or a `TextAnswer`, or a promise of either. @throws Refusal `not_found`
   * for what is not there or not the caller's.
   */
  readonly answer: () => unknown
}

/** Makes a call that was held, in the name of the caller who asks for it. Null if its answer broke off. */
export type MakeHeld = (call: HeldCall) => Promise<KeptAnswer | null>

/** What a call brings besides its target. */
export interface OwnRequest {
  /** Id of the exchange. */
  readonly decision: string
  /** Media types that the caller would have, as it says. */
  readonly accept: string | undefined
  /** The body, parsed. @throws Refusal for one that cannot be read */
  readonly read: () => Promise<unknown>
  /** What of the call the record keeps. */
  readonly keep: (content: Readonly<Record<string, unknown>>) => void
  /** Makes a call that was held, in the name of the caller. */
  readonly make: MakeHeld
  /** A refused call of the caller's by its decision id, on this replica or by its need; null for none of the caller's. */
  readonly refused: (principal: Principal, id: string, need: string | null) => RefusedCall | null
}

/** A refused call, and the facts of it that are known. */
export interface RefusedCall {
  readonly operation: Operation
  readonly facts: Facts
}

export interface OwnCallOptions {
  readonly needs: Pick<Needs, 'read'>
  /** Whether what one replica signs can be read by every other. */
  readonly replicasShareKey: boolean
  /** Null if no other replica could read it. */
  readonly needOf: (refused: RefusedExchange) => string | null
  readonly recent: RecentRefusals
  readonly help: Help | null
  readonly policyVersion: () => string
  readonly accessOf: (principal: Principal) => EffectiveAccess
  readonly assess: (principal: Principal, operation: Operation, facts: Facts) => Assessment
  readonly waysTo: (asked: WaysAsked) => readonly WayTo[]
  /** The ARM id of what a caller names; null for a name that is none of the caller's. */
  readonly placeOf: (principal: Principal, on: string) => string | null
  /** What a caller may do there, for one action or all; null for an action that there is not. */
  readonly mayDo: (
    principal: Principal,
    place: string,
    action: string | null,
  ) => readonly MayDo[] | null
  /** Whether the caller may ask for a grant that would permit a refused call. */
  readonly offersGrant: (principal: Principal, call: RefusedCall) => boolean
  /** The action that was probably meant; null if none is near. */
  readonly nearestAction: (name: string) => string | null
  /** What an ARM id is inside of, itself first. */
  readonly ancestorsOf: (id: string) => Operation['resource']['ancestors']
}

/** Null if the target is not the gateway's own. @throws Refusal `unknown_operation`, `method_not_allowed` */
export type OwnCalls = (
  target: Target,
  principal: Principal,
  request: OwnRequest,
) => OwnCall | Promise<OwnCall> | null

export function createOwnCalls(options: OwnCallOptions): OwnCalls {
  return (target, principal) => {
    const [first, what = '', id, ...more] = target.segments
    if (first !== '_harness') return null
    const isDecision = what === 'decisions' && more.length === 0
    const isAccess = (what === 'whoami' || what === 'can') && id === undefined
    if (!isAccess && !isDecision)
      throw new Refusal('unknown_operation', 'the gateway has no such route of its own', {
        remedy: 'see /_harness/whoami, /_harness/can and /_harness/decisions',
      })
    if (target.method !== 'GET')
      throw new Refusal('method_not_allowed', 'what callers ask about themselves is read with GET')
    return {
      operation: operationOf(isAccess ? 'access' : 'decisions', target.path),
      decision: permitted(options.policyVersion()),
      answer() {
        if (what === 'whoami') return whoAmI(options, principal)
        if (what === 'can') return can(options, principal, target.params)
        return why(options, principal, id ?? null, target.params.get('need'))
      },
    }
  }
}

function operationOf(what: string, path: string): Operation {
  return {
    action: `AzureMLHarness/${what}/read`,
    effect: 'read',
    resource: { type: 'Harness', id: path, ancestors: [] },
    family: 'harness',
    secrets: false,
    longRunning: false,
    scope: null,
    inspectable: false,
  }
}

function permitted(version: string): Decision {
  return {
    verdict: 'permit',
    policies: [],
    reason: 'callers may ask what concerns themselves',
    version,
    shadow: [],
    facts: {},
    memberships: [],
  }
}

function whoAmI(
  { accessOf, help, policyVersion }: OwnCallOptions,
  principal: Principal,
): Readonly<Record<string, unknown>> {
  const { kind, id, issuer, tenant, client, expiresAt } = principal
  const { memberships, bindings } = accessOf(principal)
  return {
    principal: { kind, id, issuer, tenant, client },
    // seconds since the epoch in a token
    tokenExpires: new Date(expiresAt * 1000).toISOString(),
    memberships,
    access: bindings.map(({ template, resource, until, principal: through }) => ({
      template,
      resource,
      name: resource.id.slice(resource.id.lastIndexOf('/') + 1),
      through,
      until: until === null ? null : new Date(until).toISOString(),
    })),
    help,
    policyVersion: policyVersion(),
  }
}

function can(
  { placeOf, mayDo, nearestAction, policyVersion }: OwnCallOptions,
  principal: Principal,
  params: Target['params'],
): Readonly<Record<string, unknown>> {
  const on = params.get('on')
  if (on === undefined || on === '')
    throw new Refusal('bad_query', 'the query does not say on what', {
      remedy: 'add on=, with an ARM id or the name of a workspace of yours',
    })
  const place = placeOf(principal, on)
  if (place === null)
    throw new Refusal('not_found', 'nothing that you have access to is called so', {
      remedy: 'give its ARM id',
    })
  const action = params.get('action') ?? null
  const may = mayDo(principal, place, action)
  if (may === null)
    throw new Refusal('bad_query', 'there is no such action', {
      remedy: remedyFor(nearestAction(action ?? '')),
    })
  return { on: place, may, policyVersion: policyVersion() }
}

const remedyFor = (near: string | null): string =>
  near === null
    ? 'leave action out, and the answer lists what you may do'
    : `did you mean "${near}"?`

/** The same answer for what is not there, what is forged, and what is somebody else's. */
function notFound({ replicasShareKey }: OwnCallOptions): Refusal {
  return new Refusal('not_found', 'there is no such refusal of yours on this replica', {
    remedy: replicasShareKey
      ? 'use the whole command or link of the refusal (error.additionalInfo[0].info.access)'
      : 'make the call again and ask at once: only the replica that refused a call can tell, until "operationKey" of the configuration is the same on all',
  })
}

function why(
  options: OwnCallOptions,
  principal: Principal,
  id: string | null,
  needText: string | undefined,
): unknown {
  const found = refusedFor(options, principal, id, needText ?? null)
  if (found === null) throw notFound(options)
  return described(options, principal, found)
}

/** A refusal of the caller's, the last one without an id; null for none of the caller's. */
export function refusedFor(
  { recent, needs, ancestorsOf }: Pick<OwnCallOptions, 'recent' | 'needs' | 'ancestorsOf'>,
  principal: Principal,
  id: string | null,
  needText: string | null,
): Refused | null {
  const kept = recent.of(principal.id)
  const found = id === null ? kept[0] : kept.find(({ decision }) => decision === id)
  if (found !== undefined) return found
  const need = needText === null || id === null ? null : needs.read(id, needText)
  return need === null || need.principal !== principal.id ? null : refusedOf(need, ancestorsOf)
}

type Refused = Pick<RecentRefusal, 'decision' | 'operation' | 'facts'> & Partial<RecentRefusal>

function refusedOf({ decision, call }: Need, ancestorsOf: OwnCallOptions['ancestorsOf']): Refused {
  const { id } = call.resource
  const ancestors = ancestorsOf(id.startsWith('/subscriptions/') ? id : (call.scope ?? ''))
  return {
    decision,
    facts: {},
    operation: {
      ...call,
      resource: { ...call.resource, ancestors: ancestors.filter((one) => one.id !== id) },
      longRunning: false,
      inspectable: false,
    },
  }
}

function described(
  { assess, accessOf, help, needOf, waysTo, offersGrant }: OwnCallOptions,
  principal: Principal,
  { decision, at, refusal, operation, facts }: Refused,
): unknown {
  const assessment = assess(principal, operation, facts)
  const { hasAccess } = assessment
  const { memberships } = accessOf(principal)
  const need = needOf({ id: decision, principal, operation, decision: { memberships } })
  const templates = assessment.templates.map(({ template }) => template)
  // no role lifts a forbid
  const ways =
    assessment.forbids.length > 0
      ? []
      : waysTo({ principal, operation, decision, templates, hasAccess })
  const { action, effect, family, resource, scope, secrets } = operation
  return {
    decision,
    time: at === undefined ? null : new Date(at).toISOString(),
    call: {
      action,
      effect,
      family,
      secrets,
      scope,
      resource: { type: resource.type, id: resource.id },
    },
    refusal:
      refusal === undefined
        ? null
        : { code: refusal.code, message: refusal.message, remedy: refusal.detail.remedy ?? null },
    principal: { kind: principal.kind, id: principal.id },
    memberships,
    place: assessment.place,
    now: assessment.now,
    reason: assessment.reason,
    remedy: assessment.remedy,
    hasAccess,
    // names are told to whoever has some access to the place
    forbids: hasAccess ? assessment.forbids : [],
    templates: hasAccess ? assessment.templates : [],
    ways,
    // for whoever keeps a clone of the policies
    proposal:
      need === null || assessment.now.verdict === 'permit'
        ? null
        : `azureml-harness policy propose --need ${decision}.${need}`,
    // for the caller, if a grant is offered that would permit it
    request: offersGrant(principal, { operation, facts })
      ? requestCommand(need === null ? decision : `${decision}.${need}`)
      : null,
    help:
      help === null ? null : { ...help, url: help.url?.replace('{decision}', decision) ?? null },
  }
}

/** Where a caller asks about a decision. */
export function decisionPath(id: string, need: string | null): string {
  return `/_harness/decisions/${id}${need === null ? '' : `?need=${need}`}`
}
