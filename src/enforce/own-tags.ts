/**
 * Tags that are the gateway's own: `harness.*` says from whom a thing is, so nobody else writes, changes or removes one.
 *
 * Bodies that can carry tags are read for this whatever policy asks. A document that was read and is sent again has the
 * stamps that stand there: those pass where they are replaced by new ones, or are the same as Azure has.
 * @module
 */
import { exactly, jobPlaces, objectAt, tagHolder, type Api } from '../azureml/body/places.ts'
import { parseTarget } from '../azureml/target.ts'
import { classify } from '../azureml/classify.ts'
import { isSpans } from '../azureml/mlflow/things.ts'
import { Refusal } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import type { AskAzure, Via } from '../forward/ask.ts'
import { parseJson, type JsonNode } from '../lib/json/document.ts'
import { showPointer } from '../lib/json/pointer.ts'
import { after, type Pending } from '../lib/pending.ts'
import { isChanged, TAGS } from './effects/stamp.ts'
import type { Gathered } from './enforce.ts'
import { isStamp, isStampPair, replacedIn } from './model-stamps.ts'
import type { OwnRule } from './own-rules.ts'
import { withBodyRead, type UnreadBodyOptions } from './unread-body.ts'
import { isClassified, schemaOf, type Classified } from './what-must-be-known.ts'

export interface OwnTagsOptions extends UnreadBodyOptions {
  readonly ask: AskAzure
}

/** One of the gateway's tags in a document, or in what says which tags to change. */
interface Found {
  /** Its place, for people to read. */
  readonly at: string
  /** The same in lower case, to compare. */
  readonly place: string
  readonly name: string
  /** Null if it is named and not written. */
  readonly value: string | null
  /** It is a tag of the document itself, in its published place. */
  readonly own: boolean
}

const PREFIX = 'harness.'
const STAMPS: ReadonlySet<string> = new Set(Object.values(TAGS))
const TIMEOUT_MS = 20_000
/** What no service reads tags from: files. */
const WITHOUT_TAGS = new Set(['Artifact', 'Snapshot'])
/** Last words of data-plane routes whose bodies are measurements, many and large. */
const MEASUREMENTS = new Set(['metrics', 'batch', 'spans', 'events', 'log-metric'])
/** Members that name a tag: MLflow's `key`, the `path` and `from` of a JSON Patch, lists of names. */
const NAMING = /tag|^(?:keys?|path|from|names|assessmentname)$/
/** Members of MLflow's data sets whose texts are JSON. */
const WRITTEN_AS_TEXT = new Set(['tags', 'records'])
/** Anything but plain ASCII text may be another spelling. */
const MAY_HAVE_ONE = /harness|[^\x20-\x7e\s]|\\/i

/** Refuses calls that write a tag of the gateway's that is not there already. */
export function ownTags(options: OwnTagsOptions): OwnRule {
  return {
    concerns: canTag,
    around(inner) {
      const reading = withBodyRead(inner, options, canTag)
      return {
        ...reading,

        lookUp(exchange, gathered, via, progress) {
          const checked = check(options.ask, exchange, bytesOf(gathered), via)
          return after(checked, () => reading.lookUp(exchange, gathered, via, progress))
        },
      }
    },
  }
}

function bytesOf({ content, run, read }: Gathered): Buffer | null {
  return content?.received ?? run?.received ?? read ?? null
}

/** @throws {Refusal} `policy_refused` for a tag of the gateway's that is not there already */
function check(ask: AskAzure, exchange: Exchange, body: Buffer | null, via: Via): Pending<void> {
  if (!isClassified(exchange) || !canTag(exchange)) return
  const { method, operation } = exchange
  const { type } = operation.resource
  const api = schemaOf(exchange)
  if (api === 'data plane' && isNamedByPath(exchange)) throw reserved('the path')
  if (body === null || !MAY_HAVE_ONE.test(body.toString('latin1'))) return
  // a clone of a job comes with the stamps of the first one, which new ones replace
  const restamped = via.permit.effects.stamp && isChanged(type) && method === 'PUT'
  const root = parseJson(body)
  // MLflow reads a text as the JSON that is in it
  if (operation.family === 'mlflow' && root.kind !== 'object')
    throw new Refusal('bad_body', 'the body is no JSON object')
  // so does a version of a model that is registered again, or copied with its tags
  const replaced = via.permit.effects.stamp ? replacedIn(exchange, root) : null
  const found = reservedIn(root, type, api, replaced).filter(
    ({ own, name }) => !(restamped && own && STAMPS.has(name)),
  )
  const [first] = found
  if (first === undefined) return
  if (api === 'data plane' || (method !== 'PUT' && method !== 'PATCH')) throw reserved(first.at)
  return present(ask, exchange, via).then((there) => {
    for (const { at, place, value } of found)
      if (value === null || there.get(place) !== value) throw reserved(at)
  })
}

