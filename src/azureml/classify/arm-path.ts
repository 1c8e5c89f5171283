/**
 * ARM's grammar: subscriptions, resource groups, providers, then types and names in turn.
 *
 * The position of a segment decides what it is, never its text: a model may be called `versions`, a workspace
 * `providers`. Literals compare without case (ARM RPC, "resource ids are case-insensitive").
 * @module
 */
import { Refusal } from '../../errors.ts'
import { childTypes, findType, PROVIDER } from '../../vocabulary/resource-types.ts'
import type { ResourceType } from '../../vocabulary/resource-types.ts'
import type { Resource } from '../../vocabulary/operation.ts'
import { nearest } from '../../lib/suggest.ts'

/** Where an ARM path leads, before the method is looked at. */
export interface ArmPath {
  readonly type: ResourceType
  readonly resource: Resource
  /** `instance`: ends in a name. `collection`: ends in a type. `verb`: ends in a word that is no child type. */
  readonly at: 'instance' | 'collection' | 'verb'
  /** The last segment, if `at` is `verb`. */
  readonly verb: string | null
  /** Lower-cased id of the workspace or registry that it is in or is. */
  readonly scope: string | null
}

type Link = Resource['ancestors'][number]

/** One step of the walk down a path: a resource, and those above it. */
interface ArmStep {
  readonly type: ResourceType
  readonly id: string
  /** Nearest first. */
  readonly ancestors: readonly Link[]
}

/** `/subscriptions/{s}[/resourceGroups/{g}]` at the start of `segments`, and how many segments it took. */
export function parseScope(segments: readonly string[]): { links: readonly Link[]; used: number } {
  if (!is(segments[0], 'subscriptions')) return { links: [], used: 0 }
  const subscription = segments[1]
  if (subscription === undefined) return { links: [], used: 1 }
  const root = { type: 'Subscription', id: `/subscriptions/${subscription.toLowerCase()}` }
  if (!is(segments[2], 'resourceGroups') || segments[3] === undefined) {
    return { links: [root], used: 2 }
  }
  const group = {
    type: 'ResourceGroup',
    id: `${root.id}/resourcegroups/${segments[3].toLowerCase()}`,
  }
  return { links: [group, root], used: 4 }
}

/**
 * Reads what follows `/providers/Microsoft.MachineLearningServices`.
 *
 * @param links the scope above the provider, nearest first
 * @param rest the segments below the provider; at least one
 * @throws {Refusal} `unknown_operation` for a type that the catalog does not have
 */
export function parseProviderPath(links: readonly Link[], rest: readonly string[]): ArmPath {
  let place: ArmStep | null = null
  for (let at = 0; at < rest.length; at += 2) {
    const word = rest[at] ?? ''
    const parent: string = place?.type.path ?? ''
    const type = findType(parent === '' ? word : `${parent}/${word}`)
    if (type === null) {
      if (place !== null && at === rest.length - 1) return end(place, 'verb', word)
      throw unknownType(parent, word)
    }
    const above: readonly Link[] =
      place === null ? links : [{ type: place.type.cedar, id: place.id }, ...place.ancestors]
    const base: string = place?.id ?? `${links[0]?.id ?? ''}/providers/${PROVIDER.toLowerCase()}`
    const collection: string = `${base}/${word.toLowerCase()}`
    const name = rest[at + 1]
    if (name === undefined)
      return end({ type, id: collection, ancestors: above }, 'collection', null)
    const own = type.exactNames === true ? name : name.toLowerCase()
    place = { type, id: `${collection}/${own}`, ancestors: above }
  }
  if (place === null) throw unknownType('', '')
  return end(place, 'instance', null)
}

function end(place: ArmStep, at: ArmPath['at'], verb: string | null): ArmPath {
  const { type, id, ancestors } = place
  const chain = at === 'collection' ? ancestors : [{ type: type.cedar, id }, ...ancestors]
  const scope = chain.find((link) => link.type === 'Workspace' || link.type === 'Registry')
  return { type, resource: { type: type.cedar, id, ancestors }, at, verb, scope: scope?.id ?? null }
}

/** The refusal for a word that is no type under `parent`, with the nearest one that is. */
export function unknownType(parent: string, word: string): Refusal {
  const under = parent === '' ? PROVIDER : `${PROVIDER}/${parent}`
  const guess = nearest(word, childTypes(parent))
  return new Refusal(
    'unknown_operation',
    `"${word.slice(0, 64)}" is not a known resource type under ${under}`,
    guess === null ? {} : { remedy: `the nearest known one is "${guess}"` },
  )
}

function is(segment: string | undefined, literal: string): boolean {
  return segment !== undefined && segment.toLowerCase() === literal.toLowerCase()
}
