/**
 * What policy must know of the thing that a call is about before the call can be judged.
 * @module
 */
import { aliasReads, isDescribed, jobChanges } from '../azureml/body/aliases.ts'
import type { Api } from '../azureml/body/places.ts'
import type { Operation } from '../vocabulary/operation.ts'
import { Refusal } from '../errors.ts'
import type { Exchange, Progress } from '../exchange.ts'
import type { Principal } from '../identity/principal.ts'
import type { DocumentNeeds, NeedsDocument } from '../policy/engine/what-policy-asks.ts'
import type { Decide, Facts, RefuseWithoutBody } from '../policy/decide.ts'

/** A call whose caller is identified and whose operation is classified. */
export type Classified = Exchange & { readonly principal: Principal; readonly operation: Operation }

export function isClassified(exchange: Exchange): exchange is Classified {
  return exchange.principal !== null && exchange.operation !== null
}

/** Whose API defines a call's documents: those of the management front end are ARM's. Null for a call without any. */
export function apiOf({ target, operation }: Exchange): 'arm' | 'data plane' | null {
  if (operation === null) return null
  // the host of a batch endpoint answers with ARM's jobs
  if (operation.family === 'scoring') return operation.resource.type === 'BatchJob' ? 'arm' : null
  if (operation.family === 'arm' || target?.segments[0]?.toLowerCase() === 'mferp') return 'arm'
  return isDescribed(operation) ? 'data plane' : null
}

/** Whose schema the body of a call follows: what is sent to a batch endpoint is ARM's job. */
export function schemaOf({ target, operation }: Exchange): Api {
  const family = operation?.family
  const isArm = family !== 'dataplane' && family !== 'mlflow'
  return isArm || target?.segments[0]?.toLowerCase() === 'mferp' ? 'arm' : 'data plane'
}

/**
 * The facts that policy needs of what a data-plane call is about, under any of its names.
 * @param collection the call is about more than one thing, or does not say which
 * @returns null if the decision for this caller depends on none
 * @throws {Refusal} `policy_refused` if policy asks for a fact that the data plane does not return
 */
export function factsNeeded(
  needsDocument: NeedsDocument,
  { principal, operation }: Classified,
  collection: boolean,
): DocumentNeeds | null {
  const reads = operation.effect === 'read'
  const names = [operation, ...(reads ? aliasReads(operation) : jobChanges(operation))]
  const needs = names.flatMap((name) => needsDocument(principal, name, collection) ?? [])
  if (needs.length === 0) return null
  const named = needs.some((need) => need.named)
  const policies = [...new Set(needs.flatMap((need) => need.policies))]
  const asked = needs.flatMap(({ facts }) => (facts === null ? [null] : [...facts]))
  const other = asked.find((fact) => fact !== 'tags')
  if (reads && other !== undefined) {
    const what = other === null ? 'all facts' : `"${other}"`
    const message = `policy asks for ${what} here, of which the data plane tells tags only`
    throw new Refusal('policy_refused', message, {
      policies,
      remedy: 'ask azure resource manager for jobs and assets',
    })
  }
  // a change to a run has no compute, image or path that a policy could be about
  const tags = asked.some((fact) => fact === null || fact === 'tags')
  return tags || named ? { facts: new Set(tags ? ['tags'] : []), named, policies } : null
}

/** A verdict that is a refusal. */
export type Refused = Extract<ReturnType<Decide>, { readonly permit: null }>

/** The refusal of reading a thing under one of the other names that it has; null if none of them is refused. */
export function refusedUnder(
  decide: Decide,
  principal: Principal,
  names: readonly Operation[],
  facts: Facts,
): Refused | null {
  for (const name of names) {
    const verdict = decide(principal, name, facts, 'all')
    if (verdict.permit !== null) continue
    // the caller did not use that name, so no policy has to permit it: only a policy that forbids counts
    if (verdict.decision.policies.length > 0 || verdict.refusal.code !== 'policy_refused')
      return verdict
  }
  return null
}

/**
 * Refuses what is refused under other facts or another name; what a review of the whole call would lift, it waits for.
 * @throws {Refusal}
 */
export function mustNotBeRefused(refused: Refused | null, progress: Progress): void {
  if (refused === null) return
  if (refused.awaiting !== undefined) {
    progress.awaits(refused.awaiting)
    return
  }
  progress.judged(refused.decision)
  throw refused.refusal
}

/**
 * Asked before a body is read: nobody whom no policy could permit has one read, held and parsed.
 * @param bodyNames whether the body may name another resource of the operation's type as what the call is about
 * @throws {Refusal} the one that the caller would get in the end
 */
export type MustBePossible = (exchange: Exchange, progress: Progress, bodyNames: boolean) => void

export function createMustBePossible(options: {
  readonly refuseWithoutBody: RefuseWithoutBody
  readonly callFacts: (exchange: Exchange) => Facts
}): MustBePossible {
  return (exchange, progress, bodyNames) => {
    if (!isClassified(exchange)) return
    const { principal, operation } = exchange
    const facts = options.callFacts(exchange)
    const refused = options.refuseWithoutBody(principal, operation, facts, bodyNames)
    if (refused === null) return
    progress.judged(refused.decision)
    throw refused.refusal
  }
}
