/**
 * Calls about one run: judged by that run's tags, as run history has them, before Azure sees the call.
 *
 * Metrics, logs and artifacts do not say whose run they are of, and a change has no answer to be judged by.
 * @module
 */
import { readTags, tagFact } from '../azureml/body/tags.ts'
import { memberOf, parseJson, type JsonNode } from '../lib/json/document.ts'
import { hasBody, readBody } from '../azureml/body/read.ts'
import { isRunId } from '../azureml/dataplane/kinds.ts'
import { readingsOf, runOf } from '../azureml/body/aliases.ts'
import { Refusal } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import type { Incoming } from './enforce.ts'
import type { NeedsDocument } from '../policy/engine/what-policy-asks.ts'
import type { Decide, Facts } from '../policy/decide.ts'
import type { RunLookUps, Via } from './lookups/run.ts'
import { apartOf, forbiddenAs, formOf, isJudgeable, type Judgeable } from './what-must-be-known.ts'

/** The body of a change to a run, once policy has to know which run that is. */
export interface RunBody {
  readonly received: Buffer
  /** Tags of the run that the call makes, if it makes one; null for a call that cannot. */
  readonly tags: readonly string[] | null
}

export interface AboutRunOptions {
  readonly decide: Decide
  readonly needsDocument: NeedsDocument
  readonly callFacts: (exchange: Exchange) => Facts
  readonly runLookUps: (exchange: Exchange, via: Via) => RunLookUps
  readonly bodyBytes: number
}

export interface AboutRun {
  /**
   * Reads the body of a change to a run where policy tells runs apart, and names the run of it as what the call is about.
   * @throws {Refusal} for a body that cannot be read, or that names two runs
   */
  readonly readBody: (exchange: Exchange, request: Incoming) => Promise<RunBody | null>
  /**
   * Facts of the run that a call is about; null if policy needs none.
   * @throws {Refusal} `policy_refused` if whose it is cannot be told, or the caller may not read that run
   */
  readonly facts: (exchange: Exchange, body: RunBody | null, via: Via) => Promise<Facts | null>
}

/** `run_id`, `runId` and `run_uuid` are one thing to MLflow, whose parser takes each of them. */
const RUN_ID = /^run_?(?:id|uuid)$/i

export function createAboutRun(options: AboutRunOptions): AboutRun {
  const { decide, needsDocument, callFacts } = options

  /** Who may not read a run may not read its metrics and files either, whatever their own action permits. */
  function mustNotBeForbidden(exchange: Judgeable, facts: Facts): void {
    const { principal, operation } = exchange
    const refused = forbiddenAs(decide, principal, readingsOf(operation), facts)
    if (refused === null) return
    exchange.decision = refused.decision
    throw refused.refusal
  }

  return {
    async readBody(exchange, request) {
      if (!isJudgeable(exchange) || formOf(exchange) !== 'data plane') return null
      const { operation, method, target } = exchange
      const { type, id } = operation.resource
      const isChange = type === 'Run' && operation.effect !== 'read'
      if (!isChange || (method !== 'POST' && method !== 'PATCH')) return null
      if (!hasBody(request.headers) || apartOf(needsDocument, exchange, true) === null) return null
      const received = await readBody(request.stream, request.headers, options.bodyBytes)
      exchange.bytesIn = received.byteLength
      const root = parseJson(received)
      const run = operation.family === 'mlflow' ? runIn(root) : null
      if (run !== null) {
        const resource = { ...operation.resource, id: `${id}/${run}` }
        exchange.operation = { ...operation, resource }
      }
      const [collection, last] = target?.segments.slice(-2) ?? []
      const creates = operation.family === 'mlflow' ? last === 'create' : collection === 'runs'
      return { received, tags: creates ? tagsIn(root) : null }
    },

    async facts(exchange, body, via) {
      if (!isJudgeable(exchange) || formOf(exchange) !== 'data plane') return null
      const { operation, method } = exchange
      const { type } = operation.resource
      const reads = operation.effect === 'read'
      if (!reads && type !== 'Run' && type !== 'Artifact') return null
      const run = runOf(operation)
      const apart = apartOf(needsDocument, exchange, run === null || operation.tells?.list === true)
      if (apart === null) return null
      // its answer tells
      if (reads && operation.tells !== undefined && method !== 'HEAD') return null
      if (run === null) {
        if (body?.tags !== null && body?.tags !== undefined) return null
        throw cannotTell(exchange, apart.policies)
      }
      const own = callFacts(exchange)
      // named by policy, not told apart by what they say
      if (apart.facts?.size === 0) {
        if (reads) mustNotBeForbidden(exchange, own)
        return null
      }
      const tags = (await options.runLookUps(exchange, via).tagsOf(run)) ?? body?.tags ?? []
      const facts = { ...own, tags }
      if (reads) mustNotBeForbidden(exchange, facts)
      return facts
    },
  }
}

function cannotTell({ operation, method }: Judgeable, policies: readonly string[]): Refusal {
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
