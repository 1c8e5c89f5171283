/**
 * Facts of a document: everything that it refers to, runs on and asks for, in whatever shape it is written.
 *
 * Every string is looked at. A value at a known name has the meaning of that name. A value that only looks like a
 * reference counts for every kind that it could be, so that an unknown field cannot get around an allow-list.
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
import { walk, type DocumentContext, type Occurrence } from './walk.ts'

/** A reference to an asset that names no version, and the string that holds it. */
export interface Floating {
  readonly asset: AssetReference
  readonly kinds: readonly AssetKind[]
  readonly node: JsonString
  /** Its place in the document, for people to read. */
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
/** Steps and components have their job type in `type`, where inputs have theirs. */
const JOB_TYPES =
  /^(?:command|pipeline|sweep|automl|spark|parallel|import|finetuning|labeling|data_?transfer)$/i
/** `azureml://...` within a longer text, such as a command. */
const EMBEDDED = /azureml:\/\/[^\s"'`,;)\]}]+/gi

/** Longer than any path or id of Azure's. */
const MAX_REFERENCE_CHARACTERS = 8_192
const MAX_EMBEDDED = 100
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
  const occurrences = walk(root)
  collector.any('imagesUnpinned', false)
  for (const occurrence of occurrences) {
    if (occurrence.chain.at(-1) === 'tags') tags(occurrence.node, collector)
    if (occurrence.inert) continue
    if (occurrence.node.kind === 'string') {
      const found = referencesIn(occurrence, occurrence.node.value, context, collector)
      floating.push(...found)
    }
    byName(occurrence, context, collector)
  }
  jobs(occurrences, context, collector)
  exposure(occurrences, context, collector)
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

/** Facts from a string that looks like a reference. */
function referencesIn(
  occurrence: Occurrence,
  value: string,
  { scope }: DocumentContext,
  collector: Collector,
): readonly Floating[] {
  const name = occurrence.chain.at(-1) ?? ''
  const meaning = meaningOf(name)
  const bare = bareKind(name)
  const written = value.trim()
  const tooLong = written.length > MAX_REFERENCE_CHARACTERS
  if (tooLong && REFERENCE_START.test(written)) {
    for (const fact of REFERENCE_FACTS) collector.markUnusable(fact, 'a reference that is too long')
    return []
  }
  const reference = tooLong ? null : parseReference(written, scope)
  if (reference === null) {
    embeddedReferences(occurrence, value, scope, collector)
    const asset = bare === null || tooLong ? null : parseShort(written)
    return asset === null ? [] : noteAsset({ ...asset, kind: bare }, occurrence, collector)
  }
  const named = meaning === 'compute' || meaning === 'datastore'
  return named && reference.type !== 'path' ? [] : noteReference(reference, occurrence, collector)
}

/** References within a longer text; too many of them, or one too long, make the facts unusable. */
function embeddedReferences(
  occurrence: Occurrence,
  value: string,
  scope: string | null,
  collector: Collector,
): void {
  let found = 0
  for (const [piece] of value.matchAll(EMBEDDED)) {
    found += 1
    if (found > MAX_EMBEDDED || piece.length > MAX_REFERENCE_CHARACTERS) {
      for (const fact of PATH_FACTS)
        collector.markUnusable(fact, 'too many or too long references in a text')
      return
    }
    const reference = parseReference(piece, scope)
    if (reference !== null) noteReference(reference, occurrence, collector)
  }
}

function noteReference(
  reference: Reference,
  occurrence: Occurrence,
  collector: Collector,
): readonly Floating[] {
  if (reference.type === 'asset') return noteAsset(reference, occurrence, collector)
  if (reference.type === 'path') notePath(reference, occurrence, collector)
  else collector.add(`${reference.type}s`, reference.name)
  return []
}

function notePath(reference: PathReference, { chain }: Occurrence, collector: Collector): void {
  if (reference.datastore !== null) collector.add('datastores', reference.datastore)
  collector.add('paths', reference.path)
  collector.add('folders', reference.folder)
  collector.add('subfolders', reference.subfolder)
  if (chain.some((name) => name.startsWith('output'))) collector.add('outputs', reference.path)
  if (!reference.ambiguous) return
  for (const fact of PATH_FACTS) collector.markUnusable(fact, 'a path that can be read in two ways')
}

function noteAsset(
  asset: AssetReference,
  occurrence: Occurrence,
  collector: Collector,
): readonly Floating[] {
  const kind = asset.kind ?? kindAt(occurrence)
  const kinds = kind === null ? ANY_KIND : [kind]
  for (const one of kinds) if (one !== 'codes') collector.add(one, showAsset(asset, one))
  if (asset.registry !== null) collector.add('registries', asset.registry)
  if (asset.version !== null) return []
  collector.add('floating', showAsset(asset, kind))
  return occurrence.node.kind === 'string'
    ? [{ asset, kinds, node: occurrence.node, at: showPointer(occurrence.path) }]
    : []
}

/** The kind of the asset here: as the input's own type says, or else the nearest name around it that tells. */
function kindAt({ parent, chain }: Occurrence): AssetKind | null {
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

/** Facts from a value at a name that has a meaning. */
function byName(occurrence: Occurrence, context: DocumentContext, collector: Collector): void {
  const { node, chain } = occurrence
  const name = chain.at(-1) ?? ''
  const value = text(node)
  if (name === 'type' && value !== null && JOB_TYPES.test(value)) {
    collector.add('jobTypes', value.toLowerCase())
  }
  const meaning = meaningOf(name)
  if (meaning === 'instanceCount') count(occurrence, collector)
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

function count({ node, chain }: Occurrence, collector: Collector): void {
  const name = chain.at(-1)
  // only in the sku of a deployment does `capacity` count instances
  if (name === 'capacity' && chain.at(-2) !== 'sku') return
  const written =
    node.kind === 'number' ? node.text : node.kind === 'string' ? node.value.trim() : null
  if (written === null) return
  const number = Number(written)
  if (written === '' || !Number.isSafeInteger(Math.ceil(number))) {
    collector.markUnusable('instanceCount', 'a number of instances that cannot be read')
  } else collector.max('instanceCount', Math.ceil(number))
}

function image(node: JsonNode, collector: Collector): void {
  const written = text(node) ?? text(child(node, 'reference'))
  if (written === null) return
  const { name, host, pinned } = parseImage(written)
  collector.add('images', name)
  collector.add('imageRegistries', host)
  collector.any('imagesUnpinned', !pinned)
}

/** Docker's rule: the part before the first slash is a host if it has a dot, has a port or is `localhost`. */
function parseImage(written: string): ImageName {
  const name = written.trim()
  const slash = name.indexOf('/')
  const first = slash === -1 ? '' : name.slice(0, slash).toLowerCase()
  const isHost = /[.:]/.test(first) || first === 'localhost'
  return { name, host: isHost ? first : 'docker.io', pinned: IMAGE_DIGEST.test(name) }
}

function jobs(
  occurrences: readonly Occurrence[],
  { scope }: DocumentContext,
  collector: Collector,
): void {
  const leaves = leavesOf(occurrences)
  for (const { compute, identity } of leaves) {
    collector.add('computes', compute === null ? 'serverless' : nameOf(compute, scope))
    collector.add('jobIdentities', identity)
  }
  // one step without a limit means that the whole job has none
  const limits = leaves.flatMap(({ timeLimitSeconds: limit }) => limit ?? [])
  if (leaves.length > 0 && limits.length === leaves.length) {
    collector.set('timeLimitSeconds', Math.max(...limits))
  }
}
