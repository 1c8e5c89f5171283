/**
 * Changes of models by MLflow and the data plane, judged as changes of their versions: a stage, an alias and the tags of a
 * version are one thing under several names.
 * @module
 */
import { changesAs } from '../azureml/body/aliases.ts'
import type { Exchange, Progress } from '../exchange.ts'
import type { Facts } from '../policy/decide.ts'
import { createJudgeUnder, type JudgeUnderOptions } from './judge-under.ts'
import { isClassified, type Classified } from './what-must-be-known.ts'

/** Routes about models that change no version: of a model's own document, and of files before there is a version. */
const OF_NO_VERSION =
  /\/(?:registered-models\/(?:create|update|set-tag|delete-tag)|assets(?:\/[^/]+)?|models\/createUnregistered(?:Input|Output))$/i

/** @throws {Refusal} if a policy forbids the caller to change a version */
export function createJudgeAsVersion(
  options: JudgeUnderOptions,
): (exchange: Exchange, facts: Facts, progress: Progress) => void {
  const judge = createJudgeUnder(options, ({ operation }) => changesAs(operation))
  return (exchange, facts, progress) => {
    if (isClassified(exchange) && changesVersions(exchange)) judge(exchange, facts, progress)
  }
}

function changesVersions({ operation, target }: Classified): boolean {
  const { resource, effect, family, scope } = operation
  if (resource.type !== 'Model' || effect === 'read' || family === 'arm') return false
  // one that is named by its path is a version, whatever it is called
  return resource.id !== `${scope}/models` || !OF_NO_VERSION.test(target?.path ?? '')
}
