/**
 * One question to Cedar.
 * @module
 */
import { statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs'
import type { Context } from '@cedar-policy/cedar-wasm/nodejs'
import { createCache } from '../../lib/caches/cache.ts'
import { entityOf, type CedarEntity, type Question } from './entities.ts'
import type { Slice } from './slices.ts'

/** Cedar's answer. With errors it must not be used: a forbid may be among the policies that failed. */
export interface Answer {
  readonly permitted: boolean
  /** Policies that decided. */
  readonly reasons: readonly string[]
  /** Policies that could not be evaluated. */
  readonly errors: readonly string[]
}

/**
 * Answers by slice and question, for the whole process. A slice's key begins with the version of its policies, so that
 * one set never answers for another. Most requests differ from an earlier one only by ids that no policy names.
 */
const MAX_ANSWERS = 20_000
const answers = createCache<string, Answer>(MAX_ANSWERS)

/** An entity as the rules of a slice can see it: its type, its id if they name it, and the parents that they name. */
function seenBy({ named }: Slice, { uid, parents }: CedarEntity): string {
  const id = named === null || named.get(uid) === true ? `=${uid.id.length}:${uid.id}` : ''
  let seen = `${uid.type}${id}`
  for (const parent of parents) seen += `<${parent.type}=${parent.id.length}:${parent.id}`
  return seen
}

/**
 * Asks a slice of the rules. Questions between which no rule of the slice can distinguish are asked once.
 * @throws Error if the question itself is malformed
 */
export function evaluate(slice: Slice, question: Question): Answer {
  const { named } = slice
  const principal = entityOf(question.principals, named)
  const action = entityOf(question.action.uids, named)
  const resource = entityOf(question.resources, named)
  const entities = [principal, action, resource] as const
  let key = slice.key
  for (const entity of entities) key += ` ${seenBy(slice, entity)}`
  key += ` ${JSON.stringify(question.context)}`
  let known = answers.get(key)
  if (known === undefined) {
    known = ask(slice, entities, question.context)
    answers.set(key, known)
  }
  return known
}

function ask(
  slice: Slice,
  entities: readonly [CedarEntity, CedarEntity, CedarEntity],
  context: Context,
): Answer {
  const [principal, action, resource] = entities
  const answer = statefulIsAuthorized({
    principal: principal.uid,
    action: action.uid,
    resource: resource.uid,
    context,
    // an entity without parents is the same to Cedar as one that it is not told of
    entities: entities.filter(({ parents }) => parents.length > 0),
    preparsedPolicySetId: slice.name,
    validateRequest: false,
  })
  if (answer.type === 'failure') {
    throw new Error(`cedar refused the question: ${answer.errors.map((e) => e.message).join('; ')}`)
  }
  const { decision, diagnostics } = answer.response
  return {
    permitted: decision === 'allow',
    reasons: [...diagnostics.reason].sort(),
    errors: diagnostics.errors.map(({ policyId }) => policyId).sort(),
  }
}
