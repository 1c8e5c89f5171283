/**
 * Forbids that ask for facts which never come: the actions that they cover, and for which nothing tells the fact, so that
 * every such call is refused with `fact_unknown`.
 * @module
 */
import { findType, cedarTypesOf, PROVIDER } from '../../vocabulary/resource-types.ts'
import { canHave } from '../facts.ts'
import type { PolicySet, Rule } from '../load/rules.ts'
import type { Action } from '../load/words.ts'
import type { Note } from './notes.ts'

/** Actions that are named; more do not help a reader. */
const MAX_NAMED = 4

/** Things of the data plane that are asked for the tags that they have before they are changed. */
const TAGS_ALONE: ReadonlySet<string> = new Set(['Run', 'Artifact', 'Experiment'])

/**
 * One note a policy and fact.
 * @param documentFacts facts that only a document of Azure's tells
 */
export function untoldIn(set: PolicySet, documentFacts: readonly string[]): readonly Note[] {
  const notes = new Map<string, Note>()
  for (const rule of set.rules.values()) {
    const { id, file, line, facts, effect, absentPermits } = rule.policy
    if (effect === 'permit' || absentPermits || rule.shadow) continue
    const covered = set.words.actions.filter((action) => covers(rule, action))
    for (const fact of documentFacts.filter((one) => facts === null || facts.has(one))) {
      const untold = covered.filter((action) => isUntold(action, fact, rule.policy.kind, set))
      if (untold.length === 0) continue
      const names = untold.map(({ name }) => name.replace(`${PROVIDER}/`, ''))
      const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : ''
      const text = `asks for "${fact}", which nothing tells for ${names.slice(0, MAX_NAMED).join(', ')}${more}: these are refused with fact_unknown; name the actions that are meant, or write @absent("permits")`
      notes.set(`${id} ${fact}`, { policy: id, file, line, text })
    }
  }
  return [...notes.values()]
}

function covers({ policy: { actions } }: Rule, action: Action): boolean {
  return actions === null || action.uids.some(({ id }) => actions.includes(id))
}

/** Whether a change can have a fact that neither its body nor what is there now tells. */
function isUntold(
  { name, parents }: Action,
  fact: string,
  kind: string | null,
  { words }: PolicySet,
): boolean {
  // answers are judged by what they say
  if (parents.includes('read')) return false
  const path = name.replace(`${PROVIDER}/`, '').replace(/\/action(?:#secrets)?$/, '')
  const [, of = '', verb = ''] = /^(.*)\/([^/]+)$/.exec(path) ?? []
  const row = findType(of)
  const [type] = row === null ? cedarTypesOf(name, words.resourceTypes) : [row.cedar]
  if (type === undefined || (kind !== null && kind !== type) || !canHave(type, fact)) return false
  if (TAGS_ALONE.has(type)) return fact !== 'tags'
  if (row === null) return true
  return verb === 'write' && row.inspectable !== true
}
