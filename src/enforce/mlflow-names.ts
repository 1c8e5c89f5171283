/**
 * What a change by MLflow's API is about: its body names it, its path only the kind.
 * @module
 */
import type { JsonNode } from '../lib/json/document.ts'
import { plainName } from '../azureml/body/names.ts'
import { isName } from '../azureml/dataplane/kinds.ts'
import { Refusal } from '../errors.ts'
import type { Operation } from '../vocabulary/operation.ts'

/** An experiment by its id, or a model by its name, perhaps one version of it. */
export interface NamedThing {
  readonly experiment: string | null
  readonly model: string | null
  readonly version: string | null
}

/** What a change names in its body, by the member's name in lower case without `_`. */
const IN_BODY: ReadonlyMap<string, string> = new Map([
  ['experimentid', 'experiment'],
  ['name', 'model'],
  ['version', 'version'],
  ['runid', 'run'],
  ['runuuid', 'run'],
])

/**
 * What the body names, where MLflow reads it there: a logged model is named by its path.
 * @throws {Refusal} `bad_body` if it names one thing twice, in whatever spelling, or by what is no name, or gives an id to
 * an experiment that is made
 */
export function thingIn(root: JsonNode, segments: readonly string[]): NamedThing {
  const kind = segments.at(-2)?.toLowerCase()
  const isModel = kind === 'registered-models' || kind === 'model-versions'
  const experiment =
    kind === 'experiments' || kind === 'scorers' ? textAt(root, 'experimentid') : null
  if (experiment !== null && segments.at(-1)?.toLowerCase() === 'create')
    throw madeWithId('experiment')
  return {
    experiment,
    model: isModel ? textAt(root, 'name') : null,
    version: isModel ? textAt(root, 'version') : null,
  }
}

/** MLflow makes ids itself, and ignores one that it is sent: it says nothing of what is made. */
export function madeWithId(what: 'run' | 'experiment'): Refusal {
  return new Refusal('bad_body', `the body names the id of the ${what} that is to be made`)
}

/** @throws {Refusal} `bad_query` for a name in the query of a change besides that of its body: nobody knows which counts */
export function namedByBodyAlone(params: ReadonlyMap<string, string>): void {
  for (const name of params.keys()) {
    const what = IN_BODY.get(plainName(name))
    if (what !== undefined)
      throw new Refusal('bad_query', `a change names its ${what} in the body, not in the query`)
  }
}

function textAt(root: JsonNode, name: string): string | null {
  if (root.kind !== 'object') throw new Refusal('bad_body', 'the body is no JSON object')
  const [first, second] = root.members.filter(({ key }) => plainName(key) === name)
  if (first === undefined) return null
  const { value } = first
  const text = value.kind === 'string' ? value.value : value.kind === 'number' ? value.text : ''
  if (second !== undefined || !isName(text))
    throw new Refusal('bad_body', `the body has no "${name}" that can be read, or two`)
  return text
}

/** The operation with what the body names as what it is about; nothing else of it differs. */
export function naming(operation: Operation, { experiment, model }: NamedThing): Operation {
  const { resource, scope } = operation
  const id =
    resource.type === 'Experiment' && experiment !== null
      ? `${scope}/experimentids/${experiment}`
      : resource.type === 'Model' && model !== null
        ? `${scope}/models/${model}`
        : resource.id
  return { ...operation, resource: { ...resource, id } }
}

/**
 * Where MLflow tells of it, as paths with their queries; empty if the body does not say what it is about.
 * @param path of the change
 */
export function readsOf(
  path: string,
  { experiment, model, version }: NamedThing,
): readonly string[] {
  const [, base, kind] =
    /^(.*\/mlflow)\/(experiments|scorers|registered-models|model-versions)\/[^/]+$/i.exec(path) ??
    []
  if (base === undefined || kind === undefined) return []
  const word = encodeURIComponent
  if (/^(?:experiments|scorers)$/i.test(kind))
    return experiment === null ? [] : [`${base}/experiments/get?experiment_id=${word(experiment)}`]
  if (model === null) return []
  const whole = `${base}/registered-models/get?name=${word(model)}`
  return version === null
    ? [whole]
    : [whole, `${base}/model-versions/get?name=${word(model)}&version=${word(version)}`]
}
