/**
 * Calls about one run: judged by that run's tags, as run history has them, before Azure sees the call.
 *
 * Answers with metrics, logs and artifacts do not carry the tags of their run, and a change has to be judged before it
 * is made.
 * @module
 */
import {
  changeByPath,
  removesTags,
  tagChangeIn,
  tagChangeOfThing,
  type TagChange,
} from '../azureml/body/tag-changes.ts'
import { isSpans, madeIn, type Made, type NamedKind } from '../azureml/mlflow/things.ts'
import { readTags, tagFact } from '../azureml/body/tags.ts'
import { memberOf, parseJson, type JsonNode } from '../lib/json/document.ts'
import { hasBody, readBody, type Incoming } from '../azureml/body/read.ts'
import { isRunId } from '../azureml/dataplane/kinds.ts'
import { aliasReads, runOf } from '../azureml/body/aliases.ts'
import { Refusal } from '../errors.ts'
import type { Exchange, Progress } from '../exchange.ts'
import type { Via } from '../forward/ask.ts'
import { after, type Pending } from '../lib/pending.ts'
import type { NeedsDocument } from '../policy/engine/what-policy-asks.ts'
import type { Decide, Facts } from '../policy/decide.ts'
import { madeWithId, namedByBodyAlone, naming, thingIn, type NamedThing } from './mlflow-names.ts'
import { createNamesOthers } from './named-things.ts'
import type { JudgeAsJob } from './judge-under.ts'
import type { RunLookUps } from './lookups/run.ts'
import type { Operation } from '../vocabulary/operation.ts'
import {
  factsNeeded,
  mustNotBeRefused,
  refusedUnder,
  apiOf,
  isClassified,
  type Classified,
  type MustBePossible,
} from './what-must-be-known.ts'

/** The body of a change to a run, experiment or model, once policy has to know which one that is, or its tags. */
export interface RunBody {
  readonly received: Buffer
  /** The call with the run that its body names as what it is about; nothing else of it differs. */
  readonly operation: Operation
  /** By MLflow's API: the experiment or model that it names; null for a run. */
  readonly thing: NamedThing | null
  /** Tags of what the call makes, if it makes one; null for a call that cannot. */
  readonly tags: readonly string[] | null
  /** What it makes of the tags that are there; null if it leaves them. */
  readonly change: TagChange | null
  /** Of MLflow's things that are no runs: what the call makes; null or absent if it makes none. */
  readonly made?: Made | null
}

export interface AboutRunOptions {
  readonly decide: Decide
  readonly needsDocument: NeedsDocument
  readonly callFacts: (exchange: Exchange) => Facts
  readonly runLookUps: (exchange: Exchange, via: Via) => RunLookUps
  readonly bodyBytes: number
  readonly mustBePossible: MustBePossible
  readonly judgeAsJob: JudgeAsJob
}

/** One run that a call is about. */
interface AboutOne {
  readonly run: string
  readonly own: Facts
  readonly reads: boolean
  readonly body: RunBody | null
  readonly via: Via
  readonly progress: Progress
}

export interface AboutRun {
  /**
   * Reads the body of a change to a run where the decision depends on which run it is; null if it is streamed.
   * @throws {Refusal} for a body that cannot be read, or that names two runs
   */
  readonly readBody: (
    exchange: Exchange,
    request: Incoming,
    progress: Progress,
  ) => Pending<RunBody | null>
  /**
   * Facts of the run that a call is about; null if policy needs none.
   * @throws {Refusal} `policy_refused` if whose it is cannot be told, or the caller may not read that run
   */
  readonly facts: (
    exchange: Exchange,
    body: RunBody | null,
    via: Via,
    progress: Progress,
  ) => Pending<Facts | null>
}

/** `run_id`, `runId` and `run_uuid` are one thing to MLflow, whose parser takes each of them. */
const RUN_ID = /^run_?(?:id|uuid)$/i

