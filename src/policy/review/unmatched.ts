/**
 * Rules that load and can never matter: ids that no caller and no resource has, and permits that a forbid always defeats.
 * @module
 */
import type { ProfileName } from '../../vocabulary/profiles.ts'
import { PROVIDER } from '../../vocabulary/resource-types.ts'
import { GUID } from '../../lib/guid.ts'
import { didYouMean } from '../../lib/suggest.ts'
import { actionsOf, typesOf } from '../engine/covers.ts'
import { evaluate } from '../engine/evaluate.ts'
import { parseRules } from '../engine/slices.ts'
import type { Uid } from '../load/conditions.ts'
import type { PolicySet, Rule } from '../load/rules.ts'
import type { Policy } from '../load/source.ts'
import type { Action } from '../load/words.ts'
import type { Note } from './notes.ts'

/** The profile of each configured issuer by its name; null if it is not known which issuers there are. */
export type Profiles = ReadonlyMap<string, ProfileName> | null

const CALLERS = ['User', 'Service', 'Compute', 'Group']
const KINDS_OF_CALLERS = ['User', 'Service', 'Compute']
/** Actions that are named; more do not help a reader. */
const MAX_NAMED = 4

const ISSUER = /^([a-z][a-z0-9-]{0,62})\/(.+)$/u
const OBJECT = new RegExp(`^${GUID}$`, 'iu')
const ENTRA = new RegExp(`^${GUID}/${GUID}$`, 'iu')
/** The part of an ARM id that Azure compares without case, and that the gateway writes in lower case. */
const PLACE =
  /^\/subscriptions\/[^/]+(?:\/resourcegroups\/[^/]+(?:\/providers\/[^/]+\/(?:workspaces|registries)\/[^/]+)?)?/iu

/** What can never match, one note a place and reason. */
export function unmatchedIn(set: PolicySet, profiles: Profiles): readonly Note[] {
  const notes = new Map<string, Note>()
  const add = (policy: string, file: string, line: number, text: string | null): void => {
    if (text !== null) notes.set(`${policy} ${file} ${text}`, { policy, file, line, text })
  }
  for (const { id, file, line, principal, resource } of set.written.bindings.bindings)
    for (const uid of [principal, resource]) add(id, file, line, mismatch(uid, profiles))
  const policies = new Set([...set.written.rules.values()].map(({ policy }) => policy))
  for (const policy of [...policies, ...set.templates.values()])
    for (const uid of namedBy(policy))
      add(policy.id, policy.file, policy.line, mismatch(uid, profiles))
  const defeatOf = createDefeats(set)
  for (const rule of set.written.rules.values()) {
    const { id, file, line } = rule.policy
    add(id, file, line, defeatOf(rule))
  }
  return [...notes.values()]
}

function namedBy({ named, principal, resource }: Policy): readonly Uid[] {
  return named ?? [principal, resource].filter((uid) => uid !== null)
}

/** Why nothing has this id; null if something may have it. */
function mismatch({ type, id }: Uid, profiles: Profiles): string | null {
  const shown = `${type}::"${id}"`
  const [place = ''] = PLACE.exec(id) ?? []
  if (place !== place.toLowerCase())
    return `names ${shown}, which matches nothing: ids of resources are in lower case; write "${place.toLowerCase()}${id.slice(place.length)}"`
  if (!CALLERS.includes(type)) return null
  const why = callerFault(type, id, profiles)
  return why === null ? null : `names ${shown}, which matches nobody: ${why}`
}

function callerFault(type: string, id: string, profiles: Profiles): string | null {
  const [, issuer, rest] = ISSUER.exec(id) ?? []
  if (issuer === undefined || rest === undefined)
    return 'it does not begin with the name of an issuer; write "<issuer>/<tenant>/<object id>", or "<issuer>/<id>"'
  if (profiles !== null && !profiles.has(issuer))
    return `no issuer is called "${issuer}"${didYouMean(issuer, profiles.keys())}`
  // without a configuration, an id is taken for Entra's if it looks like one
  const profile = profiles?.get(issuer) ?? (OBJECT.test(rest) || ENTRA.test(rest) ? 'entra' : null)
  const form = `write "${issuer}/<tenant id>/<object id>"`
  if (type === 'User' && rest.includes('@') && profile !== 'oidc')
    return `people are known by their id, not by an e-mail address or a login, which can change hands; ${
      profile === 'okta' ? `write "${issuer}/<id of the user>"` : form
    }`
  if (profile !== 'entra') return null
  if (OBJECT.test(rest)) return `the tenant is missing; ${form}`
  if (!ENTRA.test(rest)) return `it is no tenant and object id; ${form}`
  return rest === rest.toLowerCase()
    ? null
    : `ids are in lower case; write "${issuer}/${rest.toLowerCase()}"`
}

