/**
 * Facts of a document: everything that it refers to, runs on and asks for, in whatever shape it is written.
 *
 * Every string is looked at. A value at a known name has the meaning of that name. A value that only looks like a
 * reference counts for every kind that it could be, so that an unknown field cannot get around an allow-list. What
 * identifies the document, or would satisfy a policy, is read at its published place alone (places.ts).
 * @module
 */
import { createCollector, UNASKED, type BodyFacts, type Collector } from './collect.ts'
import { exposure } from './exposure.ts'
import { identifying } from './identifying.ts'
import { noteBuild, noteImage } from './images.ts'
import { jobIdentity, leavesOf } from './jobs.ts'
import { child, text } from './nodes.ts'
import { noteContainerSize, noteCount } from './sizes.ts'
import type { JsonNode, JsonString } from '../../lib/json/document.ts'
import { memoOf } from '../../lib/memo.ts'
import { kindByInputType, kindByName } from './names.ts'
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
  'jobTypes', 'environments', 'components', 'models', 'data', 'codes', 'floating', 'registries', 'images',
  'imageRegistries', 'computes', 'instanceTypes', 'jobIdentities', 'datastores', 'paths', 'folders',
  'subfolders', 'outputs', 'tags',
] // prettier-ignore
/** The facts of an empty document. */
const NOTHING: Readonly<BodyFacts> = Object.fromEntries(SETS.map((fact) => [fact, []]))
const PATH_FACTS = ['paths', 'folders', 'subfolders', 'datastores', 'outputs']
const REFERENCE_FACTS = [
  ...PATH_FACTS,
  'environments',
  'components',
  'models',
  'data',
  'codes',
  'floating',
]
const ANY_KIND: readonly AssetKind[] = ['environments', 'components', 'models', 'data', 'codes']
/** Steps and components have their job type in `type`, where inputs have theirs. */
const JOB_TYPES =
  /^(?:command|pipeline|sweep|automl|spark|parallel|import|finetuning|labeling|data_?transfer)$/i
