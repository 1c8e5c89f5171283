/**
 * Changes of runs, judged as changes of the jobs that the runs are: a policy may name only one of the two.
 * @module
 */
import { DOCUMENT_FACTS } from '../azureml/body/facts.ts'
import { jobChanges } from '../azureml/body/aliases.ts'
import { Refusal } from '../errors.ts'
import type { Progress } from '../exchange.ts'
import type { Decide, Facts } from '../policy/decide.ts'
import type { PolicySet, Rule } from '../policy/load/rules.ts'
import { mustNotBeRefused, refusedUnder, type Classified } from './what-must-be-known.ts'

/**
 * @param facts the call's own and, if policy asks for them, the tags of the run
 * @throws {Refusal} if the caller may not change that job
 */
export type JudgeAsJob = (exchange: Classified, facts: Facts, progress: Progress) => void

export function createJudgeAsJob(options: {
  readonly decide: Decide
  readonly policy: () => PolicySet
}): JudgeAsJob {
  return ({ principal, operation }, facts, progress) => {
    const refused = refusedUnder(options.decide, principal, jobChanges(operation), facts)
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

/** What a policy says of computes, images and paths is about jobs as they are made: a change of a run has none. */
function isAboutTags({ policy: { facts } }: Rule): boolean {
  return facts !== null && DOCUMENT_FACTS.every((fact) => fact === 'tags' || !facts.has(fact))
}
