/**
 * One request as Cedar's entities and context.
 * @module
 */
import type { CedarValueJson, Context } from '@cedar-policy/cedar-wasm/nodejs'
import type { Operation } from '../../vocabulary/operation.ts'
import type { Principal } from '../../identity/principal.ts'
import { ABSENT, factKind, type Facts } from '../facts.ts'
import type { Uid } from '../load/conditions.ts'
import type { Action } from '../load/words.ts'

/** Who (itself first, then what it is a member of), what, on what (itself first, then what it is in). */
export interface Question {
  readonly principals: readonly Uid[]
  readonly action: Action
  readonly resources: readonly Uid[]
  readonly context: Context
}

export function isOneOf({ type, id }: Uid, uids: readonly Uid[]): boolean {
  return uids.some((uid) => uid.type === type && uid.id === id)
}

/** A map by type and id. It looks up the id first, because joining the two, long as ids are, costs more than that. */
export interface UidMap<T> {
  readonly get: (uid: Uid) => T | undefined
  readonly set: (uid: Uid, value: T) => void
}

export function createUidMap<T>(): UidMap<T> {
  const byId = new Map<string, Map<string, T>>()
  return {
    get: ({ type, id }) => byId.get(id)?.get(type),
    set: ({ type, id }, value) => {
      const byType = byId.get(id) ?? new Map<string, T>()
      byId.set(id, byType)
      byType.set(type, value)
    },
  }
}

/** The type of what a caller is a member of by a grant, for as long as it holds. No token and no binding can name it. */
export const GRANT_TYPE = 'Grant'

const KIND_TYPE = { user: 'User', service: 'Service', compute: 'Compute' } as const

/** The caller and everything that the caller is a member of, itself first. */
export function principalUids(principal: Principal): readonly Uid[] {
  return [
    { type: KIND_TYPE[principal.kind], id: principal.id },
    ...principal.groups.map((id) => ({ type: 'Group', id })),
    ...principal.roles.map((id) => ({ type: 'Role', id })),
    // only a cluster's own identity acts for its workspace, whatever else a token claims
    ...(principal.kind === 'compute' && principal.workspace !== null
      ? [{ type: 'Workspace', id: principal.workspace }]
      : []),
    ...(principal.grants ?? []).map((id) => ({ type: GRANT_TYPE, id })),
  ]
}

/** The resource and everything that it is a part of, itself first. */
export function resourceUids({ resource }: Operation): readonly Uid[] {
  return [{ type: resource.type, id: resource.id }, ...resource.ancestors]
}

/** What an ARM id is inside of, itself first: workspace or registry, resource group, subscription. */
export function ancestorsOf(id: string): { type: string; id: string }[] {
  const parts = id.split('/')
  const type = parts[7] === 'registries' ? 'Registry' : 'Workspace'
  return [
    { type, length: 9 },
    { type: 'ResourceGroup', length: 5 },
    { type: 'Subscription', length: 3 },
  ]
    .filter(({ length }) => parts.length >= length)
    .map(({ type: kind, length }) => ({ type: kind, id: parts.slice(0, length).join('/') }))
}

/** An entity as Cedar takes it. */
export interface CedarEntity {
  readonly uid: Uid
  readonly attrs: Record<string, never>
  readonly parents: Uid[]
}

/**
 * An entity with all its ancestors as parents, so that those need no entities of their own; only ancestors that the
 * policies in question name.
 */
export function entityOf(
  [uid, ...ancestors]: readonly Uid[],
  named: UidMap<true> | null,
): CedarEntity {
  if (uid === undefined) throw new TypeError('an entity needs an id')
  const parents = named === null ? ancestors : ancestors.filter((one) => named.get(one) === true)
  return { uid, attrs: {}, parents: [...parents] }
}

function valueOf(name: string, value: Facts[string]): CedarValueJson {
  const kind = factKind(name)
  if (kind === 'ip' || kind === 'datetime') return { __extn: { fn: kind, arg: String(value) } }
  return typeof value === 'object' ? [...value] : value
}

/** Facts as Cedar takes them. */
export function contextOf(facts: Facts): Record<string, CedarValueJson> {
  return Object.fromEntries(
    Object.entries(facts).flatMap(([name, value]) =>
      name === ABSENT ? [] : [[name, valueOf(name, value)] as const],
    ),
  )
}
