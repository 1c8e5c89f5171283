/**
 * Points out policies that refuse more calls than they look like, because a fact is not known yet when they are evaluated.
 *
 * The document of a read is known once Azure has answered, the tags of a run once run history was asked. A forbid that
 * holds without them refuses the call before that.
 * @module
 */
import { evaluate } from '../engine/evaluate.ts'
import { covers, typesOf } from '../engine/covers.ts'
import type { PolicySet, Rule } from '../load/rules.ts'
import { parseRules } from '../engine/slices.ts'
import type { Action } from '../load/words.ts'

export interface Note {
  readonly policy: string
  readonly file: string
  readonly line: number
  readonly text: string
}

const NOTED_TYPES = ['Job', 'Run', 'Artifact', 'Model', 'Data', 'Workspace']
/** Changes to a run, which are judged by its tags. */
const CHANGES = /\/workspaces\/(?:experiments\/runs\/(?:write|delete)|metadata\/artifacts\/write)$/
/** Reads of a job, as a job or as a run. */
const RUNS = /\/workspaces\/(?:jobs|experiments\/runs)\/read$/

/**
 * What is worth a second look, one note a policy and reason.
 * @param documentFacts facts that only a document of Azure's tells
 */
export function notesOn(set: PolicySet, documentFacts: readonly string[]): readonly Note[] {
  const notes = new Map<string, Note>()
  for (const rule of set.rules.values()) {
    const { id, file, line, facts, effect } = rule.policy
    const asked = documentFacts.filter((fact) => facts === null || facts.has(fact))
    const [fact] = asked
    if (fact === undefined) continue
    const note = (text: string): void =>
      void notes.set(`${id} ${text}`, { policy: id, file, line, text })
    const actions = set.words.actions.filter((action) => covers(rule.policy, action, NOTED_TYPES))
    const guard = `write "when { context has ${fact} && ... }"`
    if (effect === 'forbid') {
      const withoutFacts = (action: Action): boolean => refusesWithoutFacts(set, rule, action)
      if (actions.some((action) => action.parents.includes('read') && withoutFacts(action)))
        note(`refuses reads before Azure has answered, when "${fact}" is not known yet: ${guard}`)
      if (actions.some((action) => CHANGES.test(action.name) && withoutFacts(action)))
        note(`refuses changes to runs before "${fact}" of the run is known: ${guard}`)
    }
    const other = asked.find((one) => one !== 'tags')
    if (other !== undefined && actions.some(({ name }) => RUNS.test(name)))
      note(
        `asks for "${other}" of jobs, which is not known for runs: run history and MLflow return tags only, so readers whom this policy can apply to see none`,
      )
  }
  return [...notes.values()]
}

/** Whether a forbid holds for a call without any facts. */
function refusesWithoutFacts(set: PolicySet, rule: Rule, action: Action): boolean {
  const { principal, resource, policy } = rule
  const type = policy.kind ?? typesOf(action, NOTED_TYPES)[0]
  if (type === undefined) return false
  const anybody = { type: 'User', id: 'harness/anybody' }
  const caller = principal === null ? [] : [principal]
  const answer = evaluate(parseRules(`note ${set.key} ${rule.id}`, [rule]), {
    principals: principal?.type === 'Group' || principal === null ? [anybody, ...caller] : caller,
    action,
    resources: [{ type, id: 'harness/anything' }, ...(resource === null ? [] : [resource])],
    context: {},
  })
  return answer.reasons.includes(rule.id)
}
