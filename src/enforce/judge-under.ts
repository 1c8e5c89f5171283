/**
 * Changes by the data plane, judged under the names that Resource Manager has for what they change: a policy may name only
 * one of them.
 * @module
 */
import { jobChanges } from '../azureml/body/aliases.ts'
import { DOCUMENT_FACTS } from '../azureml/body/facts.ts'
import { Refusal } from '../errors.ts'
import type { Progress } from '../exchange.ts'
import type { Decide, Facts } from '../policy/decide.ts'
import type { PolicySet, Rule } from '../policy/load/rules.ts'
import type { Operation } from '../vocabulary/operation.ts'
import { mustNotBeRefused, refusedUnder, type Classified } from './what-must-be-known.ts'

export interface JudgeUnderOptions {
  readonly decide: Decide
  readonly policy: () => PolicySet
}

/**
 * @param facts the call's own and, if policy asks for them, the tags of what is changed
 * @throws {Refusal} if a policy forbids the caller the change under one of the names
 */
export type JudgeUnder = (exchange: Classified, facts: Facts, progress: Progress) => void

/** @param namesOf the same change under its other names */
export function createJudgeUnder(
  options: JudgeUnderOptions,
  namesOf: (exchange: Classified) => readonly Operation[],
): JudgeUnder {
  return (exchange, facts, progress) => {
    const refused = refusedUnder(options.decide, exchange.principal, namesOf(exchange), facts)
    if (refused === null) return
    const { decision } = refused
    const rules = decision.policies.flatMap((id) => options.policy().rules.get(id) ?? [])
    const counting = rules.filter(isAboutTags)
    if (counting.length === rules.length) {
      mustNotBeRefused(refused, progress)
      return
    }
    if (counting.length === 0) return
    const policies = counting.map(({ id }) => id)
    const reason = [...new Set(counting.map(({ policy }) => policy.reason))].join('; ')
    progress.judged({ ...decision, policies, reason })
    throw new Refusal('policy_refused', reason, { policies })
  }
}

/** Changes of runs, judged as changes of the jobs that the runs are. @throws {Refusal} if the caller may not change that job */
export type JudgeAsJob = JudgeUnder

export function createJudgeAsJob(options: JudgeUnderOptions): JudgeAsJob {
  return createJudgeUnder(options, ({ operation }) => jobChanges(operation))
}

/** What a policy says of computes, images and paths is about documents of Resource Manager's: these calls have none. */
function isAboutTags({ policy: { facts } }: Rule): boolean {
  return facts !== null && DOCUMENT_FACTS.every((fact) => fact === 'tags' || !facts.has(fact))
}
