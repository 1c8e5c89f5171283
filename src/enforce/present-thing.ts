/**
 * Changes of experiments, models and assets by the data plane: judged by the tags that they have now, asked of the service
 * that is to change them, before it sees the call.
 *
 * What that service does not tell, a list of names or a body in a form of its own for instance, stays unknown, and is
 * refused where policy asks for it.
 * @module
 */
import { changesAs } from '../azureml/body/aliases.ts'
import { describedIn, documentsOf } from '../azureml/body/described.ts'
import { isCollection } from '../azureml/body/items.ts'
import { changedTags } from '../azureml/body/tag-changes.ts'
import { readTags, tagFact } from '../azureml/body/tags.ts'
import { classify } from '../azureml/classify.ts'
import { parseTarget } from '../azureml/target.ts'
import { toRefusal } from '../errors.ts'
import type { Exchange, Progress } from '../exchange.ts'
import type { Via } from '../forward/ask.ts'
import { memberOf, parseJson, type JsonNode } from '../lib/json/document.ts'
import type { Pending } from '../lib/pending.ts'
import type { Facts } from '../policy/decide.ts'
import type { Operation } from '../vocabulary/operation.ts'
import { changeOf, isCreation, type RunBody } from './about-run.ts'
import { readsOf } from './mlflow-names.ts'
import type { PresentOptions } from './present-document.ts'
import { toldByNone } from './told.ts'
import {
  apiOf,
  isClassified,
  mustNotBeRefused,
  refusedUnder,
  type Classified,
} from './what-must-be-known.ts'

/**
 * Judges what a call of the data plane changes, unless that is a run.
 * @param body what was read of the call's own
 * @param unread the call has a body that nobody looks into
 * @returns the facts that the call itself is to be judged by; null if there are no others than before
 * @throws {Refusal} if policy refuses the change for what is there now
 */
export type JudgeThing = (
  exchange: Exchange,
  body: RunBody | null,
  unread: boolean,
  via: Via,
  progress: Progress,
) => Pending<Facts | null>

type Tags = readonly string[]

const TIMEOUT_MS = 20_000

export function createJudgeThing(
  options: Omit<PresentOptions, 'asked' | 'runLookUps'>,
): JudgeThing {
  const { decide, needsDocument, ask } = options

  async function documentAt(
    asked: ReturnType<typeof parseTarget>,
    exchange: Classified,
    { grantFor, route }: Via,
    signal: AbortSignal,
  ): Promise<JsonNode | null> {
    const { origin, scope } = await route(classify(asked), asked)
    const path = asked.query === '' ? asked.path : `${asked.path}?${asked.query}`
    const answer = await ask(await grantFor(scope), exchange.id, origin, path, signal)
    return answer === null ? null : parseJson(Buffer.from(JSON.stringify(answer)))
  }

  /** Tags of everything that the call is about; null if that cannot be asked, or something to be changed is not there. */
  async function presentTags(
    exchange: Classified,
    body: RunBody | null,
    via: Via,
  ): Promise<readonly Tags[] | null> {
    const paths = questionsOf(exchange, body)
    if (paths.length === 0) return null
    const isMade = body === null ? isCreation(exchange) : body.tags !== null
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const found: Tags[] = []
    for (const path of paths) {
      const asked = parseTarget('GET', path)
      const document = await documentAt(asked, exchange, via, signal)
      if (document === null && isMade) continue
      if (document === null) return null
      const tags = tagsOf(document, classify(asked))
      if (tags === null) return null
      found.push(...tags)
    }
    return found
  }

  return (exchange, body, unread, via, progress) => {
    if (!isClassified(exchange) || apiOf(exchange) !== 'data plane') return null
    const { operation, principal } = exchange
    const { type } = operation.resource
    if (operation.effect === 'read' || type === 'Run' || type === 'Artifact') return null
    const needs = [operation, ...changesAs(operation)].flatMap(
      (one) => needsDocument(principal, one, false) ?? [],
    )
    if (!needs.some(({ facts }) => facts === null || facts.has('tags'))) return null
    return judge(exchange, { body, unread }, via, progress)
  }

  async function judge(
    exchange: Classified,
    { body, unread }: { readonly body: RunBody | null; readonly unread: boolean },
    via: Via,
    progress: Progress,
  ): Promise<Facts | null> {
    const { operation, principal } = exchange
    const others = changesAs(operation)
    const call = options.callFacts(exchange)
    const present = await presentTags(exchange, body, via)
    if (present === null) return null
    const change = changeOf(exchange, body)
    const after = change === null ? present : present.map((tags) => changedTags(tags, change))
    for (const tags of new Set([...present, ...after])) {
      const facts = { ...call, tags }
      const verdict = decide(principal, operation, facts, 'all')
      const refused =
        verdict.permit === null ? verdict : refusedUnder(decide, principal, others, facts)
      mustNotBeRefused(refused, progress)
    }
    if (unread) return null
    const [first] = after
    if (first !== undefined) return { ...call, tags: first }
    // what is made has the tags that it is made with
    return toldByNone({ ...call, tags: body?.tags ?? [] })
  }
}

/** Where the thing can be asked for: by MLflow's own reads, or by the path of the change. */
function questionsOf({ operation, target }: Classified, body: RunBody | null): readonly string[] {
  const path = target?.path ?? ''
  if (operation.family === 'mlflow') {
    // a name in the query besides the body's: nobody knows which of them counts
    return body?.thing === null || body?.thing === undefined || target?.query !== ''
      ? []
      : readsOf(path, body.thing)
  }
  const alone = path.replace(/\/(?:tags|tags:delete)$/i, '')
  return isReadOf(alone, operation) ? [alone] : []
}

/** Whether GET of a path reads the very thing that an operation changes. */
export function isReadOf(path: string, { resource }: Operation): boolean {
  if (isCollection(resource)) return false
  try {
    const read = classify(parseTarget('GET', path))
    return read.effect === 'read' && !read.secrets && read.resource.id === resource.id
  } catch (error) {
    if (toRefusal(error).code === 'internal_error') throw error
    return false
  }
}

/** Tags of each thing that an answer describes; null if that cannot be told. */
function tagsOf(document: JsonNode, asked: Operation): readonly Tags[] | null {
  if (asked.tells !== undefined) {
    const found = documentsOf(document, asked.tells)
    if (found === null) return null
    const things = found.documents.map((one) => describedIn(one, asked))
    return things.includes(null) ? null : things.flatMap((one) => one ?? []).map(({ tags }) => tags)
  }
  // models of the registry have names alone in `tags`, and names with values here
  const tags = readTags(memberOf(document, 'kvTags') ?? memberOf(document, 'tags'))
  return tags === null ? null : [[...tags].map(([name, value]) => tagFact(name, value))]
}