/** `azureml://...` within a longer text, such as a command. */
const EMBEDDED = /azureml:\/\/[^\s"'`,;)\]}]+/gi

/** Longer than any path or id of Azure's. */
const MAX_REFERENCE_CHARACTERS = 8_192
const MAX_EMBEDDED = 100
const REFERENCE_START = /^(?:azureml:|\/?subscriptions\/|[a-z][a-z0-9+.-]*:\/\/)/i

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

/** What is collected where policies ask for some facts. */
interface Asked {
  /** Of an empty document. */
  readonly nothing: Readonly<BodyFacts>
  readonly isAny: boolean
  readonly ofJobs: boolean
  readonly ofExposure: boolean
  readonly isIdentifying: boolean
}

const ALL: Asked = {
  nothing: NOTHING,
  isAny: true,
  ofJobs: true,
  ofExposure: true,
  isIdentifying: true,
}

const askedBy = memoOf((asked: ReadonlySet<string>): Asked => {
  const isAsked = (fact: string): boolean => asked.has(fact)
  return {
    nothing: Object.fromEntries(Object.entries(NOTHING).filter(([fact]) => isAsked(fact))),
    isAny: DOCUMENT_FACTS.some(isAsked),
    ofJobs: ['computes', 'jobIdentities', 'timeLimitSeconds'].some(isAsked),
    ofExposure: ['publicNetworkAccess', 'localAuth'].some(isAsked),
    isIdentifying: ['tags', 'experiment'].some(isAsked),
  }
})

/**
 * Looks at everything in a document.
 * @param asked facts that policies ask for, others are not collected; null for all of them
 * @throws {Refusal} `bad_body` if it says one thing in two spellings
 */
export function findAll(
  root: JsonNode,
  context: DocumentContext,
  asked: ReadonlySet<string> | null = null,
): Findings {
  const { nothing, isAny, ofJobs, ofExposure, isIdentifying } =
    asked === null ? ALL : askedBy(asked)
  const collector = isAny ? createCollector(nothing, asked) : UNASKED
  const floating: Floating[] = []
  const findings = { collector, floating }
  const names = new WrittenNames(context.scope)
  const occurrences = walk(root, context.type)
  collector.any('imagesUnpinned', false)
  for (const occurrence of occurrences) {
    if (occurrence.inert) continue
    const { node } = occurrence
    const reference =
      node.kind === 'string'
        ? referencesIn(occurrence, node.value, context.scope, findings)
        : undefined
    if (isAny) byName(occurrence, reference, names, context, collector)
  }
  if (ofJobs) jobs(root, occurrences, names, context, collector)
  if (ofExposure) exposure(root, occurrences, context, collector)
  if (isIdentifying) identifying(root, context, collector)
  return findings
}

/** The facts alone, for those that policies ask for. */
export function bodyFacts(
  root: JsonNode,
  context: DocumentContext,
  asked: ReadonlySet<string> | null,
): BodyFacts {
  return findAll(root, context).collector.finish(asked)
}

/** What is being found. */
interface Finding extends Findings {
  readonly floating: Floating[]
}

/**
 * Facts from a string that looks like a reference.
 * @returns what the whole of it refers to, null for nothing; undefined if that was not looked at
 */
function referencesIn(
  occurrence: Occurrence,
  value: string,
  scope: string | null,
  findings: Finding,
): Reference | null | undefined {
  const { collector } = findings
  const { meaning, bare } = occurrence.chain.name
  const written = value.trim()
  const tooLong = written.length > MAX_REFERENCE_CHARACTERS
  if (tooLong && REFERENCE_START.test(written)) {
    for (const fact of REFERENCE_FACTS) collector.markUnusable(fact, 'a reference that is too long')
    return undefined
  }
  const reference = tooLong ? null : parseReference(written, scope)
  if (reference === null) {
    embeddedReferences(occurrence, value, scope, findings)
    const asset = bare === null || tooLong ? null : parseShort(written)
    if (asset !== null) noteAsset({ ...asset, kind: bare }, occurrence, findings)
    return tooLong ? undefined : null
  }
  const named = meaning === 'compute' || meaning === 'datastore'
  if (!named || reference.type === 'path') noteReference(reference, occurrence, findings)
  return reference
}

/** References within a longer text; too many of them, or one too long, make the facts unusable. */
function embeddedReferences(
  occurrence: Occurrence,
  value: string,
  scope: string | null,
  findings: Finding,
): void {
  if (!value.includes('://')) return
  let found = 0
  for (const [piece] of value.matchAll(EMBEDDED)) {
    found += 1
    if (found > MAX_EMBEDDED || piece.length > MAX_REFERENCE_CHARACTERS) {
      for (const fact of PATH_FACTS)
        findings.collector.markUnusable(fact, 'too many or too long references in a text')
      return
    }
    const reference = parseReference(piece, scope)
    // what it is floats within a text, where nothing can be put in its place
    if (reference !== null) noteReference(reference, occurrence, { ...findings, floating: [] })
  }
}

function noteReference(reference: Reference, occurrence: Occurrence, findings: Finding): void {
  if (reference.type === 'asset') noteAsset(reference, occurrence, findings)
  else if (reference.type === 'path') notePath(reference, occurrence, findings.collector)
  else findings.collector.add(`${reference.type}s`, reference.name)
}

function notePath(reference: PathReference, { chain }: Occurrence, collector: Collector): void {
  if (collector === UNASKED) return
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
  { collector, floating }: Finding,
): void {
  if (asset.version !== null && collector === UNASKED) return
  const kind = asset.kind ?? kindAt(occurrence)
  const kinds = kind === null ? ANY_KIND : [kind]
  for (const one of kinds) collector.add(one, showAsset(asset, one))
  if (asset.registry !== null) collector.add('registries', asset.registry)
  if (asset.version !== null) return
  collector.add('floating', showAsset(asset, kind))
  const { node, path } = occurrence
  if (node.kind === 'string') floating.push({ asset, kinds, node, at: showPointer(path) })
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

/**
 * Facts from a value at a name that has a meaning.
 * @param reference what it refers to, as `referencesIn` has it
 */
function byName(
  occurrence: Occurrence,
  reference: Reference | null | undefined,
  names: WrittenNames,
  context: DocumentContext,
  collector: Collector,
): void {
  const { node, chain } = occurrence
  const { plain: name, meaning } = chain.name
  const value = meaning === null && name !== 'type' ? null : text(node)
  if (name === 'type' && value !== null && JOB_TYPES.test(value)) {
    collector.add('jobTypes', value.toLowerCase())
  }
  if (meaning === 'instanceCount') noteCount(occurrence, collector)
  if (meaning === 'image') noteImage(node, collector)
  if (name === 'build') noteBuild(node, collector)
  noteContainerSize(occurrence, collector)
  if (value === null) return
  if (meaning === 'jobType') collector.add('jobTypes', value.toLowerCase())
  else if (meaning === 'instanceType') collector.add('instanceTypes', value.toLowerCase())
  else if (meaning === 'identity') collector.add('jobIdentities', jobIdentity(value))
  else if (meaning === 'compute' && isCompute(name, context)) {
    collector.add('computes', names.of(value, reference))
  } else if (meaning === 'datastore') collector.add('datastores', names.of(value, reference))
}

/** What a connection or the volume of a compute calls its target is an address or a path. */
function isCompute(name: string, { type }: DocumentContext): boolean {
  return name !== 'target' || (type !== 'ComputeTarget' && type !== 'Connection')
}

/** Computes and datastores of one document. The last one is kept: that of a job is asked for twice. */
class WrittenNames {
  readonly #scope: string | null
  #written = ''
  #name = ''

  constructor(scope: string | null) {
    this.#scope = scope
  }

  /**
   * A compute or datastore, however it is written.
   * @param reference what `written` refers to; undefined if that was not looked at
   */
  of(written: string, reference?: Reference | null): string {
    if (written === this.#written) return this.#name
    this.#written = written
    this.#name = nameOf(
      written,
      reference === undefined ? parseReference(written, this.#scope) : reference,
    )
    return this.#name
  }
}

function nameOf(written: string, reference: Reference | null): string {
  if (reference?.type === 'compute' || reference?.type === 'datastore') return reference.name
  return (isOwnAsset(reference) ? reference.name : written).toLowerCase()
}

/** Of a registry, its name says nothing about what the workspace has under that name. */
function isOwnAsset(reference: Reference | null): reference is AssetReference {
  return reference?.type === 'asset' && reference.elsewhere === null && reference.registry === null
}

function jobs(
  root: JsonNode,
  occurrences: readonly Occurrence[],
  names: WrittenNames,
  context: DocumentContext,
  collector: Collector,
): void {
  const leaves = leavesOf(root, occurrences, context)
  for (const { compute, identity } of leaves) {
    collector.add('computes', compute === null ? 'serverless' : names.of(compute))
    collector.add('jobIdentities', identity)
  }
  // one step without a limit means that the whole job has none
  let longest = 0
  for (const { timeLimitSeconds: limit } of leaves) {
    if (limit === null) return
    longest = Math.max(longest, limit)
  }
  if (leaves.length > 0) collector.set('timeLimitSeconds', longest)
}
