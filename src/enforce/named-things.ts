/**
 * Which traces, logged models, evaluation data sets and other things a call of MLflow's names, in its path and in its body,
 * and what it does to each of them.
 * @module
 */
import {
  aliasReads,
  changesAs,
  datasetReads,
  experimentReads,
  jobChanges,
  loggedModelReads,
  modelReads,
  runReads,
  traceReads,
} from '../azureml/body/aliases.ts'
import { isSpans, namedIn, type Named } from '../azureml/mlflow/things.ts'
import { PROVIDER } from '../vocabulary/resource-types.ts'
import { Refusal } from '../errors.ts'
import { parseJson } from '../lib/json/document.ts'
import { memoOf } from '../lib/memo.ts'
import type { NeedsDocument } from '../policy/engine/what-policy-asks.ts'
import type { Operation, Resource } from '../vocabulary/operation.ts'
import type { AskedThing } from './lookups/mlflow-thing.ts'
import type { Classified } from './what-must-be-known.ts'

/** Types whose collections under a workspace name nothing but things of MLflow's, and what each is in a body. */
export const COLLECTIONS: ReadonlyMap<
  string,
  { readonly at: string; readonly kind: AskedThing['kind'] }
> = new Map([
  ['Trace', { at: 'traces', kind: 'Trace' }],
  ['LoggedModel', { at: 'loggedmodels', kind: 'LoggedModel' }],
  ['Dataset', { at: 'evaluationdatasets', kind: 'EvaluationDataset' }],
])
/** Of one body: MLflow links at most a hundred traces at once. */
const MAX_NAMED = 100
/** Last segments of calls that write something of the models that they name. */
const WRITES_MODELS = new Set(['log-metric', 'log-batch', 'log-batch-async'])

/** Whether a call is about something that is judged here. */
export function isNamedThing({ family, resource, effect }: Operation): boolean {
  if (family !== 'mlflow') return false
  return COLLECTIONS.has(resource.type) || (effect === 'read' && experimentOf(resource) !== null)
}

/** The thing that the path or the query of a call names. */
export function mainOf({ operation }: Classified): AskedThing | null {
  const { resource, scope } = operation
  const collection = COLLECTIONS.get(resource.type)
  if (collection === undefined) {
    const id = experimentOf(resource)
    return id === null ? null : { kind: 'Experiment', id, version: null }
  }
  const start = `${scope}/${collection.at}/`
  if (!resource.id.startsWith(start)) return null
  return { kind: collection.kind, id: resource.id.slice(start.length), version: null }
}

function experimentOf({ type, id }: Resource): string | null {
  return type === 'Experiment' ? (/\/experimentids\/([^/]+)$/.exec(id)?.[1] ?? null) : null
}

/** Whether a body of MLflow's may name things, and is JSON. */
export function mayName({ operation, target }: Classified): boolean {
  if (operation.family !== 'mlflow' || operation.effect === 'read') return false
  if (isSpans(target)) return false
  return NAMING.has(operation.resource.type)
}

const NAMING: ReadonlySet<string> = new Set([...COLLECTIONS.keys(), 'Run', 'Model'])

/** What a body may name and policy can tell apart. */
const namable = memoOf((operation: Operation): readonly Operation[] => {
  const [model] = loggedModelReads(operation, null)
  const [run] = runReads(operation, null)
  const [trace] = traceReads(operation, null)
  return [
    model,
    change(model, 'models/write', 'write'),
    change(run, 'experiments/runs/write', 'write'),
    change(trace, 'experiments/runs/write', 'write'),
    ...modelReads(operation, null, null),
    ...experimentReads(operation, null, null),
    ...datasetReads(operation, null),
  ]
})

/** Whether the decision may depend on something that the body of a call names. */
export function createNamesOthers(needsDocument: NeedsDocument): (exchange: Classified) => boolean {
  return (exchange) =>
    mayName(exchange) &&
    namable(exchange.operation).some((one) => tellsApart(needsDocument, exchange, one))
}

/** Whether the decision depends on the document of what an operation is about, under any of its names. */
export function tellsApart(
  needsDocument: NeedsDocument,
  { principal }: Classified,
  operation: Operation,
): boolean {
  const isRead = operation.effect === 'read'
  const others = isRead
    ? aliasReads(operation)
    : [...changesAs(operation), ...jobChanges(operation)]
  return [operation, ...others].some((name) => needsDocument(principal, name, false) !== null)
}

/** What a body names besides what the call is about. @throws {Refusal} `bad_body` if it names another in its place */
export function linked(
  exchange: Classified,
  bytes: Buffer | null,
  main: AskedThing | null,
): readonly Named[] {
  if (bytes === null || bytes.byteLength === 0 || !mayName(exchange)) return []
  const { operation } = exchange
  const root = parseJson(bytes)
  const all = namedIn(root)
  if (all.length > MAX_NAMED)
    throw new Refusal('bad_body', `the body names more than ${MAX_NAMED} things`)
  const [another] = all.filter(({ kind, id }) => kind === main?.kind && id !== main.id)
  if (another !== undefined)
    throw new Refusal('bad_body', 'the body names something else than the path')
  const { type, id: resource } = operation.resource
  const isMain = ({ kind, id }: Named): boolean =>
    kind === main?.kind || (kind === 'Run' && resource.endsWith(`/runs/${id}`))
  // what is deleted by its time may be anything
  if (root.kind === 'object' && root.members.some(({ key }) => /^max_?timestamp/i.test(key)))
    return all.filter(({ kind }) => kind !== COLLECTIONS.get(type)?.kind)
  // a run is judged by its own tags, whichever experiment it is in
  return all.filter((one) => !isMain(one) && !(type === 'Run' && one.kind === 'Experiment'))
}

/** The change of what a read tells. */
function change(read: Operation, action: string, effect: 'write' | 'delete'): Operation {
  return { ...read, action: `${PROVIDER}/workspaces/${action}`, effect }
}

/** What a call does to something that its body names; a version of a model is its model, too. */
export function asNamed(
  call: Classified,
  named: Named,
): readonly [Operation, ...(readonly Operation[])] {
  const { kind, id, version } = named
  return kind === 'ModelVersion' ? modelReads(call.operation, id, version) : [asOne(call, kind, id)]
}

function asOne(
  { operation, target }: Classified,
  kind: Exclude<Named['kind'], 'ModelVersion'>,
  id: string,
): Operation {
  const deletes = operation.effect === 'delete' ? 'delete' : 'write'
  switch (kind) {
    case 'Run':
      return change(runReads(operation, id)[0], 'experiments/runs/write', 'write')
    case 'Trace':
      return change(traceReads(operation, id)[0], `experiments/runs/${deletes}`, deletes)
    case 'LoggedModel': {
      const [read] = loggedModelReads(operation, id)
      const writes = WRITES_MODELS.has(target?.segments.at(-1)?.toLowerCase() ?? '')
      return writes ? change(read, 'models/write', 'write') : read
    }
    case 'EvaluationDataset':
      return datasetReads(operation, id)[0]
    case 'Experiment': {
      const [byName, byId] = experimentReads(operation, null, id)
      return byId ?? byName
    }
    default:
      return kind satisfies never
  }
}
