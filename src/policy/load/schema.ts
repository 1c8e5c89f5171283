/**
 * The published Cedar schema: principals, one resource type a kind, every action with its groups, the facts.
 * Policies are checked against it when they are loaded; requests are not (it would cost more than the decision).
 * @module
 */
import type { ActionType, EntityType, SchemaJson, Type } from '@cedar-policy/cedar-wasm/nodejs'
import { FACTS, type FactKind } from '../facts.ts'
import { parentsOf, cedarTypesOf } from '../../vocabulary/resource-types.ts'
import { GROUPS, ROLE_GROUPS, type Words } from './words.ts'

const CEDAR_TYPE: Readonly<Record<FactKind, Type<string>>> = {
  string: { type: 'String' },
  long: { type: 'Long' },
  boolean: { type: 'Boolean' },
  strings: { type: 'Set', element: { type: 'String' } },
  ip: { type: 'Extension', name: 'ipaddr' },
  datetime: { type: 'Extension', name: 'datetime' },
}

/** Who can ask. */
export const PRINCIPAL_TYPES = ['User', 'Service', 'Compute']

function entityTypes(resourceTypes: readonly string[]): Record<string, EntityType<string>> {
  const principals: [string, EntityType<string>][] = [
    ['Group', {}],
    ['Role', {}],
    ['User', { memberOfTypes: ['Group', 'Role'] }],
    ['Service', { memberOfTypes: ['Group', 'Role'] }],
    // a cluster's identity acts for the workspace that the cluster is a part of
    ['Compute', { memberOfTypes: ['Group', 'Role', 'Workspace'] }],
  ]
  const resources = resourceTypes.map((type): [string, EntityType<string>] => [
    type,
    { memberOfTypes: parentsOf(type).filter((parent) => resourceTypes.includes(parent)) },
  ])
  return Object.fromEntries([...principals, ...resources])
}

function actionTypes(words: Words): Record<string, ActionType<string>> {
  const groups = [...GROUPS, ...ROLE_GROUPS].map((name): [string, ActionType<string>] => [name, {}])
  const actions = words.actions.map(({ id, name, parents }): [string, ActionType<string>] => [
    id,
    {
      memberOf: parents.map((parent) => ({ id: parent })),
      appliesTo: {
        principalTypes: PRINCIPAL_TYPES,
        resourceTypes: cedarTypesOf(name, words.resourceTypes),
        context: { type: 'Facts' },
      },
    },
  ])
  return Object.fromEntries([...groups, ...actions])
}

/** The schema in Cedar's JSON form. */
export function createSchema(words: Words): SchemaJson<string> {
  const attributes = Object.fromEntries(
    Object.entries(FACTS).map(([name, [kind]]) => [name, { ...CEDAR_TYPE[kind], required: false }]),
  )
  return {
    '': {
      commonTypes: { Facts: { type: 'Record', attributes } },
      entityTypes: entityTypes(words.resourceTypes),
      actions: actionTypes(words),
    },
  }
}
