/**
 * Changes of something that exists: judged by what it is now, as Azure Resource Manager has it, before Azure sees the call.
 *
 * What a body says is the caller's own word. Without this, who may not touch a thing could declare it to be theirs by
 * replacing it, and a deletion or an action, which says nothing of the thing, would pass every forbid about it.
 * @module
 */
import { changesAs, jobOf } from '../azureml/body/aliases.ts'
import { isCollection } from '../azureml/body/items.ts'
import { classify } from '../azureml/classify.ts'
import { parseTarget } from '../azureml/target.ts'
import type { Exchange, Progress } from '../exchange.ts'
import type { AskAzure, Via } from '../forward/ask.ts'
import { memberOf, parseJson, type JsonNode } from '../lib/json/document.ts'
import type { Pending } from '../lib/pending.ts'
import type { Decide, Facts } from '../policy/decide.ts'
import type { Principal } from '../identity/principal.ts'
import type { NeedsDocument } from '../policy/engine/what-policy-asks.ts'
import type { Operation } from '../vocabulary/operation.ts'
import type { RunLookUps } from './lookups/run.ts'
import { merged, toldByAzure, toldByNone } from './told.ts'
import {
  apiOf,
  isClassified,
  mustNotBeRefused,
  refusedUnder,
  type Classified,
} from './what-must-be-known.ts'

export interface PresentOptions {
  readonly decide: Decide
  readonly needsDocument: NeedsDocument
  /** Facts that policies ask for; null for all of them. */
  readonly asked: () => ReadonlySet<string> | null
  readonly callFacts: (exchange: Exchange) => Facts
  readonly ask: AskAzure
  readonly runLookUps: (exchange: Exchange, via: Via) => RunLookUps
}

export interface PresentDocumentOptions extends Omit<PresentOptions, 'needsDocument'> {
  /** See `asksOfPresent`. */
  readonly asksOfPresent: (principal: Principal, operation: Operation) => boolean
}

/** The body of a change, as far as it was read. */
export interface ReadBody {
  readonly facts: Facts
  readonly root: JsonNode
  readonly whole: boolean
}

/**
 * Judges the present document of what a call of Resource Manager changes.
 * @param body null if the call has none, `unread` if it has one that nobody looks into
 * @returns the facts that the call itself is to be judged by; null if policy asks for none of the document
 * @throws {Refusal} if policy refuses the change for what is there now, or Azure does not tell
 */
export type JudgePresent = (
  exchange: Exchange,
  body: ReadBody | 'unread' | null,
  via: Via,
  progress: Progress,
) => Pending<Facts | null>

/** Whether policy asks for a fact of what a change would change, under any of its names. */
export function asksOfPresent(
  needsDocument: NeedsDocument,
  principal: Principal,
  operation: Operation,
): boolean {
  return [operation, ...changesAs(operation)].some((one) => {
    const needs = needsDocument(principal, one, false)
    return needs !== null && (needs.facts === null || needs.facts.size > 0)
  })
}

/** For all that is asked of Azure about one call. */
const TIMEOUT_MS = 20_000

export function createJudgePresent(options: PresentDocumentOptions): JudgePresent {
  const { decide } = options

  return (exchange, body, via, progress) => {
    if (!isClassified(exchange) || apiOf(exchange) !== 'arm') return null
    const { operation, method, principal } = exchange
    if (method === 'GET' || isCollection(operation.resource)) return null
    if (!options.asksOfPresent(principal, operation)) return null
    return judge(exchange, body, via, progress)
  }

  async function judge(
    exchange: Classified,
    body: ReadBody | 'unread' | null,
    via: Via,
    progress: Progress,
  ): Promise<Facts | null> {
    const { operation, principal } = exchange
    const others = changesAs(operation)
    const call = options.callFacts(exchange)
    const document = await askPresent(options.ask, exchange, via)
    const present =
      document === null ? [toldByNone({})] : await factsOf(options, exchange, document, via)
    const [first = {}] = present

    function mustBePermitted(facts: Facts): void {
      const verdict = decide(principal, operation, facts, 'all')
      const refused =
        verdict.permit === null ? verdict : refusedUnder(decide, principal, others, facts)
      mustNotBeRefused(refused, progress)
    }
    if (document !== null) for (const facts of present) mustBePermitted({ ...call, ...facts })
    if (body === 'unread') return null
    if (body === null) return { ...call, ...first }
    if (body.whole) return body.facts
    return merged({ ...call, ...first }, body.facts, body.root)
  }
}

/** The document of the call's resource, read in the call's own api-version; null if there is none. */
export async function askPresent(
  ask: AskAzure,
  exchange: Classified,
  via: Via,
): Promise<JsonNode | null> {
  const bytes = await askPresentBytes(ask, exchange, via)
  return bytes === null ? null : parseJson(bytes)
}

/** The same as JSON. */
export async function askPresentBytes(
  ask: AskAzure,
  { id, target, operation }: Classified,
  { grantFor, route }: Via,
): Promise<Buffer | null> {
  const path = target?.path.split('/').slice(1) ?? []
  const frontEnd = path[0]?.toLowerCase() === 'mferp' ? 2 : 0
  // without the verb of an action
  const length = frontEnd + operation.resource.id.split('/').length - 1
  const version = target?.params.get('api-version') ?? ''
  const asked = parseTarget(
    'GET',
    `/${path.slice(0, length).join('/')}?api-version=${encodeURIComponent(version)}`,
  )
  const { origin, scope } = await route(classify(asked), asked)
  const grant = await grantFor(scope)
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const answer = await ask(grant, id, origin, `${asked.path}?${asked.query}`, signal)
  return answer === null ? null : Buffer.from(JSON.stringify(answer))
}

/**
 * What the document tells. A job is a run: where that has tags of its own, or is a part of another, the change is judged
 * by those too.
 */
async function factsOf(
  { asked, runLookUps }: Pick<PresentOptions, 'asked' | 'runLookUps'>,
  exchange: Classified,
  document: JsonNode,
  via: Via,
): Promise<readonly Facts[]> {
  const { operation } = exchange
  const { scope, resource } = operation
  const facts = toldByAzure(document, { scope, type: resource.type, whole: true }, asked())
  const run = jobOf(operation)
  const tags = run === null ? null : await runLookUps(exchange, via).tagsOf(run)
  if (tags === null) return [facts]
  const asRun = { ...facts, tags }
  return isPart(document) ? [asRun] : [facts, asRun]
}

/** A pipeline's step or a sweep's trial: Resource Manager returns its name without properties. */
function isPart(document: JsonNode): boolean {
  const properties = memberOf(document, 'properties')
  return properties === null || properties.kind === 'null'
}
