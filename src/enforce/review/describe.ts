/**
 * A call that needs a review, as its reviewers and its review's id see it: what is there now, what would be there, and
 * who has a part in it.
 * @module
 */
import type { Lineage, Metrics, Shown } from '../../approvals/documents.ts'
import { isCollection } from '../../azureml/body/items.ts'
import { classify } from '../../azureml/classify.ts'
import { discoveryPath, isRegistryName, readPlace } from '../../azureml/elsewhere/registry-place.ts'
import { parseTarget } from '../../azureml/target.ts'
import { Refusal } from '../../errors.ts'
import type { Exchange } from '../../exchange.ts'
import type { AskAzure, Via } from '../../forward/ask.ts'
import { memberOf, parseJson, type JsonNode } from '../../lib/json/document.ts'
import { parameterDigest, sha256, type Parsed } from '../effects/digest.ts'
import { isOurs } from '../effects/stamp.ts'
import type { Gathered } from '../enforce.ts'
import { createRunLookUps } from '../lookups/run.ts'
import { readsOf, thingIn, type NamedThing } from '../mlflow-names.ts'
import { askPresentBytes } from '../present-document.ts'
import { isReadOf } from '../present-thing.ts'
import { apiOf, isClassified, type Classified } from '../what-must-be-known.ts'
import { differencesOf, isOfAzure } from './differences.ts'
import { modelsIn, originsOf, type DocumentAt, type LineageOptions } from './lineage.ts'
import { compareMetrics, type Compared } from './metrics.ts'
import { servingNow, type Replacing } from './serving.ts'

/** What a review is bound to, and what its reviewers see. */
export interface Described {
  /** Of the body as it goes to Azure but for the stamp; null for a call without one. */
  readonly bodyDigest: string | null
  /** Of what is there now; null if nothing is. */
  readonly baseDigest: string | null
  /**
   * What a request for a review says besides; asked of Azure when it is called.
   * @throws {Refusal} what the lookups throw, and `policy_refused` if who has a part in it may not be read
   */
  readonly details: () => Promise<Details>
}

