/**
 * Runs, experiments and models as answers of the data plane describe them, in run history's form or in MLflow's.
 *
 * Source: the run history client within azure-ai-ml (`_restclient/runhistory/models`); MLflow's REST reference.
 * @module
 */
import type { Operation, Tells } from '../../vocabulary/operation.ts'
import { isRunId } from '../dataplane/kinds.ts'
import {
  datasetReads,
  experimentReads,
  loggedModelReads,
  modelReads,
  runReads,
  traceReads,
  type AliasReads,
} from './aliases.ts'
import { memberOf, type JsonArray, type JsonNode } from '../../lib/json/document.ts'
import { readTags, tagFact } from './tags.ts'
import { readTagsOf } from '../mlflow/things.ts'

/** What the document of a run says; for anything but a run, `id` and `above` are null. */
export interface DescribedRun {
  readonly id: string | null
  readonly tags: readonly string[]
  /** Id of the run that this one is a part of, whose tags count for it too. */
  readonly above: string | null
}

/** One run, experiment or model in an answer, with its reads under each of its names. */
export interface DescribedThing extends DescribedRun {
  readonly reads: AliasReads
}

/** The documents in an answer, from its list or a single one; null if they are not where the route says. */
export function documentsOf(
  root: JsonNode,
  { list, member }: Tells,
): { readonly list: JsonArray | null; readonly documents: readonly JsonNode[] } | null {
  const found = member === '' ? root : memberOf(root, member)
  if (list) {
    if (found?.kind === 'array') return { list: found, documents: found.items }
    // MLflow leaves out empty lists
    return found === null && root.kind === 'object' ? { list: null, documents: [] } : null
  }
  return found?.kind === 'object' ? { list: null, documents: [found] } : null
}

/**
 * What a document describes, which may be several things: a model comes with its latest versions.
 * @param asked the call that was answered with it
 * @returns null if it does not say what it is
 */
export function describedIn(
  document: JsonNode,
  asked: Operation,
): readonly DescribedThing[] | null {
  const { type } = asked.resource
  if (type === 'Run') return describedRun(document, asked)
  if (type === 'Experiment') return describedExperiment(document, asked)
  if (type === 'Trace') return describedTrace(document, asked)
  if (type === 'LoggedModel') return describedLoggedModel(document, asked)
  if (type === 'Dataset') return describedDataset(document, asked)
  return type === 'Model' ? describedModels(document, asked) : null
}

function describedRun(document: JsonNode, asked: Operation): readonly DescribedThing[] | null {
  const run = readRun(document)
  if (run === null || run.id === null || !isRunId(run.id)) return null
  const info = memberOf(document, 'info') ?? document
  const named = asked.resource.ancestors.filter(({ type }) => type === 'Experiment')
  const number = agreed(info, ['experimentId', 'experiment_id'])
  const byId = number === null ? [] : [experiment(`${asked.scope}/experimentids/${number}`)]
  const known = [...named, ...byId.filter((one) => named.every((other) => other.id !== one.id))]
  return [{ ...run, reads: runReads(asked, run.id, known) }]
}

/** What a document says of its run; null if it cannot be read. */
export function readRun(document: JsonNode): DescribedRun | null {
  const info = memberOf(document, 'info')
  const tags = readTags(memberOf(info === null ? document : memberOf(document, 'data'), 'tags'))
  if (tags === null) return null
  const id = agreed(info ?? document, ['runId', 'run_id', 'run_uuid'])
  const above =
    info === null
      ? (text(document, 'rootRunId') ?? text(document, 'parentRunId'))
      : (tags.get('mlflow.rootRunId') ?? tags.get('mlflow.parentRunId') ?? null)
  return { id, tags: factsOf(tags), above: above === id || above === '' ? null : above }
}

function describedExperiment(
  document: JsonNode,
  asked: Operation,
): readonly DescribedThing[] | null {
  const name = text(document, 'name')
  const tags = readTags(memberOf(document, 'tags'))
  if (!isName(name) || tags === null) return null
  const id = agreed(document, ['experimentId', 'experiment_id'])
  return [{ ...alone(tags), reads: experimentReads(asked, name, id) }]
}

