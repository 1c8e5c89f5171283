/**
 * Explains one verdict to people. It decides nothing itself; it looks up what decided.
 * @module
 */
import type { Operation } from '../../vocabulary/operation.ts'
import type { Principal } from '../../identity/principal.ts'
import type { Verdict } from '../decide.ts'
import { isInEffect, PERMIT_EFFECTS, type Effects } from '../effects.ts'
import { principalUids, resourceUids } from '../engine/entities.ts'
import { NOT_LIFTED } from '../engine/judge.ts'
import type { PolicySet, Rule } from '../load/rules.ts'

/** One rule that decided. */
export interface ExplainedRule {
  readonly id: string
  readonly effect: 'permit' | 'forbid'
  readonly file: string
  readonly line: number
  readonly reason: string
  /** For a bound template: whom and what the binding names, and whether the resource only inherits it. */
  readonly binding: {
    readonly id: string
    readonly line: number
    readonly principal: string
    readonly resource: string
    readonly inherited: boolean
  } | null
}

/** An effect and the rules that brought it. */
export interface ExplainedEffect {
  readonly name: keyof Effects
  readonly value: string
  readonly from: readonly string[]
}

/** All that there is to say of one verdict. */
export interface Explanation {
  readonly verdict: 'permit' | 'refuse'
  readonly code: string | null
  readonly principal: string
  readonly memberships: readonly string[]
  readonly action: string
  readonly groups: readonly string[]
  readonly resource: string
  readonly inside: readonly string[]
  readonly rules: readonly ExplainedRule[]
  readonly effects: readonly ExplainedEffect[]
  readonly reason: string
  /** What would have to change; null for a permit. */
  readonly remedy: string | null
  readonly shadow: readonly string[]
  readonly version: string
}

const textOf = ({ type, id }: { type: string; id: string }): string => `${type}::"${id}"`

function explainRule(
  { id, policy, link }: Rule,
  set: PolicySet,
  operation: Operation,
): ExplainedRule {
  const { effect, file, line, reason } = policy
  const bound = set.bindings.bindings.find((binding) => binding.id === link?.binding)
  const nearest = operation.scope ?? operation.resource.id
  const binding =
    link === null || bound === undefined
      ? null
      : {
          id: link.binding,
          line: bound.line,
          principal: textOf(link.principal),
          resource: textOf(link.resource),
          inherited: link.resource.id !== nearest,
        }
  return { id, effect, file, line, reason, binding }
}

function explainEffects(effects: Effects, rules: readonly Rule[]): ExplainedEffect[] {
  return PERMIT_EFFECTS.filter((name) => isInEffect(effects[name])).map((name) => ({
    name,
    value: String(effects[name]),
    from: rules.filter(({ policy }) => policy[name] === effects[name]).map(({ id }) => id),
  }))
}

/** Explains a verdict of `decide` over the same set, principal and operation. */
export function explain(
  set: PolicySet,
  principal: Principal,
  operation: Operation,
  verdict: Verdict,
): Explanation {
  const { decision } = verdict
  const action = set.words.actionOf(operation)
  const [who = '', ...memberships] = principalUids(principal).map(textOf)
  const [resource = '', ...inside] = resourceUids(operation).map(textOf)
  const rules = decision.policies.flatMap((id) => set.rules.get(id) ?? [])
  return {
    verdict: decision.verdict,
    code: verdict.permit === null ? verdict.refusal.code : null,
    principal: who,
    memberships,
    action: action.id,
    groups: action.parents,
    resource,
    inside,
    rules: rules.map((rule) => explainRule(rule, set, operation)),
    effects: verdict.permit === null ? [] : explainEffects(verdict.permit.effects, rules),
    reason: decision.reason,
    remedy: verdict.permit === null ? remedyOf(verdict.refusal.detail.remedy, rules) : null,
    shadow: decision.shadow,
    version: decision.version,
  }
}

function remedyOf(remedy: string | undefined, rules: readonly Rule[]): string {
  if (remedy !== undefined && remedy !== NOT_LIFTED) return remedy
  const ids = rules.map(({ id }) => id).join(', ')
  return rules.length === 0
    ? 'the policies have to be fixed first'
    : `policy ${ids} forbids this; adding a permit does not help: change that policy`
}

/** `util.styleText`, or what leaves the text as it is. */
type Style = (format: 'green' | 'red' | 'bold', text: string) => string

const PLAIN: Style = (_format, text) => text

/** The explanation as lines of text. */
export function explanationText(explained: Explanation, paint: Style = PLAIN): string {
  const verdict = `${explained.verdict}${explained.code === null ? '' : ` (${explained.code})`}`
  const lines = [
    `${paint(explained.verdict === 'permit' ? 'green' : 'red', verdict)}: ${explained.reason}`,
    '',
    `who     ${explained.principal}`,
    ...explained.memberships.map((group) => `        in ${group}`),
    `does    ${explained.action}`,
    `        in ${explained.groups.join(', ')}`,
    `on      ${explained.resource}`,
    ...explained.inside.map((place) => `        in ${place}`),
    '',
  ]
  for (const rule of explained.rules) {
    lines.push(
      `${rule.effect.padEnd(8)}${paint('bold', rule.id)} (${rule.file}:${rule.line}): ${rule.reason}`,
    )
    if (rule.binding === null) continue
    const { principal, resource, inherited, line } = rule.binding
    lines.push(
      `        bound in line ${line} for ${principal} on ${resource}${inherited ? ', inherited' : ''}`,
    )
  }
  for (const { name, value, from } of explained.effects) {
    lines.push(`effect  ${name}: ${value}, from ${from.join(', ')}`)
  }
  if (explained.remedy !== null) lines.push(`change  ${paint('bold', explained.remedy)}`)
  if (explained.shadow.length > 0)
    lines.push(`shadow  ${explained.shadow.join(', ')} would have decided otherwise`)
  lines.push(`policy  ${explained.version}`)
  return lines.join('\n')
}
