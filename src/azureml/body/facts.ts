/**
 * Facts of a document: everything that it refers to, runs on and asks for, whatever the shape it is written in.
 *
 * The walk looks at every string. What stands at a known name gets the meaning of that name; what is only shaped like
 * a reference is counted for every kind that it could be, so that no allow-list is passed by an unknown place.
 * @module
 */
import { createCollector, type BodyFacts, type Collector } from './collect.ts'
import { child, exposure, jobIdentity, leavesOf, text } from './jobs.ts'
import type { JsonNode, JsonString } from '../../lib/json/document.ts'
import { bareKind, kindByInputType, kindByName, meaningOf } from './names.ts'
import { readTags, tagFact } from './tags.ts'
import type { PathReference } from './paths.ts'
import { parseReference, parseShort, showAsset } from './reference.ts'
import type { AssetKind, AssetReference, Reference } from './reference.ts'
import { showPointer } from '../../lib/json/pointer.ts'
import { walk, type DocumentContext, type Sight } from './walk.ts'

/** A reference to an asset that names no version, and the string that holds it. */
export interface Floating {
  readonly asset: AssetReference
  readonly kinds: readonly AssetKind[]
  readonly node: JsonString
  /** Where it stands, for people. */
  readonly at: string
}

/** Everything that was found. */
export interface Findings {
  readonly collector: Collector
  readonly floating: readonly Floating[]
}

const SETS = [
  'jobTypes', 'environments', 'components', 'models', 'data', 'floating', 'registries', 'images',
  'imageRegistries', 'computes', 'instanceTypes', 'jobIdentities', 'datastores', 'paths', 'folders',
  'subfolders', 'outputs', 'tags',
] // prettier-ignore
const PATH_FACTS = ['paths', 'folders', 'subfolders', 'datastores', 'outputs']
const REFERENCE_FACTS = [...PATH_FACTS, 'environments', 'components', 'models', 'data', 'floating']
const ANY_KIND: readonly AssetKind[] = ['environments', 'components', 'models', 'data']
/** Steps and components name their type in `type`, as inputs do. */
const JOB_TYPES =
  /^(?:command|pipeline|sweep|automl|spark|parallel|import|finetuning|labeling|data_?transfer)$/i
