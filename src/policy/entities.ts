/**
 * One request as Cedar's entities and context.
 * @module
 */
import type { CedarValueJson, EntityJson } from '@cedar-policy/cedar-wasm/nodejs'
import type { Operation } from '../azureml/operation.ts'
import type { Principal } from '../identity/principal.ts'
import { factKind, type Facts } from './facts.ts'
import type { Uid } from './conditions.ts'
import type { UidMap } from './uid-map.ts'

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
  ]
}

/** The resource and everything that it is a part of, itself first. */
export function resourceUids({ resource }: Operation): readonly Uid[] {
  return [{ type: resource.type, id: resource.id }, ...resource.ancestors]
}

/**
 * An entity whose parents are all its ancestors, so that those need no entities. Of the ancestors only those that
 * the policies in question name are told.
 */
export function entityOf(
  [uid, ...ancestors]: readonly Uid[],
  named: UidMap<true> | null,
): EntityJson {
  if (uid === undefined) throw new TypeError('an entity needs an id')
  const parents = named === null ? ancestors : ancestors.filter((one) => named.get(one) === true)
  return { uid, attrs: {}, parents: [...parents] }
}

/** Facts that come with the principal and the operation themselves. */
function ownFacts(principal: Principal, operation: Operation): Facts {
  return {
    issuer: principal.issuer,
    ...(principal.tenant === null ? {} : { tenant: principal.tenant }),
    ...(principal.client === null ? {} : { client: principal.client }),
    methods: principal.methods,
    scopes: principal.scopes,
    family: operation.family,
  }
}

function valueOf(name: string, value: Facts[string]): CedarValueJson {
  const kind = factKind(name)
  if (kind === 'ip' || kind === 'datetime') return { __extn: { fn: kind, arg: String(value) } }
  return typeof value === 'object' ? [...value] : value
}

/** The facts that policies ask for, in a fixed order; facts that none asks for cannot change a decision. */
export function contextOf(
  asked: ReadonlySet<string> | null,
  principal: Principal,
  operation: Operation,
  facts: Facts,
): Record<string, CedarValueJson> {
  if (asked?.size === 0) return {}
  const all = { ...facts, ...ownFacts(principal, operation) }
  return Object.fromEntries(
    Object.entries(all)
      .filter(([name]) => factKind(name) !== undefined && (asked === null || asked.has(name)))
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, value]) => [name, valueOf(name, value)]),
  )
}
