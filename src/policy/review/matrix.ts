/**
 * Which template grants which operation, as a table for people.
 * @module
 */
import { ancestorsOf } from '../engine/entities.ts'
import { createNeeded } from '../engine/refusal-advice.ts'
import { evaluate } from '../engine/evaluate.ts'
import { PROVIDER, cedarTypesOf } from '../../vocabulary/resource-types.ts'
import type { PolicySet } from '../load/rules.ts'
import { parseRules } from '../engine/slices.ts'

const WORKSPACE =
  '/subscriptions/00000000-0000-0000-0000-000000000000/resourcegroups/rg/providers/microsoft.machinelearningservices/workspaces/ws'

/** An action with the templates that grant it. */
export interface MatrixRow {
  readonly action: string
  readonly group: string
  readonly templates: ReadonlySet<string>
  /** Ids of policies that forbid it whoever is bound; then no template grants it. */
  readonly forbiddenBy: readonly string[]
}

/** Judges every action for every template, without facts: what a condition on facts would permit is not in it. */
export function policyMatrix(set: PolicySet): MatrixRow[] {
  const neededFor = createNeeded(set)
  const fixed = [...set.rules.values()].filter(({ link, shadow }) => link === null && !shadow)
  const forbids = parseRules(
    `${set.key} forbids`,
    fixed.filter(({ policy }) => policy.effect === 'forbid' && policy.stepUp === null),
  )
  return set.words.actions.map((action) => {
    const type = cedarTypesOf(action.name, set.words.resourceTypes)[0] ?? 'Other'
    const resource = { type, id: type === 'Workspace' ? WORKSPACE : `${WORKSPACE}/x/y` }
    const question = {
      principals: [{ type: 'User', id: 'harness/nobody' }],
      action,
      resources: [resource, ...ancestorsOf(WORKSPACE)],
      context: {},
    }
    const forbiddenBy = evaluate(forbids, question).reasons
    const { templates } = neededFor(question, 'the workspace')
    return {
      action: action.id,
      group: action.parents[0] ?? '',
      templates: new Set(forbiddenBy.length > 0 ? [] : templates),
      forbiddenBy,
    }
  })
}

/** The table in Markdown, one row an action, by resource type. */
export function matrixText(set: PolicySet): string {
  const templates = [...set.templates.keys()].sort()
  const rows = policyMatrix(set).sort((one, other) =>
    one.action.toLowerCase() < other.action.toLowerCase() ? -1 : 1,
  )
  const lines = [
    `| action | group | ${templates.join(' | ')} |`,
    `| --- | --- | ${templates.map(() => ':-:').join(' | ')} |`,
    ...rows.map(({ action, group, templates: granted, forbiddenBy }) => {
      const cells = templates.map((name) => (granted.has(name) ? '✓' : ''))
      const why =
        forbiddenBy.length > 0 ? `${group}, forbidden by ${forbiddenBy.join(', ')}` : group
      return `| \`${action.replace(`${PROVIDER}/`, '')}\` | ${why} | ${cells.join(' | ')} |`
    }),
  ]
  return `${lines.join('\n')}\n`
}
