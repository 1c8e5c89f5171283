/**
 * What the body of a call of MLflow's names: the runs, experiments, traces, logged models, data sets and prompts that it
 * links or changes, and what it makes.
 *
 * Source: the protocol of MLflow 3 (`service.proto`, `datasets.proto`, `assessments.proto`), whose parser takes a name in
 * snake case and in camel case. What people write (tags, parameters, feedback, records) names nothing, but for two keys by
 * which MLflow's clients say which run and which model a trace is of.
 * @module
 */
import { Refusal } from '../../errors.ts'
import { memberOf, parseJson, type JsonNode, type JsonObject } from '../../lib/json/document.ts'
import { isName, isRunId } from '../dataplane/kinds.ts'
import { plainName } from '../body/names.ts'
import { readTags } from '../body/tags.ts'

export type NamedKind =
  'Run' | 'Experiment' | 'Trace' | 'LoggedModel' | 'EvaluationDataset' | 'ModelVersion'

/** One thing of the workspace. */
export interface Named {
  readonly kind: NamedKind
  readonly id: string
  /** Of a version of a model, which prompts are. */
  readonly version: string | null
}

/** What a call makes: its tags, and the experiment and run that it will be of. */
export interface Made {
  readonly tags: ReadonlyMap<string, string>
  /** Where the maker chooses it; what is there under that id is changed. */
  readonly id: string | null
  readonly experiment: string | null
  readonly run: string | null
}

const IDS: ReadonlyMap<string, NamedKind> = new Map([
  ['runid', 'Run'],
  ['runuuid', 'Run'],
  ['sourcerunid', 'Run'],
  ['experimentid', 'Experiment'],
  ['experimentids', 'Experiment'],
  ['traceid', 'Trace'],
  ['traceids', 'Trace'],
  ['requestid', 'Trace'],
  ['requestids', 'Trace'],
  ['modelid', 'LoggedModel'],
  ['datasetid', 'EvaluationDataset'],
])
/** Whether a call sends spans of traces by OTLP, which is no JSON of MLflow's. */
export function isSpans(target: { readonly segments: readonly string[] } | null): boolean {
  const [before, last] = target?.segments.slice(-2) ?? []
  return before?.toLowerCase() === 'v1' && last?.toLowerCase() === 'traces'
}

/** Keys of a trace's metadata. */
const SOURCES: ReadonlyMap<string, NamedKind> = new Map([
  ['mlflow.sourceRun', 'Run'],
  ['mlflow.modelId', 'LoggedModel'],
])
/** Members with what people write. */
const WRITTEN = new Set(['tags', 'params', 'feedback', 'expectation', 'metadata', 'value'])
const METADATA = new Set(['tracemetadata', 'requestmetadata'])
/** `models:/m-1`, `models:/name/1` and `runs:/id/path`, however many slashes follow. */
const SOURCE = /^(models|runs):\/+([^/]+)(?:\/+([^/]+))?/i

/**
 * Everything that a body names, each once.
 * @throws {Refusal} `bad_body` if it is no object, or names something by what is no name
 */
export function namedIn(root: JsonNode): readonly Named[] {
  const found = new Map<string, Named>()
  function note(kind: NamedKind, id: string, version: string | null = null): void {
    // a field that is not set is empty to its parser
    if (id === '') return
    if (kind === 'Run' ? !isRunId(id) : !isName(id)) throw unreadable(kind)
    found.set(`${kind} ${id} ${version ?? ''}`, { kind, id, version })
  }
  function visit(node: JsonNode): void {
    if (node.kind === 'array') for (const item of node.items) visit(item)
    if (node.kind !== 'object') return
    for (const { key, value } of node.members) {
      const name = plainName(key)
      const kind = IDS.get(name)
      if (kind !== undefined) for (const id of idsIn(value, kind)) note(kind, id)
      else if (METADATA.has(name)) sourcesIn(value, note)
      else if (name === 'promptversions') promptsIn(value, note)
      else if (name === 'source' && value.kind === 'string') sourceIn(value.value, note)
      else if (!WRITTEN.has(name)) visit(value)
    }
  }
  visit(objectOf(root))
  return [...found.values()]
}

type Note = (kind: NamedKind, id: string, version?: string | null) => void