/** `azureml://...` within a longer text, such as a command. */
const EMBEDDED = /azureml:\/\/[^\s"'`,;)\]}]+/gi

/** Longer than any path or id of Azure's. */
const LONGEST_REFERENCE = 8_192
const MOST_EMBEDDED = 100
const REFERENCE_START = /^(?:azureml:|\/?subscriptions\/|[a-z][a-z0-9+.-]*:\/\/)/i

const IMAGE_DIGEST = /@sha256:[0-9a-f]{64}$/

/** The name of a container image. */
interface ImageName {
  /** As written, with its host and without surrounding space. */
  readonly name: string
  /** In lower case; Docker's own if the name says none. */
  readonly host: string
  readonly pinned: boolean
}

/** Names of all facts that come from a document. */
export const DOCUMENT_FACTS: readonly string[] = [
  ...SETS,
  'experiment',
  'imagesUnpinned',
  'instanceCount',
  'timeLimitSeconds',
  'publicNetworkAccess',
  'localAuth',
]

/**
 * Looks at everything in a document.
 * @throws {Refusal} `bad_body` if it says one thing in two spellings
 */
export function findAll(root: JsonNode, context: DocumentContext): Findings {
  const collector = createCollector(SETS)
  const floating: Floating[] = []
  const sights = walk(root)
  collector.either('imagesUnpinned', false)
  for (const sight of sights) {
    if (sight.chain.at(-1) === 'tags') tags(sight.node, collector)
    if (sight.inert) continue
    if (sight.node.kind === 'string') {
      const found = strings(sight, sight.node.value, context, collector)
      floating.push(...found)
    }
    byName(sight, context, collector)
  }
  jobs(sights, context, collector)
  exposure(sights, context, collector)
  return { collector, floating }
}

/** The facts alone, for those that policies ask for. */
export function bodyFacts(
  root: JsonNode,
  context: DocumentContext,
  asked: ReadonlySet<string> | null,
): BodyFacts {
  return findAll(root, context).collector.finish(asked)
}

function tags(node: JsonNode, collector: Collector): void {
  for (const [name, value] of readTags(node) ?? []) collector.add('tags', tagFact(name, value))
}

/** What a string says by its shape and place. */
function strings(
  sight: Sight,
  value: string,
  { scope }: DocumentContext,
  collector: Collector,
): readonly Floating[] {
  const name = sight.chain.at(-1) ?? ''
  const meaning = meaningOf(name)
  const bare = bareKind(name)
  const written = value.trim()
  const tooLong = written.length > LONGEST_REFERENCE
  if (tooLong && REFERENCE_START.test(written)) {
    for (const fact of REFERENCE_FACTS) collector.spoil(fact, 'a reference that is too long')
    return []
  }
  const reference = tooLong ? null : parseReference(written, scope)
  if (reference === null) {
    embedded(sight, value, scope, collector)
    const asset = bare === null || tooLong ? null : parseShort(written)
    return asset === null ? [] : noteAsset({ ...asset, kind: bare }, sight, collector)
  }
  const named = meaning === 'compute' || meaning === 'datastore'
  return named && reference.type !== 'path' ? [] : noteReference(reference, sight, collector)
}

/** References within a longer text. What has too many, or one that is too long, is no text that anybody wrote. */
function embedded(sight: Sight, value: string, scope: string | null, collector: Collector): void {
  let found = 0
  for (const [piece] of value.matchAll(EMBEDDED)) {
    found += 1
    if (found > MOST_EMBEDDED || piece.length > LONGEST_REFERENCE) {
      for (const fact of PATH_FACTS)
        collector.spoil(fact, 'too many or too long references in a text')
      return
    }
    const reference = parseReference(piece, scope)
    if (reference !== null) noteReference(reference, sight, collector)
  }
}

function noteReference(
  reference: Reference,
  sight: Sight,
  collector: Collector,
): readonly Floating[] {
  if (reference.type === 'asset') return noteAsset(reference, sight, collector)
  if (reference.type === 'path') notePath(reference, sight, collector)
  else collector.add(`${reference.type}s`, reference.name)
  return []
}

function notePath(reference: PathReference, { chain }: Sight, collector: Collector): void {
  if (reference.datastore !== null) collector.add('datastores', reference.datastore)
  collector.add('paths', reference.path)
  collector.add('folders', reference.folder)
  collector.add('subfolders', reference.subfolder)
  if (chain.some((name) => name.startsWith('output'))) collector.add('outputs', reference.path)
  if (!reference.ambiguous) return
  for (const fact of PATH_FACTS) collector.spoil(fact, 'a path that can be read in two ways')
}

function noteAsset(asset: AssetReference, sight: Sight, collector: Collector): readonly Floating[] {
  const kind = asset.kind ?? kindAt(sight)
  const kinds = kind === null ? ANY_KIND : [kind]
  for (const one of kinds) if (one !== 'codes') collector.add(one, showAsset(asset, one))
  if (asset.registry !== null) collector.add('registries', asset.registry)
  if (asset.version !== null) return []
  collector.add('floating', showAsset(asset, kind))
  return sight.node.kind === 'string'
    ? [{ asset, kinds, node: sight.node, at: showPointer(sight.path) }]
    : []
}

/** What kind of asset stands here: the input's own type says it, or the nearest name that does. */
function kindAt({ parent, chain }: Sight): AssetKind | null {
  const type = text(child(parent, 'jobinputtype')) ?? text(child(parent, 'type'))
  const byType = type === null ? null : kindByInputType(type)
  if (byType !== null) return byType
  for (const name of chain.toReversed()) {
    if (name === 'inputs' || name === 'outputs' || name === 'jobs') return null
    const kind = kindByName(name)
    if (kind !== null) return kind
  }
  return null
}

/** What a value says by the name that it stands at. */
function byName(sight: Sight, context: DocumentContext, collector: Collector): void {
  const { node, chain } = sight
  const name = chain.at(-1) ?? ''
  const value = text(node)
  if (name === 'type' && value !== null && JOB_TYPES.test(value)) {
    collector.add('jobTypes', value.toLowerCase())
  }
  const meaning = meaningOf(name)
  if (meaning === 'instanceCount') count(sight, collector)
  if (meaning === 'image') image(node, collector)
  if (value === null) return
  if (meaning === 'jobType') collector.add('jobTypes', value.toLowerCase())
  else if (meaning === 'experiment') collector.set('experiment', value)
  else if (meaning === 'instanceType') collector.add('instanceTypes', value.toLowerCase())
  else if (meaning === 'identity') collector.add('jobIdentities', jobIdentity(value))
  else if (meaning === 'compute') collector.add('computes', nameOf(value, context.scope))
  else if (meaning === 'datastore') collector.add('datastores', nameOf(value, context.scope))
}

/** A compute or datastore, however it is written. */
function nameOf(written: string, scope: string | null): string {
  const reference = parseReference(written, scope)
  if (reference?.type === 'compute' || reference?.type === 'datastore') return reference.name
  return (
    reference?.type === 'asset' && reference.elsewhere === null ? reference.name : written
  ).toLowerCase()
}

function count({ node, chain }: Sight, collector: Collector): void {
  const name = chain.at(-1)
  // of all that is called so, only a deployment's sku counts instances
  if (name === 'capacity' && chain.at(-2) !== 'sku') return
  const written =
    node.kind === 'number' ? node.text : node.kind === 'string' ? node.value.trim() : null
  if (written === null) return
  const number = Number(written)
  if (written === '' || !Number.isSafeInteger(Math.ceil(number))) {
    collector.spoil('instanceCount', 'a number of instances that cannot be read')
  } else collector.most('instanceCount', Math.ceil(number))
}

function image(node: JsonNode, collector: Collector): void {
  const written = text(node) ?? text(child(node, 'reference'))
  if (written === null) return
  const { name, host, pinned } = parseImage(written)
  collector.add('images', name)
  collector.add('imageRegistries', host)
  collector.either('imagesUnpinned', !pinned)
}

/** Docker's rule: the part before the first slash is a host if it has a dot, has a port or is `localhost`. */
function parseImage(written: string): ImageName {
  const name = written.trim()
  const slash = name.indexOf('/')
  const first = slash === -1 ? '' : name.slice(0, slash).toLowerCase()
  const isHost = /[.:]/.test(first) || first === 'localhost'
  return { name, host: isHost ? first : 'docker.io', pinned: IMAGE_DIGEST.test(name) }
}

function jobs(sights: readonly Sight[], { scope }: DocumentContext, collector: Collector): void {
  const leaves = leavesOf(sights)
  for (const { compute, identity } of leaves) {
    collector.add('computes', compute === null ? 'serverless' : nameOf(compute, scope))
    collector.add('jobIdentities', identity)
  }
  // one step without a limit makes all of them limitless
  const limits = leaves.flatMap(({ timeLimitSeconds: limit }) => limit ?? [])
  if (leaves.length > 0 && limits.length === leaves.length) {
    collector.set('timeLimitSeconds', Math.max(...limits))
  }
}
