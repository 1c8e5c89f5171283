/**
 * Records as questions: who asked what, as far as the columns of a record tell.
 *
 * Memberships are taken from the record and from the bindings that decided.
 * @module
 */
import { AZURE_FAMILIES, EFFECTS, type Operation } from '../../vocabulary/operation.ts'
import type { Principal, PrincipalKind } from '../../identity/principal.ts'
import { ancestorsOf } from '../engine/entities.ts'
import type { Facts } from '../facts.ts'
import { principalOf } from './given.ts'
import type { PolicySet } from '../load/rules.ts'

/** The columns of one record. */
export type Row = ReadonlyMap<string, unknown>

/** A record as a question, with the answer that it was given. */
export interface Asked {
  readonly id: string
  readonly principal: Principal
  readonly operation: Operation
  readonly facts: Facts
  readonly verdict: string
  /** The first of the policies that decided, and how many there were. */
  readonly policies: readonly string[]
  readonly policyCount: number
}

const KINDS: readonly PrincipalKind[] = ['user', 'service', 'compute']

/** Records hold ages as of the call, so one moment serves for all. */
export const NOW = 0

function text(row: Row, name: string): string | null {
  const value = row.get(name)
  return typeof value === 'string' && value !== '' ? value : null
}

function texts(row: Row, name: string): string[] {
  const value = row.get(name)
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

function factsOf(row: Row): Facts {
  const value = row.get('Facts')
  if (typeof value !== 'object' || value === null) return {}
  const facts = new Map<string, Facts[string]>()
  for (const [name, fact] of Object.entries<unknown>({ ...value })) {
    if (typeof fact === 'string' || typeof fact === 'number' || typeof fact === 'boolean') {
      facts.set(name, fact)
    } else if (Array.isArray(fact)) {
      facts.set(
        name,
        fact.filter((item) => typeof item === 'string'),
      )
    }
  }
  return Object.fromEntries(facts)
}

function listIn(facts: Facts, name: string): string[] {
  const value = Object.hasOwn(facts, name) ? facts[name] : undefined
  return typeof value === 'object' ? [...value] : []
}

function numberIn(facts: Facts, name: string): number | null {
  const value = Object.hasOwn(facts, name) ? facts[name] : undefined
  return typeof value === 'number' ? value : null
}

function operationOf(row: Row): Operation | null {
  const action = text(row, 'Action')
  const type = text(row, 'ResourceType')
  const id = text(row, 'TargetResourceId')
  const effect = EFFECTS.find((one) => one === text(row, 'Effect'))
  const family = AZURE_FAMILIES.find((one) => one === text(row, 'Family'))
  if (action === null || type === null || id === null) return null
  if (effect === undefined || family === undefined) return null
  const ancestors = ancestorsOf(
    id.startsWith('/subscriptions/') ? id : (text(row, 'Workspace') ?? ''),
  )
  return {
    action,
    effect,
    resource: { type, id, ancestors: ancestors.filter((ancestor) => ancestor.id !== id) },
    family,
    secrets: row.get('Secrets') === true || text(row, 'RefusalCode') === 'secrets_refused',
    longRunning: false,
    scope: text(row, 'Workspace'),
    inspectable: false,
  }
}

/** The question that a record answers, or null if it answers none. */
export function askedIn(row: Row, set: PolicySet): Asked | null {
  const recorded = row.get('RecordKind')
  const kind = KINDS.find((one) => one === text(row, 'PrincipalKind'))
  const id = text(row, 'PrincipalId')
  const operation = operationOf(row)
  const verdict = text(row, 'Decision')
  if (recorded !== 'authorized' && recorded !== 'refused') return null
  if (kind === undefined || id === null || operation === null || verdict === null) return null
  const policies = texts(row, 'PolicyIds')
  const links = policies.flatMap((policy) => set.rules.get(policy)?.link?.principal ?? [])
  // a binding that decided proves a membership, even where the record had no room for all of them
  const members = (type: string, column?: string): string[] => [
    ...new Set([
      ...(column === undefined ? [] : texts(row, column)),
      ...links.flatMap((uid) => (uid.type === type ? [uid.id] : [])),
    ]),
  ]
  const facts = factsOf(row)
  const ageSeconds = numberIn(facts, 'signInAgeSeconds') ?? numberIn(facts, 'tokenAgeSeconds')
  const given = {
    kind,
    id,
    tenant: text(row, 'PrincipalTenant'),
    client: text(row, 'PrincipalClient'),
    groups: members('Group', 'PrincipalGroups'),
    roles: members('Role', 'PrincipalRoles'),
    methods: listIn(facts, 'methods'),
    scopes: listIn(facts, 'scopes'),
    workspace: text(row, 'PrincipalWorkspace') ?? members('Workspace')[0] ?? null,
    ...(ageSeconds === null ? {} : { signedIn: { ageSeconds } }),
  }
  return {
    id: text(row, 'ExchangeId') ?? '',
    principal: { ...principalOf(given, NOW), issuer: text(row, 'PrincipalIssuer') ?? '' },
    operation,
    facts,
    verdict,
    policies,
    policyCount: Number(row.get('PolicyCount') ?? policies.length),
  }
}
