/**
 * A call that needs a review, as its reviewers and its review's id see it: what is there now, what would be there, and
 * who has a part in it.
 * @module
 */
import type { Shown } from '../../approvals/documents.ts'
import { isCollection } from '../../azureml/body/items.ts'
import { classify } from '../../azureml/classify.ts'
import { parseTarget } from '../../azureml/target.ts'
import { Refusal } from '../../errors.ts'
import type { Exchange } from '../../exchange.ts'
import type { AskAzure, Via } from '../../forward/ask.ts'
import { memberOf, parseJson, type JsonNode } from '../../lib/json/document.ts'
import { parameterDigest, sha256 } from '../effects/digest.ts'
import { isOurs } from '../effects/stamp.ts'
import type { Gathered } from '../enforce.ts'
import { readsOf, thingIn, type NamedThing } from '../mlflow-names.ts'
import { askPresent } from '../present-document.ts'
import { isReadOf } from '../present-thing.ts'
import { apiOf, isClassified, type Classified } from '../what-must-be-known.ts'
import { differencesOf, isOfAzure } from './differences.ts'
import { lineageOf, modelsIn, type DocumentAt } from './lineage.ts'

/** What a review is bound to, and what its reviewers see. */
export interface Described {
  /** Of the body as it goes to Azure but for the stamp; null for a call without one. */
  readonly bodyDigest: string | null
  /** Of what is there now; null if nothing is. */
  readonly baseDigest: string | null
  /** Authors of the models in it and of the jobs that made those. */
  readonly authors: readonly string[]
  /** `models/<name>`, `endpoints/<name>`: what owners are found by. */
  readonly names: readonly string[]
  readonly shown: Shown
}

/**
 * @param needsBase whether a policy asks that what is there now stays the same
 * @throws {Refusal} `policy_refused` for a call that cannot be reviewed, and what the lookups throw
 */
export type Describe = (
  exchange: Exchange,
  gathered: Gathered,
  via: Via,
  needsBase: boolean,
) => Promise<Described>

const API_VERSION = '2024-04-01'
/** For all questions about one call. */
const TIMEOUT_MS = 20_000

export function createDescribe(ask: AskAzure): Describe {
  return async (exchange, gathered, via, needsBase) => {
    if (!isClassified(exchange))
      throw new Refusal('internal_error', 'the gateway failed to judge this request')
    const { scope, resource, family } = exchange.operation
    const segments = exchange.target?.segments ?? []
    const { digest: bodyDigest, root } = bodyOf(gathered)
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const get = getting(ask, exchange, via, signal)
    const thing = family === 'mlflow' && root !== null ? thingIn(root, segments) : null
    const base = await baseOf(ask, exchange, thing, via, get)
    if (base === 'unknown' && needsBase) throw cannotBeReviewed('nothing tells what is there now')
    const present = base === 'unknown' ? null : base
    const documentAt: DocumentAt = async (id) => get(`${id}?api-version=${API_VERSION}`)
    const models = [
      ...modelsIn(root, scope),
      ...(await servedBy(resource.id, root, scope, documentAt)),
      ...versionsIn(resource.id, thing, scope),
    ]
    const lineage = await Promise.all(
      [...new Set(models)].map(async (id) => lineageOf(id, documentAt)),
    )
    const { differences, more } = differencesOf(present, root, exchange.method === 'PUT')
    return {
      bodyDigest,
      baseDigest: present === null ? null : parameterDigest(present, isOfAzure),
      authors: lineage.flatMap(({ author, jobAuthor }) => [author ?? [], jobAuthor ?? []].flat()),
      names: [...new Set([...namesIn(resource.id), ...models.flatMap(namesIn)])],
      shown: { differences, more, lineage },
    }
  }
}