function idsIn(node: JsonNode, kind: NamedKind): readonly string[] {
  if (node.kind === 'null') return []
  const nodes = node.kind === 'array' ? node.items : [node]
  return nodes.map((id) => {
    if (id.kind === 'string') return id.value
    if (id.kind === 'number') return id.text
    throw unreadable(kind)
  })
}

function sourcesIn(node: JsonNode, note: Note): void {
  const metadata = readTags(node)
  if (metadata === null) throw new Refusal('bad_body', 'the body has metadata that cannot be read')
  for (const [key, kind] of SOURCES) note(kind, metadata.get(key) ?? '')
}

function promptsIn(node: JsonNode, note: Note): void {
  const items = node.kind === 'array' ? node.items : []
  for (const item of items) {
    const [name, version] = [textOf(memberOf(item, 'name')), textOf(memberOf(item, 'version'))]
    if (name === '' || version === '' || !isName(version)) throw unreadable('ModelVersion')
    note('ModelVersion', name, version)
  }
}

function sourceIn(text: string, note: Note): void {
  const [, scheme, id, version] = SOURCE.exec(text) ?? []
  if (scheme === undefined || id === undefined) return
  if (scheme.toLowerCase() === 'runs') note('Run', id)
  else if (version === undefined) note('LoggedModel', id)
  else note('ModelVersion', id, version)
}

/**
 * What a call makes.
 * @param kind of what it makes
 * @throws {Refusal} `bad_body` if that cannot be told
 */
export function madeIn(root: JsonNode, kind: NamedKind): Made {
  const body = objectOf(root)
  const trace = one(body, 'trace')
  const info = trace === null ? body : objectOf(one(objectOf(trace), 'traceinfo'))
  if (trace !== null && one(body, 'tags') !== null)
    throw new Refusal('bad_body', 'the body has tags that cannot be read, or twice')
  const metadata = readTags(one(info, trace === null ? 'requestmetadata' : 'tracemetadata'))
  const run = metadata?.get('mlflow.sourceRun') ?? textOf(one(info, 'sourcerunid'))
  const location = trace === null ? info : one(info, 'tracelocation')
  const place =
    trace === null ? info : location === null ? null : one(objectOf(location), 'mlflowexperiment')
  const id = kind === 'Trace' && trace !== null ? textOf(one(info, 'traceid')) : ''
  return {
    tags: tagsIn(one(info, 'tags')),
    id: id === '' ? null : id,
    experiment: place === null ? null : textOf(one(objectOf(place), 'experimentid')) || null,
    run: run === '' ? null : run,
  }
}

/** @throws {Refusal} `bad_body` for tags that cannot be read */
export function tagsIn(node: JsonNode | null): ReadonlyMap<string, string> {
  const tags = readTagsOf(node)
  if (tags === null) throw new Refusal('bad_body', 'the body has tags that cannot be read')
  return tags
}

/** Tags in each form of MLflow's: evaluation data sets have a text that is a JSON object. Null if they have none of them. */
export function readTagsOf(node: JsonNode | null): ReadonlyMap<string, string> | null {
  if (node?.kind !== 'string') return readTags(node)
  if (node.value === '') return new Map()
  try {
    const tags = parseJson(Buffer.from(node.value))
    return tags.kind === 'array' ? null : readTags(tags)
  } catch {
    return null
  }
}

/** The member of a name in whatever spelling; null if there is none. @throws {Refusal} `bad_body` if there are two */
function one(node: JsonObject, name: string): JsonNode | null {
  const [first, second] = node.members.filter(({ key }) => plainName(key) === name)
  if (second !== undefined) throw new Refusal('bad_body', `the body has "${name}" twice`)
  return first?.value ?? null
}

function objectOf(node: JsonNode | null): JsonObject {
  if (node?.kind !== 'object') throw new Refusal('bad_body', 'the body is no JSON object')
  return node
}

function textOf(node: JsonNode | null): string {
  if (node?.kind === 'string') return node.value
  return node?.kind === 'number' ? node.text : ''
}

const WORDS: Record<NamedKind, string> = {
  Run: 'run',
  Experiment: 'experiment',
  Trace: 'trace',
  LoggedModel: 'logged model',
  EvaluationDataset: 'data set',
  ModelVersion: 'version of a model',
}

function unreadable(kind: NamedKind): Refusal {
  return new Refusal('bad_body', `the body names no ${WORDS[kind]} that can be read`)
}