const isOpen = ({ principal, resource }: Rule): boolean => principal === null && resource === null

/** Why a permit gives less than it names, or nothing: forbids that hold whoever asks for whatever. */
function createDefeats(set: PolicySet): (permit: Rule) => string | null {
  const always = [...set.written.rules.values()].filter(dependsOnActionAlone)
  /** By forbids that look at nobody and nothing: of a template, the same wherever it is bound. */
  const known = new Map<Policy, string | null>()
  return (permit) => {
    const { policy } = permit
    if (policy.effect !== 'permit' || permit.shadow) return null
    const forbids = always.filter((forbid) => isForAllOf(forbid, permit))
    if (!forbids.every(isOpen)) return defeat(set, permit, forbids)
    const said = known.has(policy) ? (known.get(policy) ?? null) : defeat(set, permit, forbids)
    known.set(policy, said)
    return said
  }
}

function defeat(set: PolicySet, permit: Rule, forbids: readonly Rule[]): string | null {
  const covered = actionsOf(permit.policy, set.words)
  const defeated = covered.flatMap((action) => {
    const forbid = forbids.find((one) => holdsFor(set, one, permit, action))
    return forbid === undefined ? [] : [{ action, forbid }]
  })
  const [first] = defeated
  if (first === undefined) return null
  const by = `forbid "${first.forbid.policy.id}" refuses`
  if (defeated.length === covered.length)
    return `never permits anything: ${by} all that it names, whoever asks; take it out, or make an exception in that forbid`
  // of a group nobody expects that each action is there
  const listed = defeated.filter(
    ({ action }) => permit.policy.actions?.includes(action.id) === true,
  )
  if (listed.length === 0) return null
  const names = listed.map(({ action }) => action.id.replace(`${PROVIDER}/`, ''))
  const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : ''
  return `names ${names.slice(0, MAX_NAMED).join(', ')}${more}, which it never permits: ${by} that, whoever asks`
}

/** Whether it is a forbid that depends on nothing but its scope and the action. */
function dependsOnActionAlone({ policy, principal, resource, shadow, link }: Rule): boolean {
  if (policy.effect !== 'forbid' || shadow) return false
  // what lifts it is known only when a call is there
  if (policy.stepUp !== null || policy.approval !== null || policy.facts?.size !== 0) return false
  const inScope = [principal, resource, link?.principal, link?.resource]
  const isScope = (uid: Uid): boolean =>
    inScope.some((one) => one?.type === uid.type && one.id === uid.id)
  return policy.named?.every((uid) => uid.type === 'Action' || isScope(uid)) === true
}

/** Whether its scope holds all that the permit is for. */
function isForAllOf({ principal, resource }: Rule, permit: Rule): boolean {
  return (
    (principal === null || same(principal, permit.principal)) &&
    (resource === null || same(resource, permit.resource))
  )
}

const same = (one: Uid, other: Uid | null): boolean =>
  other !== null && one.type === other.type && one.id === other.id

const within = (uid: Uid | null): readonly Uid[] => (uid === null ? [] : [uid])

/** Whether it holds for every kind of caller and of resource that the permit can be for. */
function holdsFor(set: PolicySet, forbid: Rule, permit: Rule, action: Action): boolean {
  const slice = parseRules(`unmatched ${set.key} ${forbid.id}`, [forbid])
  const kinds = permit.policy.kind === null ? null : [permit.policy.kind]
  const types = kinds ?? typesOf(action, set.words.resourceTypes)
  const { principal, resource } = permit
  return (
    types.length > 0 &&
    types.every((type) =>
      KINDS_OF_CALLERS.every((caller) => {
        const answer = evaluate(slice, {
          principals: [{ type: caller, id: 'harness/anybody' }, ...within(principal)],
          action,
          resources: [{ type, id: 'harness/anything' }, ...within(resource)],
          context: {},
        })
        return answer.errors.length === 0 && answer.reasons.includes(forbid.id)
      }),
    )
  )
}