/** Tags of the gateway's that Azure has in the document of a call, by place. */
async function present(
  ask: AskAzure,
  { id, target, operation }: Classified,
  { grantFor, route }: Via,
): Promise<ReadonlyMap<string, string | null>> {
  const version = encodeURIComponent(target?.params.get('api-version') ?? '')
  const asked = parseTarget('GET', `${target?.path ?? ''}?api-version=${version}`)
  const { origin, scope } = await route(classify(asked), asked)
  const grant = await grantFor(scope)
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const answer = await ask(grant, id, origin, `${asked.path}?${asked.query}`, signal)
  if (answer === null) return new Map()
  const root = parseJson(Buffer.from(JSON.stringify(answer)))
  return new Map(
    reservedIn(root, operation.resource.type, 'arm').map((tag) => [tag.place, tag.value]),
  )
}

/** Whether a call writes something that can have tags. */
function canTag(exchange: Classified): boolean {
  const { method, operation, target } = exchange
  const { effect, family, resource, word } = operation
  if (effect === 'read' || method === 'GET' || method === 'HEAD') return false
  // what a model is asked is its own affair
  if (family === 'scoring' && effect !== 'write') return false
  if (WITHOUT_TAGS.has(resource.type)) return false
  if (schemaOf(exchange) === 'arm') return true
  // spans of traces come as OTLP and have attributes, which are no tags
  if (isSpans(target)) return false
  return word === undefined || !MEASUREMENTS.has(word)
}

/** `.../tags/{name}`, or a name in the query. */
function isNamedByPath({ target }: Classified): boolean {
  const { segments = [], params } = target ?? {}
  const named = segments[segments.findIndex((segment) => segment.toLowerCase() === 'tags') + 1]
  return [named ?? '', ...(params?.values() ?? [])].some(isReserved)
}

/** Whether a service could take a text for one of the gateway's tags: in any case, width or disguise. */
function isReserved(text: string): boolean {
  const plain = text.normalize('NFKC').toLowerCase()
  return plain.replaceAll(/[\p{DI}\p{Cf}\p{Cc}\s]/gu, '').startsWith(PREFIX)
}

/** Every tag of the gateway's that a document has, at any place, or names, but for stamps in what is `replaced`. */
function reservedIn(
  root: JsonNode,
  type: string,
  api: Api,
  replaced: JsonNode | null = null,
): readonly Found[] {
  const own = new Set<JsonNode | null>([
    exactly(objectAt(root, tagHolder(type, api)?.path ?? []), 'tags'),
    ...jobPlaces(type).map((place) => exactly(objectAt(root, place), 'tags')),
  ])
  const found: Found[] = []
  function note(path: readonly (string | number)[], name: string, node: JsonNode, isOwn: boolean) {
    const value = node.kind === 'string' ? node.value : null
    const place = path.join('/').toLowerCase()
    found.push({ at: showPointer(path), place, name: name.toLowerCase(), value, own: isOwn })
  }
  function visit(
    node: JsonNode,
    path: readonly (string | number)[],
    named: string,
    names: boolean,
  ) {
    if (node.kind === 'array') {
      // a list of pairs where ARM has an object
      const pairs = names || named === 'tags'
      for (const [at, item] of node.items.entries())
        if (node !== replaced || !isStampPair(item)) visit(item, [...path, at], named, pairs)
    } else if (node.kind === 'object') {
      for (const { key, value } of node.members) {
        if (node === replaced && isStamp(key)) continue
        const inner = [...path, key]
        if (isReserved(key)) note(inner, key, value, own.has(node))
        else visit(value, inner, key.toLowerCase(), names)
      }
    } else if (names && node.kind === 'string') {
      if (namesOne(named, node.value)) note(path, '', node, false)
      if (WRITTEN_AS_TEXT.has(named)) visitText(node.value, path)
    }
  }
  function visitText(text: string, path: readonly (string | number)[]): void {
    let inner: JsonNode
    try {
      inner = parseJson(Buffer.from(text))
    } catch {
      return
    }
    if (inner.kind !== 'string') visit(inner, path, 'tags', true)
  }
  visit(root, [], 'tags', api === 'data plane')
  return found
}

/** A name as it is, or as the last steps of a JSON pointer. */
function namesOne(member: string, text: string): boolean {
  return NAMING.test(member) && text.split('/').some(isReserved)
}

function reserved(at: string): Refusal {
  const message = `the tag at ${at} is one that the gateway sets itself: it tells from whom a thing is`
  return new Refusal('policy_refused', message, {
    remedy: 'leave out tags that begin with "harness."',
  })
}
