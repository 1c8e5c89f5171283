/**
 * `@pin`: references that name no version get the one that they mean now, so that what runs is what was judged.
 * @module
 */
import { LRUCache } from 'lru-cache'
import type { AssetKind, AssetReference } from '../azureml/body/reference.ts'
import type { Floating } from '../azureml/body/facts.ts'
import { Refusal } from '../errors.ts'
import type { Change } from '../exchange.ts'
import type { Edit } from './edit.ts'

/** Asks Azure for a document by GET, under the identity of the call; null for 404. */
export type Ask = (path: string, query: string) => Promise<unknown>

/** A version that was looked up, by identity and asset. */
export type VersionCache = LRUCache<string, string>

/** What a label means may change at any time: a few seconds are enough for the bodies of one submission. */
const CACHE_MS = 5_000
const CACHE_SIZE = 10_000
/** References of one body that are looked up. */
const MOST_LOOKUPS = 50
const API_VERSION = '2024-04-01'
const VERSION = /^[A-Za-z0-9][\w.-]{0,254}$/
const NAME = /^[A-Za-z0-9][\w.-]{0,254}$/

export function createVersionCache(): VersionCache {
  return new LRUCache({ max: CACHE_SIZE, ttl: CACHE_MS })
}

export interface PinOptions {
  /** Lower-cased id of the workspace of the call, whose assets can be looked up; null if none can. */
  readonly scope: string | null
  /** Name of the identity that `ask` works under: what one may see is not told to another. */
  readonly identity: string
  readonly ask: Ask
  readonly cache: VersionCache
}

/** The edits that pin a document, and what to say of them in the record. */
export interface Pins {
  readonly edits: readonly Edit[]
  readonly changes: readonly Change[]
}

/**
 * Looks up what each floating reference means.
 * @throws {Refusal} `policy_refused` if one cannot be pinned, naming it and why
 */
export async function pinAll(floating: readonly Floating[], options: PinOptions): Promise<Pins> {
  const wanted = floating.filter(isMeant)
  if (wanted.length > MOST_LOOKUPS) {
    throw cannot(`more than ${MOST_LOOKUPS} references`, 'they are too many to look up')
  }
  const edits: Edit[] = []
  const changes: Change[] = []
  for (const { asset, kinds, node, at } of wanted) {
    const kind = checked(asset, kinds, options.scope)
    const version = await versionOf(asset.name, kind, options)
    const to = withVersion(node.value, asset.label ?? '', version)
    edits.push({ start: node.start, end: node.end, text: JSON.stringify(to) })
    changes.push({ effect: 'pin', at, to: `${asset.name}:${version}` })
  }
  return { edits, changes }
}

/** A bare word where Azure wants an id is Azure's to refuse; what has a label or says `azureml:` is a reference. */
function isMeant({ asset, node }: Floating): boolean {
  return asset.label !== null || /^\s*(?:azureml:|\/?subscriptions\/)/i.test(node.value)
}

/** The kind that can be asked for, or why it cannot. */
function checked(
  asset: AssetReference,
  kinds: readonly AssetKind[],
  scope: string | null,
): AssetKind {
  const [kind, ...others] = kinds
  const shown = `"${asset.name.slice(0, 64)}"`
  if (asset.registry !== null) throw cannot(shown, 'labels of a registry are not resolved')
  if (asset.elsewhere !== null) throw cannot(shown, 'it is in another workspace')
  if (scope === null)
    throw cannot(shown, 'labels are resolved in calls to Azure Resource Manager only')
  if (kind === undefined || others.length > 0)
    throw cannot(shown, 'what kind of asset it is cannot be told')
  if (asset.label === null) throw cannot(shown, 'it names neither a version nor a label')
  if (asset.label.toLowerCase() !== 'latest') throw cannot(shown, 'its label is not "latest"')
  if (!NAME.test(asset.name)) throw cannot('a reference', 'its name is not one that Azure gives')
  return kind
}

async function versionOf(name: string, kind: AssetKind, options: PinOptions): Promise<string> {
  const { scope, identity, ask, cache } = options
  const path = `${scope ?? ''}/${kind}/${name}/versions`
  const key = `${identity} ${path}`
  const known = cache.get(key)
  if (known !== undefined) return known
  // the newest by creation, as azure-ai-ml resolves `@latest` (_utils/_asset_utils.py, _get_latest)
  const query = `api-version=${API_VERSION}&$orderBy=createdtime%20desc&$top=1`
  const version = newest(await ask(path, query))
  if (version === null) throw cannot(`"${name}"`, 'it has no version')
  cache.set(key, version)
  return version
}

/** The name of the first item of a list; null for anything else. */
function newest(answer: unknown): string | null {
  if (typeof answer !== 'object' || answer === null || !('value' in answer)) return null
  const first: unknown = Array.isArray(answer.value) ? answer.value[0] : undefined
  if (typeof first !== 'object' || first === null || !('name' in first)) return null
  return typeof first.name === 'string' && VERSION.test(first.name) ? first.name : null
}

/** The reference as it was written, with the version in place of the label. */
function withVersion(written: string, label: string, version: string): string {
  const end = written.trim().length
  const at = written.trim().slice(0, end - label.length)
  return at.endsWith('@')
    ? `${at.slice(0, -1)}:${version}`
    : `${at.replace(/labels\/$/i, 'versions/')}${version}`
}

function cannot(what: string, why: string): Refusal {
  return new Refusal('policy_refused', `${what} cannot be pinned: ${why}`, {
    remedy: 'name the version',
  })
}
