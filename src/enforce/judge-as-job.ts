/**
 * Changes of runs, judged as changes of the jobs that the runs are.
 * @module
 */
import { jobChanges } from '../azureml/body/aliases.ts'
import { createJudgeUnder, type JudgeUnder, type JudgeUnderOptions } from './judge-under.ts'

/** @throws {Refusal} if the caller may not change that job */
export type JudgeAsJob = JudgeUnder

export function createJudgeAsJob(options: JudgeUnderOptions): JudgeAsJob {
  return createJudgeUnder(options, ({ operation }) => jobChanges(operation))
}
