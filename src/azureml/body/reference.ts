/**
 * References of Azure ML in one normal form, so that a policy can compare them.
 *
 * An asset that can be written in several ways (`azureml:x:1`, or its ARM id) becomes one string; an asset of another
 * workspace or of a registry never looks like one of the call's own workspace.
 * @module
 */
import { PROVIDER } from '../../vocabulary/resource-types.ts'
import { parsePath, type DatastorePlace, type PathReference } from './paths.ts'

export type AssetKind = 'environments' | 'components' | 'models' | 'data' | 'codes'

/** An asset with a version, a label, or neither. */
export interface AssetReference {
  readonly type: 'asset'
  /** Null where the text does not say: `azureml:name:1` alone. */
  readonly kind: AssetKind | null
  readonly name: string
  readonly version: string | null
  readonly label: string | null
  /** Name of its registry, in lower case. */
  readonly registry: string | null
  /** ARM id of its registry, in lower case, where the text gives that. */
  readonly registryId: string | null
  /** Scope above the kind, in lower case, if it is neither a registry nor the workspace of the call. */
  readonly elsewhere: string | null
}

/** A compute or datastore, in lower case; with its scope if that is another workspace. */
export interface NamedReference {
  readonly type: 'compute' | 'datastore'
  readonly name: string
}

export type Reference = AssetReference | NamedReference | PathReference

const KINDS: ReadonlyMap<string, AssetKind> = new Map([
  ['environments', 'environments'],
  ['components', 'components'],
  ['models', 'models'],
  ['data', 'data'],
  ['datasets', 'data'],
  ['datareferences', 'data'],
  ['codes', 'codes'],
])

/** The kind of asset that a segment of an id or a URI stands for. */
export function kindOfSegment(segment: string): AssetKind | null {
  return KINDS.get(segment.toLowerCase()) ?? null
}

const SCOPES = new Set([
  'subscriptions',
  'resourcegroups',
  'providers',
  'workspaces',
  'registries',
  'locations',
])
/** `name:version`, `name@label` or `name`, as after `azureml:`. */
const SHORT = /^([^:@/\s]+)(?::([^:@/\s]+)|@([^:@/\s]+))?$/
/** `runs:/id/path`, `models:/name/version`; MLflow takes the rest for a path however many slashes it begins with. */
const RUN_OUTPUT = /^(runs|models):\/+/i
const PREFIX = 'azureml:'
const ARM_ID = /^\/?subscriptions\//i
/** The ARM id of a workspace, in lower case. */
const WORKSPACE =
  /^\/subscriptions\/[\w-]+\/resourcegroups\/[\w.()-]+\/providers\/microsoft\.machinelearningservices\/workspaces\/[\w.-]+$/
const ANY_URI = /^[a-z][a-z0-9+.-]*:\/\//i

/**
 * What a string refers to; null if it does not look like a reference. Case does not matter, except in names of
 * assets, as Azure reads them.
 * @param own lower-cased id of the workspace or registry of the call
 */
