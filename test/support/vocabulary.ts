/**
 * All that classification can say, for those who build on its words: the Cedar schema, `explain`, the docs.
 *
 * Verbs newer than the tables make actions that are not here; they classify by ARM's rule all the same.
 * @module
 */
import { PROVIDER, RESOURCE_TYPES } from '../../src/vocabulary/resource-types.ts'
import { FAMILIES } from '../../src/azureml/dataplane/families.ts'
import { effectOf } from '../../src/azureml/dataplane/global.ts'
import { DATA_PLANE_TYPES, cedarOf } from '../../src/azureml/dataplane/kinds.ts'
import type { Effect } from '../../src/vocabulary/operation.ts'
import { KNOWN_VERBS } from '../../src/vocabulary/verbs.ts'

/** An action with all that it can be done to. */
export interface KnownAction {
  readonly action: string
  readonly effect: Effect
  /** Cedar entity types of its resources. */
  readonly types: readonly string[]
}

const METHODS = ['read', 'write', 'delete'] as const

/** Cedar entity types of everything that can be a resource or an ancestor of one. */
export function knownTypes(): readonly string[] {
  return [
    ...new Set([
      'Subscription',
      'ResourceGroup',
      'Provider',
      'DiagnosticSetting',
      'MetricDefinition',
      'LogDefinition',
      ...RESOURCE_TYPES.map(({ cedar }) => cedar),
      ...DATA_PLANE_TYPES,
    ]),
  ]
}

/** Every action that the tables can produce, in published spelling. */
export function knownActions(): readonly KnownAction[] {
  const found = new Map<string, { effect: Effect; types: Set<string> }>()
  function add(action: string, effect: Effect, type: string): void {
    const known = found.get(action) ?? { effect, types: new Set() }
    known.types.add(type)
    found.set(action, known)
  }

  const cedar = new Map(RESOURCE_TYPES.map((type) => [type.path.toLowerCase(), type.cedar]))
  for (const type of RESOURCE_TYPES) {
    for (const effect of METHODS)
      add(`${PROVIDER}/${type.action ?? type.path}/${effect}`, effect, type.cedar)
  }
  for (const { on, verb, action, effect } of KNOWN_VERBS) {
    add(
      `${PROVIDER}/${action ?? `${on}/${verb}/action`}`,
      effect ?? 'invoke',
      cedar.get(on.toLowerCase()) ?? '',
    )
  }
  for (const route of FAMILIES.flatMap(({ routes }) => routes)) {
    add(`${PROVIDER}/${route.action}`, effectOf(route.action), cedarOf(route.kind))
  }
  for (const path of ['diagnosticSettings', 'metricDefinitions', 'logDefinitions'] as const) {
    add(
      `${PROVIDER}/workspaces/providers/Microsoft.Insights/${path}/read`,
      'read',
      EXTENSION_TYPES[path],
    )
  }
  add(
    `${PROVIDER}/workspaces/providers/Microsoft.Insights/diagnosticSettings/write`,
    'write',
    'DiagnosticSetting',
  )
  add(`${PROVIDER}/workspaces/onlineEndpoints/score/action`, 'invoke', 'OnlineEndpoint')
  add(`${PROVIDER}/workspaces/environments/readSecrets/action`, 'invoke', 'EnvironmentVersion')
  add(`${PROVIDER}/register/action`, 'invoke', 'Subscription')
  add('Microsoft.Resources/subscriptions/read', 'read', 'Subscription')
  add('Microsoft.Resources/subscriptions/resourceGroups/read', 'read', 'ResourceGroup')
  add('Microsoft.Resources/subscriptions/providers/read', 'read', 'Provider')
  return [...found].map(([action, { effect, types }]) => ({ action, effect, types: [...types] }))
}

const EXTENSION_TYPES = {
  diagnosticSettings: 'DiagnosticSetting',
  metricDefinitions: 'MetricDefinition',
  logDefinitions: 'LogDefinition',
} as const
