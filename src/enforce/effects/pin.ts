/**
 * `@pin`: references that name no version get the one that they mean now, so that what runs is what was judged.
 * @module
 */
import type { AssetKind, AssetReference } from '../../azureml/body/reference.ts'
import type { Floating } from '../../azureml/body/facts.ts'
import { Refusal } from '../../errors.ts'
import type { Change } from '../../exchange.ts'
import type { Edit } from './edit.ts'

/** An asset of one kind, and the label that stands in place of its version. */
export interface Labelled {
  readonly asset: AssetReference
  readonly kind: AssetKind
  readonly label: string
}

/**
 * The version that a label means now.
 * @throws {Refusal} what `cannotPin` makes, or why Azure could not be asked
 */
export type LookUp = (labelled: Labelled) => Promise<string>

/** References of one body that are looked up. */
const MAX_LOOKUPS = 50

/** The edits that pin a document, and what to say of them in the record. */
export interface Pins {
  readonly edits: readonly Edit[]
  readonly changes: readonly Change[]
}

/**
 * Looks up what each floating reference means, one after the other.
 * @throws {Refusal} `policy_refused` if one cannot be pinned, naming it and why, and what `lookUp` throws
 */
export async function pinAll(floating: readonly Floating[], lookUp: LookUp): Promise<Pins> {
  const wanted = floating.filter(isMeant)
  if (wanted.length > MAX_LOOKUPS) {
    throw cannotPin(`more than ${MAX_LOOKUPS} references`, 'they are too many to look up')
  }
  const edits: Edit[] = []
  const changes: Change[] = []
  for (const { asset, kinds, node, at } of wanted) {
    const labelled = labelledOf(asset, kinds)
    const start = beforeLabel(node.value, labelled)
    const version = await lookUp(labelled)
    const to = `${start}${version}`
    edits.push({ start: node.start, end: node.end, text: JSON.stringify(to) })
    const isOwn = asset.registry === null && asset.elsewhere === null
    changes.push({ effect: 'pin', at, to: isOwn ? `${asset.name}:${version}` : to })
  }
  return { edits, changes }
}

/** An asset as refusals name it. */
export function shownName({ name }: AssetReference): string {
  return `"${name.slice(0, 64)}"`
}

/** The refusal of what cannot be pinned. */
export function cannotPin(
  what: string,
  why: string,
  detail: Pick<Refusal['detail'], 'remedy' | 'policies' | 'inner'> = {},
): Refusal {
  return new Refusal('policy_refused', `${what} cannot be pinned: ${why}`, {
    remedy: 'name the version',
    ...detail,
  })
}

/** A bare word where Azure wants an id is Azure's to refuse; what has a label or says `azureml:` is a reference. */
function isMeant({ asset, node }: Floating): boolean {
  return asset.label !== null || /^\s*(?:azureml:|\/?subscriptions\/)/i.test(node.value)
}

function labelledOf(asset: AssetReference, kinds: readonly AssetKind[]): Labelled {
  const [kind, ...others] = kinds
  const { label } = asset
  if (kind === undefined || others.length > 0)
    throw cannotPin(shownName(asset), 'what kind of asset it is cannot be told')
  if (label === null) throw cannotPin(shownName(asset), 'it names neither a version nor a label')
  return { asset, kind, label }
}

/** The reference as it was written, up to where its version belongs. */
function beforeLabel(written: string, { asset, label }: Labelled): string {
  const text = written.trim()
  const start = text.slice(0, text.length - label.length)
  if (!text.endsWith(label)) throw cannotPin(shownName(asset), 'its label is not the end of it')
  if (start.endsWith('@')) return `${start.slice(0, -1)}:`
  if (/\/labels\/$/i.test(start)) return start.replace(/labels\/$/i, 'versions/')
  throw cannotPin(shownName(asset), 'its label is not the end of it')
}