/** A trace with its spans, or what is known of it alone, in the form of MLflow 3 or 2. */
function describedTrace(document: JsonNode, asked: Operation): readonly DescribedThing[] | null {
  const info = memberOf(document, 'trace_info') ?? document
  const tags = readTags(memberOf(info, 'tags'))
  const metadata = readTags(memberOf(info, 'trace_metadata') ?? memberOf(info, 'request_metadata'))
  const id = agreed(info, ['trace_id', 'request_id'])
  if (!isName(id) || tags === null || metadata === null) return null
  const place = memberOf(memberOf(info, 'trace_location'), 'mlflow_experiment') ?? info
  const run = metadata.get('mlflow.sourceRun') ?? null
  return [ofRun(tags, run, traceReads(asked, id, run, experimentOf(place, asked)))]
}

function describedLoggedModel(
  document: JsonNode,
  asked: Operation,
): readonly DescribedThing[] | null {
  const info = memberOf(document, 'info')
  const tags = readTags(memberOf(info, 'tags'))
  const id = text(info, 'model_id')
  if (!isName(id) || tags === null) return null
  const reads = loggedModelReads(asked, id, experimentOf(info, asked))
  return [ofRun(tags, text(info, 'source_run_id'), reads)]
}

function describedDataset(document: JsonNode, asked: Operation): readonly DescribedThing[] | null {
  const tags = readTagsOf(memberOf(document, 'tags'))
  const id = text(document, 'dataset_id')
  if (!isName(id) || tags === null) return null
  return [{ ...alone(tags), reads: datasetReads(asked, id) }]
}

/** What a run has made: the tags of the run count for it, too. */
function ofRun(
  tags: ReadonlyMap<string, string>,
  run: string | null,
  reads: AliasReads,
): DescribedThing {
  return { ...alone(tags), above: run === '' ? null : run, reads }
}

function experimentOf(
  node: JsonNode | null,
  { scope }: Operation,
): readonly { type: string; id: string }[] {
  const id = text(node, 'experiment_id')
  return isName(id) ? [experiment(`${scope}/experimentids/${id}`)] : []
}

function describedModels(document: JsonNode, asked: Operation): readonly DescribedThing[] | null {
  const name = text(document, 'name')
  const tags = readTags(memberOf(document, 'tags'))
  if (!isName(name) || tags === null) return null
  const node = memberOf(document, 'version')
  const version = node?.kind === 'number' ? node.text : text(document, 'version')
  if (version !== null && !isName(version)) return null
  const own = { ...alone(tags), reads: modelReads(asked, name, version) }
  const latest = memberOf(document, 'latest_versions')
  if (latest?.kind !== 'array') return [own]
  const others = latest.items.map((item) => describedModels(item, asked))
  return others.includes(null) ? null : [own, ...others.flatMap((entries) => entries ?? [])]
}

function alone(tags: ReadonlyMap<string, string>): DescribedRun {
  return { id: null, tags: factsOf(tags), above: null }
}

function factsOf(tags: ReadonlyMap<string, string>): readonly string[] {
  return [...tags].map(([name, value]) => tagFact(name, value))
}

/** The text that these members agree on; null if none is there or they differ. */
function agreed(node: JsonNode, names: readonly string[]): string | null {
  const found = names.flatMap((name) => text(node, name) ?? [])
  return found.every((one) => one === found[0]) ? (found[0] ?? null) : null
}

function text(node: JsonNode | null, name: string): string | null {
  const member = memberOf(node, name)
  return member?.kind === 'string' ? member.value : null
}

/** Whether a text can be a name: nothing in it may be taken for another part of a path. */
function isName(name: string | null): name is string {
  return name !== null && name !== '' && name !== '.' && name !== '..' && !/[/\\\p{Cc}]/u.test(name)
}

function experiment(id: string): { type: string; id: string } {
  return { type: 'Experiment', id }
}
