/**
 * In which ways a caller may ask for what would permit a call, as `requests.yaml` offers them.
 * @module
 */
import type { Operation } from '../../vocabulary/operation.ts'
import type { Principal } from '../../identity/principal.ts'
import { ancestorsOf, principalUids, resourceUids } from '../engine/entities.ts'
import type { Facts } from '../facts.ts'
import type { Uid } from '../load/conditions.ts'
import { lengthText } from '../load/period.ts'
import { nameOf } from '../load/references.ts'
import type { RequestRule, Way } from '../load/requests.ts'
import type { PolicySet } from '../load/rules.ts'
import { offersFor } from '../requests.ts'
import { assess } from './effective-access.ts'
import { newFilePage, pathIn } from './new-file-page.ts'
import { bindingSource, placeToBind } from './propose.ts'

/** One way. Whoever has no access to the place is told the way, its page and its note. */
export interface WayTo {
  readonly way: Way
  /** Of a link; of a pull request, the page of the Git host with the file filled in. */
  readonly url: string | null
  readonly note: string | null
  readonly template?: string
  /** As `requests.yaml` has it; null for no end. */
  readonly for?: { readonly default: string; readonly max: string } | null
  /** Of a grant: how many approve. */
  readonly reviewers?: number
  /** Who changes it: code owners, or names of groups. People are never named. */
  readonly changedBy?: readonly string[]
}

/** What is asked about. */
export interface WaysAsked {
  readonly principal: Principal
  readonly operation: Operation
  readonly decision: string
  /** Templates that would permit it, the best first. */
  readonly templates: readonly string[]
  readonly hasAccess: boolean
}

/** What a caller may ask for: a role on a place. */
export interface Grantable {
  readonly template: string
  readonly resource: Uid
}

/** What the caller may ask for as a grant that would permit a refused call; null if nothing would. */
export function grantFor(
  set: PolicySet,
  principal: Principal,
  { operation, facts }: { readonly operation: Operation; readonly facts: Facts },
): Grantable | null {
  const resource = placeToBind(operation)
  if (resource === undefined) return null
  const offers = offersFor(
    set.requests.rules.filter(({ way }) => way === 'grant'),
    { principals: principalUids(principal), places: ancestorsOf(resource.id) },
  )
  if (offers.length === 0) return null
  const { forbids, templates, now } = assess(set, principal, operation, facts)
  if (forbids.length > 0 || now.verdict === 'permit') return null
  const best = templates.find((one) => offers.some(({ template }) => template === one.template))
  return best === undefined ? null : { template: best.template, resource }
}

/** @param now milliseconds since the epoch */
export function waysTo(set: PolicySet, asked: WaysAsked, now: number): readonly WayTo[] {
  const { principal, operation, templates, hasAccess } = asked
  const offers = offersFor(set.requests.rules, {
    principals: principalUids(principal),
    places: resourceUids(operation),
  })
  const rules = templates.flatMap((id) => offers.filter(({ template }) => template === id))
  if (hasAccess) return rules.map((rule) => wayOf(set, rule, asked, now))
  const ways = rules.map(({ way, url, note }) => ({ way, url, note }))
  return [...new Map(ways.map((way) => [JSON.stringify(way), way])).values()]
}

function wayOf(set: PolicySet, rule: RequestRule, asked: WaysAsked, now: number): WayTo {
  const { way, note, template, lasts, reviewers, approvers, codeOwners } = rule
  const named = approvers.flatMap((uid) => shown(set, uid))
  return {
    way,
    url: way === 'pull-request' ? pageOf(set, rule, asked, now) : rule.url,
    note,
    template,
    for: lasts === null ? null : { default: lengthText(lasts.usual), max: lengthText(lasts.most) },
    reviewers,
    changedBy: [...(codeOwners === null ? [] : [codeOwners]), ...new Set(named)],
  }
}

const shown = (set: PolicySet, uid: Uid): readonly string[] =>
  uid.type === 'User' ? [] : [nameOf(set.bindings.names, uid) ?? uid.id]

/** A binding for the caller alone: how many people a group has is not known here. */
function pageOf(
  set: PolicySet,
  { template, lasts }: RequestRule,
  { principal, operation, decision }: WaysAsked,
  now: number,
): string | null {
  const { repository } = set.requests
  const place = placeToBind(operation)
  const [grantee] = principalUids(principal)
  if (repository === null || place === undefined || grantee === undefined) return null
  const { file, text } = bindingSource(set, template, place, {
    grantee,
    until: () => (lasts === null ? null : now + lasts.usual),
    offered: [],
    oneAction: false,
    reason: `asked for with decision ${decision}`,
    ticket: null,
    requestedBy: principal.id,
  })
  return newFilePage(repository, pathIn(repository, file), text)
}
