/**
 * One question to Cedar.
 * @module
 */
import { statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs'
import type { Context } from '@cedar-policy/cedar-wasm/nodejs'
import { entityOf } from './entities.ts'
import type { Slice } from './slices.ts'
import type { Uid } from './conditions.ts'
import type { Action } from './words.ts'

/** Who (itself first, then what it is a member of), what, on what (itself first, then what it is in). */
export interface Question {
  readonly principals: readonly Uid[]
  readonly action: Action
  readonly resources: readonly Uid[]
  readonly context: Context
}

/** Cedar's answer. With errors it means nothing: a forbid may be among the policies that failed. */
export interface Answer {
  readonly permitted: boolean
  /** Policies that decided. */
  readonly reasons: readonly string[]
  /** Policies that could not be evaluated. */
  readonly errors: readonly string[]
}

/**
 * Asks a slice of the rules.
 * @throws Error if the question itself is malformed
 */
export function evaluate(slice: Slice, question: Question): Answer {
  const principal = entityOf(question.principals, slice.named)
  const action = entityOf(question.action.uids, slice.named)
  const resource = entityOf(question.resources, slice.named)
  const answer = statefulIsAuthorized({
    principal: principal.uid,
    action: action.uid,
    resource: resource.uid,
    context: question.context,
    // an entity without parents is the same to Cedar as one that it is not told of
    entities: [principal, action, resource].filter(({ parents }) => parents.length > 0),
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