/** The bytes that go to Azure, but for the stamp. */
function bodyOf({ content, run, read, unread }: Gathered): {
  digest: string | null
  root: JsonNode | null
} {
  if (content !== null) return { digest: parameterDigest(content.root, isOurs), root: content.root }
  const bytes = run?.received ?? read ?? null
  if (bytes === null && unread === true) throw cannotBeReviewed('its body is not read')
  if (bytes === null || bytes.byteLength === 0) return { digest: null, root: null }
  const root = parseJson(bytes)
  // a number has one meaning here, and its digest another form than that of an object
  return { digest: root.kind === 'object' ? parameterDigest(root, isOurs) : sha256(bytes), root }
}

type Get = (pathAndQuery: string) => Promise<unknown>

/** Reads in the place of the call; null for what is not there or may not be read. */
function getting(
  ask: AskAzure,
  { id }: Classified,
  { grantFor, route }: Via,
  signal: AbortSignal,
): Get {
  return async (pathAndQuery) => {
    try {
      const target = parseTarget('GET', pathAndQuery)
      const { origin, scope } = await route(classify(target), target)
      const path = target.query === '' ? target.path : `${target.path}?${target.query}`
      return await ask(await grantFor(scope), id, origin, path, signal)
    } catch (error) {
      const isUntold =
        error instanceof Refusal &&
        ['upstream_forbidden', 'unknown_operation', 'not_found'].includes(error.code)
      if (isUntold) return null
      throw error
    }
  }
}

/** What is there now; null if nothing is. */
async function baseOf(
  ask: AskAzure,
  exchange: Classified,
  thing: NamedThing | null,
  via: Via,
  get: Get,
): Promise<JsonNode | null | 'unknown'> {
  const { operation, target } = exchange
  const api = apiOf(exchange)
  if (api === 'arm') return isCollection(operation.resource) ? null : askPresent(ask, exchange, via)
  const path = target?.path ?? ''
  const question =
    thing === null
      ? isReadOf(path, operation)
        ? path
        : undefined
      : target?.query === ''
        ? readsOf(path, thing).at(-1)
        : undefined
  if (question === undefined) return 'unknown'
  const answer = await get(question)
  return answer === null ? null : parseJson(Buffer.from(JSON.stringify(answer)))
}

/** Models of the deployments that an endpoint's traffic goes to. */
async function servedBy(
  id: string,
  root: JsonNode | null,
  scope: string | null,
  documentAt: DocumentAt,
): Promise<readonly string[]> {
  if (!/\/(?:online|batch)endpoints\/[^/]+$/u.test(id) || root === null) return []
  const properties = memberOf(root, 'properties')
  const traffic = properties === null ? null : memberOf(properties, 'traffic')
  const names = traffic?.kind === 'object' ? traffic.members.map(({ key }) => key) : []
  const documents = await Promise.all(
    names
      .filter((name) => /^[\w-]{1,64}$/u.test(name))
      .map(async (name) => documentAt(`${id}/deployments/${name}`)),
  )
  return documents.flatMap((document) =>
    document === null ? [] : modelsIn(parseJson(Buffer.from(JSON.stringify(document))), scope),
  )
}

/** The version of a model that the call itself is about. */
function versionsIn(id: string, thing: NamedThing | null, scope: string | null): readonly string[] {
  if (/\/models\/[^/]+\/versions\/[^/]+$/u.test(id)) return [id]
  return thing?.model == null || thing.version === null || scope === null
    ? []
    : [`${scope}/models/${thing.model}/versions/${thing.version}`]
}

function namesIn(id: string): readonly string[] {
  const [, model] = /\/models\/([^/]+)/u.exec(id) ?? []
  const [, endpoint] = /\/(?:online|batch|serverless)endpoints\/([^/]+)/iu.exec(id) ?? []
  return [
    ...(model === undefined ? [] : [`models/${model}`]),
    ...(endpoint === undefined ? [] : [`endpoints/${endpoint}`]),
  ]
}

function cannotBeReviewed(why: string): Refusal {
  return new Refusal('policy_refused', `this call needs a review and cannot have one: ${why}`, {
    remedy: 'make the same change by azure resource manager',
  })
}