export function parseReference(text: string, own: string | null): Reference | null {
  const trimmed = text.trim()
  const isId = isArmId(trimmed)
  // most texts are none
  if (!isId && !trimmed.includes(':')) return null
  const prefixed = !isId && isPrefixed(trimmed)
  if (prefixed && trimmed.startsWith('//', PREFIX.length)) {
    const segments = trimmed.slice(10).split('/')
    return fromSegments(segments, own, trimmed) ?? parsePath(trimmed, unknownDatastore(segments))
  }
  const rest = prefixed ? trimmed.slice(PREFIX.length) : trimmed
  if (isId || isArmId(rest)) {
    const found = fromOwn(rest, own)
    return found === undefined ? fromSegments(rest.replace(/^\//, '').split('/'), own, rest) : found
  }
  if (ANY_URI.test(rest)) return parsePath(rest, null)
  // MLflow's way to name what a run has written, and a model
  if (RUN_OUTPUT.test(rest)) return parsePath(rest.replace(RUN_OUTPUT, '$1://'), null)
  return prefixed ? parseShort(rest) : null
}

/** Whether a text begins with that letter of ASCII, small or capital: asked of each, before anything that costs more. */
function begins(text: string, letter: 's' | 'a'): boolean {
  return (text.charCodeAt(0) | 0x20) === letter.charCodeAt(0)
}

function isArmId(text: string): boolean {
  return (text.startsWith('/') || begins(text, 's')) && ARM_ID.test(text)
}

function isPrefixed(text: string): boolean {
  return begins(text, 'a') && text.slice(0, PREFIX.length).toLowerCase() === PREFIX
}

/** `name`, `name:version` or `name@label`, the short form for fields that take one kind of asset only. */
export function parseShort(text: string): AssetReference | null {
  const [, name, version, label] = SHORT.exec(text) ?? []
  if (name === undefined) return null
  return {
    type: 'asset',
    kind: null,
    name,
    version: version ?? null,
    label: label ?? null,
    registry: null,
    registryId: null,
    elsewhere: null,
  }
}

/** A datastore behind an unknown prefix: it is reported all the same, under a name that no real datastore has. */
function unknownDatastore(segments: readonly string[]): DatastorePlace | null {
  const at = segments.findIndex((segment) => segment.toLowerCase() === 'datastores')
  if (at === -1) return null
  const name = segments
    .slice(0, at + 2)
    .join('/')
    .toLowerCase()
  return { name, rest: segments.slice(at + 2), own: false }
}

/** The normal form of an asset. */
export function showAsset(asset: AssetReference, kind: AssetKind | null = asset.kind): string {
  const { name, version, label, registry, elsewhere } = asset
  if (registry === null && elsewhere === null) {
    return version !== null ? `${name}:${version}` : label !== null ? `${name}@${label}` : name
  }
  const scope = registry === null ? elsewhere : `azureml://registries/${registry}`
  const end = version !== null ? `/versions/${version}` : label !== null ? `/labels/${label}` : ''
  return `${scope}/${kind ?? 'assets'}/${name}${end}`
}

/** The workspace or registry that a reference is to. */
interface Place {
  /** That of the call, named or not. */
  readonly isOwn: boolean
  /** Its ARM id in lower case; empty where the reference names none. */
  readonly id: string
  /** As AssetReference has them. */
  readonly registry: string | null
  readonly registryId: string | null
}

/** A reference from types and names in turn, as in ARM ids and `azureml://` URIs; null if no type is known. */
function fromSegments(
  segments: readonly string[],
  own: string | null,
  text: string,
): Reference | null {
  const scope = new Map<string, string>()
  for (let at = 0; at + 1 < segments.length; at += 2) {
    const word = segments[at]?.toLowerCase() ?? ''
    if (!SCOPES.has(word)) return inPlace(segments, at, placeOf(scope, own), text)
    scope.set(word, segments[at + 1]?.toLowerCase() ?? '')
  }
  return null
}

/** The same of an ARM id in the call's own workspace, as most are; undefined for any other. */
function fromOwn(text: string, own: string | null): Reference | null | undefined {
  const inside = withinOwn(text, own)
  if (inside === null || own === null) return undefined
  const segments = inside.split('/')
  if (segments.length < 2) return null
  if (SCOPES.has(segments[0]?.toLowerCase() ?? '')) return undefined
  return inPlace(segments, 0, { isOwn: true, id: own, registry: null, registryId: null }, text)
}

/** What follows the ARM id of the call's own workspace in a text; null if that does not begin with it. */
export function withinOwn(text: string, own: string | null): string | null {
  if (own === null || text.length <= own.length || text[own.length] !== '/') return null
  return beginsWith(text, own) && isWorkspace(own) ? text.slice(own.length + 1) : null
}

const lastWritten = { own: '', text: '' }

/** Whether a text begins with an id, in whatever case. A document writes the same one in the same way each time. */
function beginsWith(text: string, own: string): boolean {
  if (lastWritten.own === own && text.startsWith(lastWritten.text)) return true
  const written = text.slice(0, own.length)
  if (written.toLowerCase() !== own) return false
  // a part of the text would keep all of it in memory
  Object.assign(lastWritten, { own, text: Buffer.from(written).toString() })
  return true
}

const lastAsked = { id: '', is: false }

/** Whether that is the ARM id of a workspace; asked with the same one for each reference of a document. */
function isWorkspace(id: string): boolean {
  if (lastAsked.id !== id) Object.assign(lastAsked, { id, is: WORKSPACE.test(id) })
  return lastAsked.is
}

/** The reference whose type is the segment at `at`. */
function inPlace(
  segments: readonly string[],
  at: number,
  place: Place,
  text: string,
): Reference | null {
  const word = segments[at]?.toLowerCase() ?? ''
  const value = segments[at + 1] ?? ''
  const kind = KINDS.get(word)
  if (kind !== undefined) return assetIn(place, kind, value, segments[at + 2], segments[at + 3])
  if (word !== 'datastores' && word !== 'computes') return null
  const name = `${place.isOwn ? '' : `${place.id}/${word}/`}${value.toLowerCase()}`
  if (word === 'computes') return { type: 'compute', name }
  const rest = segments.slice(at + 2)
  // an ARM id with more after it is a path, too
  if (rest.length === 0 && !ANY_URI.test(text)) return { type: 'datastore', name }
  return parsePath(text, { name, rest, own: place.isOwn })
}

function assetIn(
  { isOwn, id, registry, registryId }: Place,
  kind: AssetKind,
  name: string,
  word: string | undefined,
  value: string | undefined,
): AssetReference {
  const known = value === undefined || value === '' ? null : value
  const lower = word?.toLowerCase()
  return {
    type: 'asset',
    kind,
    name,
    version: lower === 'versions' ? known : null,
    label: lower === 'labels' ? known : null,
    registry,
    registryId,
    elsewhere: registry !== null || isOwn ? null : id,
  }
}

/** A reference that names no workspace is to the call's own. */
function placeOf(scope: ReadonlyMap<string, string>, own: string | null): Place {
  if (scope.size === 0) return { isOwn: true, id: '', registry: null, registryId: null }
  const id = scopeId(scope)
  const registry = scope.get('registries') ?? null
  const registryId = registry !== null && scope.has('subscriptions') ? id : null
  return { isOwn: id === own, id, registry, registryId }
}

/** The ARM id of a workspace or registry; a workspace under a location is known by its GUID only. */
function scopeId(scope: ReadonlyMap<string, string>): string {
  const location = scope.get('locations')
  const workspace = scope.get('workspaces') ?? ''
  if (location !== undefined) return `azureml://locations/${location}/workspaces/${workspace}`
  const group = `/subscriptions/${scope.get('subscriptions') ?? ''}/resourcegroups/${scope.get('resourcegroups') ?? ''}`
  const place = scope.has('registries')
    ? `registries/${scope.get('registries')}`
    : `workspaces/${workspace}`
  return `${group}/providers/${PROVIDER.toLowerCase()}/${place}`
}
