/**
 * Calls about one run: judged by that run's tags, as run history has them, before Azure sees the call.
 *
 * Answers with metrics, logs and artifacts do not carry the tags of their run, and a change has to be judged before it
 * is made.
 * @module
 */
import { readTags, tagFact } from '../azureml/body/tags.ts'
import { memberOf, parseJson, type JsonNode } from '../lib/json/document.ts'
import { hasBody, readBody, type Incoming } from '../azureml/body/read.ts'
import { isRunId } from '../azureml/dataplane/kinds.ts'
import { aliasReads, runOf } from '../azureml/body/aliases.ts'
import { Refusal } from '../errors.ts'
import type { Exchange, Progress } from '../exchange.ts'
import type { Via } from '../forward/ask.ts'
import type { Pending } from '../lib/pending.ts'
import type { NeedsDocument } from '../policy/engine/what-policy-asks.ts'
import type { Decide, Facts } from '../policy/decide.ts'
import { naming, thingIn, type NamedThing } from './mlflow-names.ts'
import type { JudgeAsJob } from './judge-as-job.ts'
import type { RunLookUps } from './lookups/run.ts'
import type { Operation } from '../vocabulary/operation.ts'
import {
  factsNeeded,
  refusedUnder,
  apiOf,
  isClassified,
  type Classified,
  type MustBePossible,
} from './what-must-be-known.ts'

/** The body of a change to a run, once policy has to know which run that is. */
export interface RunBody {
  readonly received: Buffer
  /** The call with the run that its body names as what it is about; nothing else of it differs. */
  readonly operation: Operation
  /** By MLflow's API: the experiment or model that it names; null for a run. */
  readonly thing: NamedThing | null
  /** Tags of the run that the call makes, if it makes one; null for a call that cannot. */
  readonly tags: readonly string[] | null
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

  /** Who may not read a run may not read its metrics and files either, whatever their own action permits. */
  function mustNotBeForbidden(exchange: Classified, facts: Facts, progress: Progress): void {
    const { principal, operation } = exchange
    const refused = refusedUnder(decide, principal, aliasReads(operation), facts)
    if (refused === null) return
    progress.judged(refused.decision)
    throw refused.refusal
  }

  return {
    readBody(exchange, request, progress) {
      if (!isClassified(exchange) || apiOf(exchange) !== 'data plane') return null
      const { operation, method } = exchange
      const { type } = operation.resource
      const isMlflow = operation.family === 'mlflow'
      const isThing = isMlflow && (type === 'Experiment' || type === 'Model')
      if ((type !== 'Run' && !isThing) || operation.effect === 'read') return null
      if (method !== 'POST' && method !== 'PATCH' && !isThing) return null
      if (!hasBody(request.headers) || factsNeeded(needsDocument, exchange, true) === null)
        return null
      options.mustBePossible(exchange, progress, isMlflow)
      const { stream, headers } = request
      return readBody(stream, headers, options.bodyBytes, progress).then((received) =>
        toldByBody(exchange, received, isThing),
      )
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
      if (needed === null) return null
      // the tags are in the answer, which is screened
      if (reads && operation.tells !== undefined && method !== 'HEAD') return null
      if (run === null) {
        if (body?.tags !== null && body?.tags !== undefined) return null
        throw cannotTell(exchange, needed.policies)
      }
      const own = callFacts(exchange)
      // policies name runs here, but none asks for their tags
      if (needed.facts?.size === 0) {
        if (reads) mustNotBeForbidden(exchange, own, progress)
        else options.judgeAsJob(exchange, own, progress)
        return null
      }
      return options
        .runLookUps(exchange, via)
        .tagsOf(run)
        .then((present) => {
          const facts = { ...own, tags: present ?? body?.tags ?? [] }
          if (reads) mustNotBeForbidden(exchange, facts, progress)
          else options.judgeAsJob(exchange, facts, progress)
          return facts
        })
    },
  }
}

/** The run or thing that a body names, and the tags that it is made with. */
function toldByBody(
  { operation, target }: Classified,
  received: Buffer,
  isThing: boolean,
): RunBody {
  const root = parseJson(received)
  const isMlflow = operation.family === 'mlflow'
  if (isThing) {
    const thing = thingIn(root)
    const makes = target?.segments.at(-1) === 'create'
    const tags = makes ? tagsIn(root) : null
    return { received, operation: naming(operation, thing), thing, tags }
  }
  const run = isMlflow ? runIn(root) : null
  const { resource } = operation
  const named =
    run === null
      ? operation
      : { ...operation, resource: { ...resource, id: `${resource.id}/${run}` } }
  const [collection, last] = target?.segments.slice(-2) ?? []
  const creates = isMlflow ? last === 'create' : collection === 'runs'
  return { received, operation: named, thing: null, tags: creates ? tagsIn(root) : null }
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
