/**
 * Past decisions asked again: what a change of policy would have changed.
 *
 * Memberships are taken from the record and from the bindings that decided. A record whose decision the old policies
 * do not reproduce from what it has (a body's tags, say, are in no record) is counted and left out, never guessed at.
 * @module
 */
import type { Effect, Family, Operation } from '../azureml/operation.ts'
import type { Principal, PrincipalKind } from '../identity/principal.ts'
import { ancestorsOf } from './cases.ts'
import { Refusal } from '../errors.ts'
import { createDecide, type Verdict } from './decide.ts'
import type { Facts } from './facts.ts'
import { principalOf } from './given.ts'
import type { PolicySet } from './rules.ts'

/** The columns of one record. */
export type Row = ReadonlyMap<string, unknown>

/** A record as a question, with the answer that it was given. */
export interface Asked {
  readonly id: string
  readonly principal: Principal
  readonly operation: Operation
  readonly facts: Facts
  readonly verdict: string
  readonly policies: readonly string[]
}

const KINDS: readonly PrincipalKind[] = ['user', 'service', 'compute']
const EFFECTS: readonly Effect[] = ['read', 'write', 'delete', 'invoke']
const FAMILIES: readonly Family[] = ['arm', 'dataplane', 'mlflow', 'scoring', 'registry']

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

function operationOf(row: Row): Operation | null {
  const action = text(row, 'Action')
  const type = text(row, 'ResourceType')
  const id = text(row, 'TargetResourceId')
  const effect = EFFECTS.find((one) => one === text(row, 'Effect'))
  const family = FAMILIES.find((one) => one === text(row, 'Family'))
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
  // whom a binding that decided names, the caller was: even where a record had no room for all memberships
  const members = (type: string, column?: string): string[] => [
    ...new Set([
      ...(column === undefined ? [] : texts(row, column)),
      ...links.flatMap((uid) => (uid.type === type ? [uid.id] : [])),
    ]),
  ]
  const facts = factsOf(row)
  const principal = {
    ...principalOf({
      kind,
      id,
      tenant: text(row, 'PrincipalTenant'),
      client: text(row, 'PrincipalClient'),
      groups: members('Group', 'PrincipalGroups'),
      roles: members('Role', 'PrincipalRoles'),
      methods: listIn(facts, 'methods'),
      scopes: listIn(facts, 'scopes'),
      workspace: text(row, 'PrincipalWorkspace') ?? members('Workspace')[0] ?? null,
    }),
    issuer: text(row, 'PrincipalIssuer') ?? '',
  }
  return {
    id: text(row, 'ExchangeId') ?? '',
    principal,
    operation,
    facts,
    verdict,
    policies,
  }
}

/** Decisions that change in the same way: who, on what kind of thing, from what to what. */
export interface Change {
  readonly principal: string
  readonly action: string
  readonly workspace: string | null
  readonly before: string
  readonly after: string
  readonly count: number
  /** A decision id, for `explain`. */
  readonly example: string
}

export interface Replay {
  /** Decisions that the old policies reproduce, and that were asked of the new ones. */
  readonly replayed: number
  /** Decisions that the old policies do not reproduce from what the record has. */
  readonly unreproducible: number
  readonly changes: readonly Change[]
}

function answer(verdict: Verdict): string {
  const { decision } = verdict
  const identity = verdict.permit === null ? '' : ` as ${verdict.permit.effects.identity}`
  return `${decision.verdict}${identity} by ${decision.policies.join(', ') || 'default'}`
}

/**
 * The judge for recorded decisions. A record does not say how its caller had signed in, but a permit says that it was
 * well enough.
 */
export function createRedecide(set: PolicySet): (asked: Asked) => Verdict {
  let permitted = false
  const decide = createDecide(set, {
    checkSignIn: () =>
      permitted ? null : new Refusal('insufficient_scope', 'the sign-in was not good enough'),
  })
  return (asked) => {
    permitted = asked.verdict === 'permit'
    return decide(asked.principal, asked.operation, asked.facts)
  }
}

/** The verdict if it is the recorded one, by the same policies; else null. */
export function reproduces(redecide: (asked: Asked) => Verdict, asked: Asked): Verdict | null {
  const verdict = redecide(asked)
  const same =
    verdict.decision.verdict === asked.verdict &&
    verdict.decision.policies.toSorted().join(' ') === asked.policies.toSorted().join(' ')
  return same ? verdict : null
}

/** Replays records against two sets of policies. */
export async function replay(
  before: PolicySet,
  after: PolicySet,
  rows: AsyncIterable<Row> | Iterable<Row>,
): Promise<Replay> {
  const old = createRedecide(before)
  const now = createRedecide(after)
  const changes = new Map<string, Change>()
  let replayed = 0
  let unreproducible = 0
  for await (const row of rows) {
    const asked = askedIn(row, before)
    if (asked === null) continue
    const verdict = reproduces(old, asked)
    if (verdict === null) {
      unreproducible++
      continue
    }
    replayed++
    const was = answer(verdict)
    const is = answer(now(asked))
    if (was === is) continue
    const change = {
      principal: asked.principal.id,
      action: asked.operation.action,
      workspace: asked.operation.scope,
      before: was,
      after: is,
    }
    const key = JSON.stringify(change)
    const known = changes.get(key)
    changes.set(key, {
      ...change,
      count: (known?.count ?? 0) + 1,
      example: known?.example ?? asked.id,
    })
  }
  const all = [...changes.values()].sort((one, other) => other.count - one.count)
  return { replayed, unreproducible, changes: all }
}
