/**
 * Schedules, and calls of batch endpoints: judged as writes of the jobs that they start, by the facts of those jobs.
 * @module
 */
import { startedJob } from '../azureml/body/aliases.ts'
import type { Exchange, Progress } from '../exchange.ts'
import type { Decide, Facts } from '../policy/decide.ts'
import { isClassified, mustNotBeRefused, refusedUnder } from './what-must-be-known.ts'

/**
 * @param facts of the call's own document, in which the job is
 * @throws {Refusal} for a schedule if the caller may not write such a job; for a batch endpoint, which runs what its
 *   deployment says, if policy forbids the caller to write such a job
 */
type JudgeStartedJob = (exchange: Exchange, facts: Facts, progress: Progress) => void

export function createJudgeStartedJob(decide: Decide): JudgeStartedJob {
  return (exchange, facts, progress) => {
    if (!isClassified(exchange)) return
    const { principal, operation } = exchange
    const job = startedJob(operation)
    if (job === null) return
    const verdict = decide(principal, job, facts, 'all')
    if (verdict.permit !== null) return
    const refused =
      operation.resource.type === 'Schedule'
        ? verdict
        : refusedUnder(decide, principal, [job], facts)
    mustNotBeRefused(refused, progress)
  }
}
