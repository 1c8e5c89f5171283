/**
 * Which fields of an operation's answer the rewriter looks at.
 * @module
 */
import { PROVIDER } from '../../vocabulary/resource-types.ts'
import {
  ANY_SECRET,
  ARM_FIELDS,
  ARM_SERVICES,
  DATA_PLANE_FIELDS,
  DISCOVERY,
  MLFLOW,
  PAGING,
  REGISTRY_DISCOVERY,
  SECRET_FIELDS,
} from './fields.ts'
import { compilePlan } from './json-plan.ts'
import type { FieldRule, PlanNode } from './json-plan.ts'
import type { Operation } from '../../vocabulary/operation.ts'

const plans = new Map<string, PlanNode | null>()

/**
 * The plan for the JSON answer of an operation; null if its bytes pass unchanged. Tokens of runs are removed
 * with or without `redact`, because they come with plain reads.
 *
 * @param redact whether policy permitted the answer without its secrets
 */
export function rewritePlan(operation: Operation, redact = false): PlanNode | null {
  const removed = redact && operation.secrets
  const secret = removed ? secretKey(operation) : ''
  // every part of the key comes from a table, so the cache cannot grow without end
  const key = `${operation.family} ${operation.resource.type} ${isDiscovery(operation)} ${secret}`
  const known = plans.get(key)
  if (known !== undefined) return known
  // where secrets are removed, the URL rules must not spare a field
  const rules = removed
    ? [...PAGING, ...(SECRET_FIELDS.get(secret) ?? ANY_SECRET)]
    : urls(operation)
  const plan = rules.length === 0 ? null : compilePlan(rules)
  plans.set(key, plan)
  return plan
}

function urls(operation: Operation): readonly FieldRule[] {
  const { family, resource } = operation
  switch (family) {
    case 'arm':
      return [...PAGING, ...ARM_SERVICES, ...armFields(resource.type)]
    case 'dataplane':
      if (isDiscovery(operation)) return DISCOVERY
      return [
        ...PAGING,
        ...ARM_SERVICES,
        ...armFields(resource.type),
        ...(DATA_PLANE_FIELDS.get(resource.type) ?? []),
      ]
    case 'mlflow':
      return [...PAGING, ...MLFLOW]
    case 'registry':
      return [...PAGING, ...REGISTRY_DISCOVERY]
    case 'scoring':
      // an online endpoint answers what its model says; a batch endpoint answers with jobs
      return resource.type === 'BatchJob' ? [...PAGING, ...armFields('BatchJob')] : []
    case 'harness':
      // the gateway's own answers name nothing of Azure's hosts
      return []
    default:
      return family satisfies never
  }
}

/** The final answer of a long-running operation is the resource itself, of whatever type. */
function armFields(type: string): readonly FieldRule[] {
  if (type === 'OperationStatus') return [...ARM_FIELDS.values()].flat()
  return ARM_FIELDS.get(type) ?? []
}

function isDiscovery({ resource, scope }: Operation): boolean {
  return scope === null && /^\/discovery(?:\/|$)/.test(resource.id)
}

/** The action under the provider if it has fields of its own, else one key for all others. */
function secretKey(operation: Operation): string {
  const action = operation.action.slice(PROVIDER.length + 1).toLowerCase()
  return SECRET_FIELDS.has(action) ? action : '*'
}
