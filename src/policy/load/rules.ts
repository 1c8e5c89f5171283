/**
 * The rules in force: policies as written and templates as bound.
 * @module
 */
import type { TemplateLink } from '@cedar-policy/cedar-wasm/nodejs'
import { createHash } from 'node:crypto'
import type { Binding, Bindings } from './bindings.ts'
import type { Uid } from './conditions.ts'
import type { OwnersLine } from './owners.ts'
import type { Requests } from './requests.ts'
import { isInForce, spanAround, type Span } from './period.ts'
import type { Policy } from './source.ts'
import type { Words } from './words.ts'

/** A policy in force: one written without slots, or a template bound by one binding. */
export interface Rule {
  /** The policy's `@id`, or `<template>@<binding>`. */
  readonly id: string
  readonly policy: Policy
  /** What the slots stand for; null for a policy without slots. */
  readonly link: {
    readonly binding: string
    readonly principal: Uid
    readonly resource: Uid
  } | null
  /** The one entity that principal or resource must be or be in; null if any will do. */
  readonly principal: Uid | null
  readonly resource: Uid | null
  readonly shadow: boolean
}

/** Everything that decisions are made from. Never changed once made. */
export interface PolicySet {
  /** SHA-256 over all that it was loaded from, in hex. */
  readonly version: string
  /** What caches are keyed by: the version, and which of its bindings are in force. */
  readonly key: string
  /** The instant for which it was made, in milliseconds since the epoch, and the time in which it stays the same. */
  readonly at: number
  readonly holds: Span
  /** Rules in force at that instant. */
  readonly rules: ReadonlyMap<string, Rule>
  readonly templates: ReadonlyMap<string, Policy>
  /** Bindings in force at that instant. */
  readonly bindings: Bindings
  /** What grants give at this moment, besides the files; the principal of each is the grant itself. */
  readonly grants: readonly Binding[]
  /** All of the files, in force or not. */
  readonly written: {
    readonly bindings: Bindings
    readonly rules: ReadonlyMap<string, Rule>
  }
  /** Who reviews what, in the order of the file. */
  readonly owners: readonly OwnersLine[]
  /** Who may ask for what. */
  readonly requests: Requests
  readonly words: Words
  /** Facts that some policy asks for; null if one takes the context as a whole. */
  readonly facts: ReadonlySet<string> | null
}

/**
 * The same files at another instant.
 * @param now milliseconds since the epoch
 */
export function setAt(
  set: Omit<PolicySet, 'at' | 'key' | 'holds' | 'rules' | 'bindings' | 'grants'>,
  now: number,
): PolicySet {
  const { written, version } = set
  const holds = spanAround(written.bindings.bindings, now)
  const bindings = written.bindings.bindings.filter((binding) => isInForce(binding, now))
  const ids = new Set(bindings.map(({ id }) => id))
  const inForce = ({ link }: Rule): boolean => link === null || ids.has(link.binding)
  return Object.freeze({
    ...set,
    at: now,
    holds,
    key: holds.since === -Infinity ? version : `${version} since ${holds.since}`,
    rules: new Map([...written.rules].filter(([, rule]) => inForce(rule))),
    bindings: { ...written.bindings, bindings },
    grants: [],
  })
}

/**
 * The same files at the same instant, with what grants give besides. A grant of a template that permits nothing, or that
 * is not there any more, gives nothing.
 */
export function withGrants(set: PolicySet, granted: readonly Binding[]): PolicySet {
  const grants = granted.filter(({ template }) => {
    const policy = set.templates.get(template)
    return policy !== undefined && policy.effect === 'permit' && !policy.shadow
  })
  if (grants.length === 0) return set
  const ids = createHash('sha256').update(JSON.stringify(grants.map(({ id }) => id)))
  const rules = rulesOf([], set.templates, { ...set.bindings, bindings: grants })
  return Object.freeze({
    ...set,
    // what a grant gives never changes, so their ids tell one set from another
    key: `${set.key} granted ${ids.digest('hex')}`,
    rules: new Map([...set.rules, ...rules]),
    grants,
  })
}

/** Policies without slots, and each template once a binding. */
export function rulesOf(
  policies: readonly Policy[],
  templates: ReadonlyMap<string, Policy>,
  bindings: Bindings,
): Map<string, Rule> {
  const rules = new Map<string, Rule>()
  for (const policy of policies) {
    const { id, principal, resource, shadow } = policy
    rules.set(id, { id, policy, link: null, principal, resource, shadow })
  }
  for (const { id: binding, template, principal, resource, shadow } of bindings.bindings) {
    const policy = templates.get(template)
    if (policy === undefined) continue
    const id = `${template}@${binding}`
    const link = { binding, principal, resource }
    rules.set(id, { id, policy, link, principal, resource, shadow: shadow || policy.shadow })
  }
  return rules
}

/** Rules in Cedar's own terms, as they are written. */
export function cedarPolicies(rules: Iterable<Rule>) {
  const staticPolicies = new Map<string, string>()
  const templates = new Map<string, string>()
  const templateLinks: TemplateLink[] = []
  for (const { id, policy, link } of rules) {
    if (link === null) {
      staticPolicies.set(id, policy.text)
      continue
    }
    templates.set(policy.id, policy.text)
    templateLinks.push({
      templateId: policy.id,
      newId: id,
      values: { '?principal': link.principal, '?resource': link.resource },
    })
  }
  return {
    staticPolicies: Object.fromEntries(staticPolicies),
    templates: Object.fromEntries(templates),
    templateLinks,
  }
}