export interface Details {
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
/** Models whose metrics are compared. */
const MAX_COMPARED = 3
/** For all questions about one call. */
const TIMEOUT_MS = 20_000

export function createDescribe(ask: AskAzure): Describe {
  const runLookUps = createRunLookUps(ask)

  return async (exchange, gathered, via, needsBase) => {
    if (!isClassified(exchange))
      throw new Refusal('internal_error', 'the gateway failed to judge this request')
    const segments = exchange.target?.segments ?? []
    const { digest: bodyDigest, root } = bodyOf(gathered)
    const asking = askingAzure(ask, exchange, via)
    const isMlflow = exchange.operation.family === 'mlflow'
    const thing = isMlflow && root !== null ? thingIn(root, segments) : null
    const base = await baseOf(ask, exchange, thing, via, asking.get)
    if (base === 'unknown' && needsBase) throw cannotBeReviewed('nothing tells what is there now')
    const present = base === 'unknown' || base === null ? null : documentOf(base)
    const tagsOfRun = async (run: string) => runLookUps(exchange, via).tagsOf(run)
    return {
      bodyDigest,
      baseDigest: present === null ? null : parameterDigest(present, isOfAzure),
      details: async () =>
        detailsOf(exchange, { root, present: present?.root ?? null, thing, tagsOfRun }, asking),
    }
  }
}

/** What is known of a change before its details are asked for. */
interface Known {
  readonly root: JsonNode | null
  readonly present: JsonNode | null
  readonly thing: NamedThing | null
  readonly tagsOfRun: LineageOptions['tagsOfRun']
}

async function detailsOf(
  { operation, method, target }: Classified,
  { root, present, thing, tagsOfRun }: Known,
  { ask, get }: Asking,
): Promise<Details> {
  const { scope, resource } = operation
  const documentAt: DocumentAt = async (id) => {
    const path = `${id}?api-version=${API_VERSION}`
    // registries of others may be used by those who may not ask Resource Manager about them
    if (id.includes('/registries/')) return get(path)
    return ask(path).catch((error: unknown) => {
      if (!(error instanceof Refusal) || error.code !== 'upstream_forbidden') throw error
      throw cannotBeReviewed(`who made "${id.split('/').slice(9).join('/')}" may not be read`)
    })
  }
  const options: LineageOptions = {
    documentAt,
    tagsOfRun,
    scope,
    registryAt: async (name) =>
      isRegistryName(name) ? (readPlace(name, await get(discoveryPath(name)))?.id ?? null) : null,
  }
  const models = [
    ...modelsIn(root, scope),
    ...(await servedBy(resource.id, root, scope, documentAt)),
    ...versionsIn(resource.id, thing, scope),
  ]
  const { lineage, authors } = await originsOf(models, options)
  const { differences, more } = differencesOf(present, root, method === 'PUT')
  const change = { id: resource.id, scope, path: target?.path ?? '', body: root, present, thing }
  const metrics = await metricsOf(
    models.slice(0, MAX_COMPARED),
    lineage,
    { ...change, documentAt, get },
    options,
    ask,
  )
  return {
    authors,
    names: [...new Set([...namesIn(resource.id), ...models.flatMap(namesIn)])],
    shown: { differences, more, lineage: [...lineage], ...(metrics === null ? {} : { metrics }) },
  }
}

/** Null for a change that puts no version in the place of another. */
async function metricsOf(
  models: readonly string[],
  lineage: readonly Lineage[],
  change: Replacing,
  options: LineageOptions,
  ask: Get,
): Promise<Metrics[] | null> {
  const runOf = async (run: string): Promise<unknown> =>
    ask(`/mlflow/v1.0${change.scope}/api/2.0/mlflow/runs/get?run_id=${encodeURIComponent(run)}`)
  const serves = await comparedWith(change, options)
  if (serves === undefined || change.scope === null) return null
  return Promise.all(
    models.map(async (model) => {
      const job = lineage.find((one) => one.model === model)?.job ?? null
      return compareMetrics({ model, job }, serves, runOf)
    }),
  )
}

/** The version that serves now, with its job; a text that says why nobody knows; undefined if nothing is replaced. */
async function comparedWith(
  change: Replacing,
  options: LineageOptions,
): Promise<Compared | string | null | undefined> {
  try {
    const id = await servingNow(change)
    if (id === null || id === undefined) return id
    const { lineage } = await originsOf([id], options)
    return { model: id, job: lineage[0]?.job ?? null }
  } catch (error) {
    // it decides nothing
    if (error instanceof Refusal) return `it cannot be read (${error.code})`
    throw error
  }
}

/** The bytes that go to Azure, but for the stamp. */
function bodyOf({ content, run, read, unread }: Gathered): {
  digest: string | null
  root: JsonNode | null
} {
  if (content !== null) return { digest: parameterDigest(content, isOurs), root: content.root }
  const bytes = run?.received ?? read ?? null
  if (bytes === null && unread === true) throw cannotBeReviewed('its body is not read')
  if (bytes === null || bytes.byteLength === 0) return { digest: null, root: null }
  const root = parseJson(bytes)
  // a number has one meaning here, and its digest another form than that of an object
  return {
    digest: root.kind === 'object' ? parameterDigest({ root, bytes }, isOurs) : sha256(bytes),
    root,
  }
}

const documentOf = (bytes: Buffer): Parsed => ({ root: parseJson(bytes), bytes })

type Get = (pathAndQuery: string) => Promise<unknown>

interface Asking {
  /** Reads in the place of the call; null for what is not there. @throws {Refusal} */
  readonly ask: Get
  /** The same, and null for what may not be read. @throws {Refusal} */
  readonly get: Get
}

function askingAzure(ask: AskAzure, { id }: Classified, { grantFor, route }: Via): Asking {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  async function read(pathAndQuery: string): Promise<unknown> {
    const target = parseTarget('GET', pathAndQuery)
    const { origin, scope } = await route(classify(target), target)
    const path = target.query === '' ? target.path : `${target.path}?${target.query}`
    return ask(await grantFor(scope), id, origin, path, signal)
  }
  const absent = ['unknown_operation', 'not_found']
  return {
    ask: async (path) => read(path).catch((error: unknown) => untold(error, absent)),
    get: async (path) =>
      read(path).catch((error: unknown) => untold(error, [...absent, 'upstream_forbidden'])),
  }
}

/** What has no route is as if it were not there. */
function untold(error: unknown, codes: readonly string[]): null {
  if (error instanceof Refusal && codes.includes(error.code)) return null
  throw error
}

/** What is there now; null if nothing is. */
async function baseOf(
  ask: AskAzure,
  exchange: Classified,
  thing: NamedThing | null,
  via: Via,
  get: Get,
): Promise<Buffer | null | 'unknown'> {
  const { operation, target, method } = exchange
  const api = apiOf(exchange)
  if (api === 'arm')
    return isCollection(operation.resource) ? null : askPresentBytes(ask, exchange, via)
  const path = target?.path ?? ''
  // what is posted to a collection is new, whatever name or version it gets
  const { id } = operation.resource
  const isNew = method === 'POST' && path.toLowerCase().endsWith(lastOf(id).toLowerCase())
  if (thing === null && isNew && isCollection(operation.resource)) return null
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
  return answer === null ? null : Buffer.from(JSON.stringify(answer))
}

/** The last segment of an id, with its slash. */
function lastOf(id: string): string {
  return id.slice(id.lastIndexOf('/'))
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