export function createAboutRun(options: AboutRunOptions): AboutRun {
  const { decide, needsDocument, callFacts } = options
  const namesOthers = createNamesOthers(needsDocument)

  /** Who may not read a run may not read its metrics and files either, whatever their own action permits. */
  function mustNotBeForbidden(exchange: Classified, facts: Facts, progress: Progress): void {
    const { principal, operation } = exchange
    const refused = refusedUnder(decide, principal, aliasReads(operation), facts)
    if (refused === null) return
    progress.judged(refused.decision)
    throw refused.refusal
  }

  /** What there is must be the caller's to change, before what the call makes of it is judged. */
  function presentMustPermit(exchange: Classified, facts: Facts, progress: Progress): void {
    const verdict = decide(exchange.principal, exchange.operation, facts, 'all')
    mustNotBeRefused(verdict.permit === null ? verdict : null, progress)
    options.judgeAsJob(exchange, facts, progress)
  }

  async function factsOfRun(
    exchange: Classified,
    { run, own, reads, body, via, progress }: AboutOne,
  ): Promise<Facts> {
    const lookUps = options.runLookUps(exchange, via)
    const present = await lookUps.tagsOf(run)
    const change = reads || present === null ? null : changeOf(exchange, body)
    if (change !== null) presentMustPermit(exchange, { ...own, tags: present ?? [] }, progress)
    const left = change === null ? present : await lookUps.tagsAfter(run, change)
    const facts = { ...own, tags: left ?? body?.tags ?? [] }
    if (reads) mustNotBeForbidden(exchange, facts, progress)
    else options.judgeAsJob(exchange, facts, progress)
    return facts
  }

  return {
    readBody(exchange, request, progress) {
      if (!isClassified(exchange) || !hasBodyToRead(exchange)) return null
      const asks = factsNeeded(needsDocument, exchange, true) !== null || namesOthers(exchange)
      if (!hasBody(request.headers) || !asks) return null
      options.mustBePossible(exchange, progress, exchange.operation.family === 'mlflow')
      const { stream, headers } = request
      const read = readBody(stream, headers, options.bodyBytes, progress)
      return after(read, (received) => bodyOf(exchange, received))
    },

    facts(exchange, body, via, progress) {
      if (!isClassified(exchange) || apiOf(exchange) !== 'data plane') return null
      const { operation, method } = exchange
      const { type } = operation.resource
      const reads = operation.effect === 'read'
      if (!reads && type !== 'Run' && type !== 'Artifact') return null
      const run = runOf(operation)
      const needed = factsNeeded(
        needsDocument,
        exchange,
        run === null || operation.tells?.list === true,
      )
      if (needed === null && run === null) return null
      // the tags are in the answer, which is screened
      if (needed !== null && reads && operation.tells !== undefined && method !== 'HEAD')
        return null
      if (run === null) {
        if (body?.tags !== null && body?.tags !== undefined) return null
        throw cannotTell(exchange, needed?.policies ?? [])
      }
      const own = callFacts(exchange)
      // none asks for its tags, but policies may name the job that it is
      if (needed === null || needed.facts?.size === 0) {
        if (reads) mustNotBeForbidden(exchange, own, progress)
        else options.judgeAsJob(exchange, own, progress)
        return null
      }
      return factsOfRun(exchange, { run, own, reads, body, via, progress })
    },
  }
}

function bodyOf(exchange: Classified, received: Buffer): RunBody {
  const { operation, method, target } = exchange
  const { type, id } = operation.resource
  const isMlflow = operation.family === 'mlflow'
  const root = parseJson(received)
  const segments = target?.segments ?? []
  const { word } = operation
  if (isMlflow) namedByBodyAlone(target?.params ?? new Map())
  if (isMlflow && THINGS.has(type)) return bodyOfThing(exchange, received, root)
  const change = tagChangeIn(root, method, word)
  if (type !== 'Run') {
    const thing = isMlflow ? thingIn(root, segments) : null
    const named = thing === null ? operation : naming(operation, thing)
    const makes = isMlflow ? word === 'create' : isCreation(exchange)
    return { received, operation: named, thing, tags: makes ? tagsIn(root) : null, change }
  }
  const collection = segments.at(-2)?.toLowerCase()
  const run = isMlflow ? runIn(root) : null
  if (run !== null && word === 'create') throw madeWithId('run')
  const named =
    run === null
      ? operation
      : { ...operation, resource: { ...operation.resource, id: `${id}/${run}` } }
  const creates = isMlflow ? word === 'create' : collection === 'runs'
  return { received, operation: named, thing: null, tags: creates ? tagsIn(root) : null, change }
}

/** MLflow's things that are in an experiment, and last segments of the calls that make them. */
const THINGS: ReadonlyMap<string, { readonly kind: NamedKind; readonly makes: string }> = new Map([
  ['Trace', { kind: 'Trace', makes: 'traces' }],
  ['LoggedModel', { kind: 'LoggedModel', makes: 'logged-models' }],
  ['Dataset', { kind: 'EvaluationDataset', makes: 'create' }],
])

function bodyOfThing(
  { operation, method, target }: Classified,
  received: Buffer,
  root: JsonNode,
): RunBody {
  const change = tagChangeOfThing(root, method, target?.path ?? '')
  const { kind, makes } = THINGS.get(operation.resource.type) ?? {}
  const isMade = method === 'POST' && operation.word === makes
  const made = isMade && kind !== undefined ? madeIn(root, kind) : null
  const { resource, scope } = operation
  const experiments =
    made?.experiment === undefined || made.experiment === null
      ? []
      : [{ type: 'Experiment', id: `${scope}/experimentids/${made.experiment}` }]
  const ancestors = [...experiments, ...resource.ancestors]
  // with the tags of a run it is judged once they are known
  const tags =
    made === null || made.run !== null || made.id !== null
      ? null
      : [...made.tags].map(([name, value]) => tagFact(name, value))
  return {
    received,
    operation: { ...operation, resource: { ...resource, ancestors } },
    thing: null,
    tags,
    change,
    made,
  }
}

/** Whether a body says what a call of the data plane is about, or which tags it changes. */
function hasBodyToRead(exchange: Classified): boolean {
  const { operation, method, target } = exchange
  if (apiOf(exchange) !== 'data plane' || operation.effect === 'read') return false
  const { type } = operation.resource
  const isMlflow = operation.family === 'mlflow'
  if (isMlflow && isSpans(target)) return false
  if (type === 'Experiment' || (isMlflow && (type === 'Model' || THINGS.has(type)))) return true
  if (type !== 'Run') return false
  return method === 'POST' || method === 'PATCH' || removesTags(method, operation.word)
}

/** What a call makes of the tags that are there, by its body or by its path alone; null if it leaves them. */
export function changeOf(
  { method, operation, target }: Classified,
  body: RunBody | null,
): TagChange | null {
  if (body !== null) return body.change
  return operation.family === 'mlflow'
    ? tagChangeOfThing(null, method, target?.path ?? '')
    : changeByPath(method, operation.word)
}

/** Run history makes an experiment by POST of its name. */
export function isCreation({ operation, method }: Classified): boolean {
  const makes = method === 'POST' && operation.family === 'dataplane'
  return makes && operation.effect === 'write' && !removesTags(method, operation.word)
}

function cannotTell({ operation, method }: Classified, policies: readonly string[]): Refusal {
  const { type } = operation.resource
  const whose = method === 'HEAD' ? 'HEAD has no answer that would tell' : 'nothing tells'
  const message = `policy tells what is one's own from others', and ${whose} whose this is`
  const ofRun = type === 'Run' || type === 'Artifact'
  const remedy = ofRun ? 'name one run, or list runs' : 'ask azure resource manager for it'
  return new Refusal('policy_refused', message, { policies, remedy })
}

/** The run that a body of MLflow's names; null if it names none. */
function runIn(root: JsonNode): string | null {
  if (root.kind !== 'object') throw new Refusal('bad_body', 'the body is no JSON object')
  const [first, ...others] = root.members.filter(({ key }) => RUN_ID.test(key))
  if (first === undefined) return null
  const id = first.value.kind === 'string' ? first.value.value : ''
  if (!isRunId(id) || others.some(({ value }) => value.kind !== 'string' || value.value !== id))
    throw new Refusal('bad_body', 'the body names no run, or two')
  return id
}

function tagsIn(root: JsonNode): readonly string[] {
  const tags = readTags(memberOf(root, 'tags'))
  if (tags === null) throw new Refusal('bad_body', 'the body has tags that cannot be read')
  return [...tags].map(([name, value]) => tagFact(name, value))
}
