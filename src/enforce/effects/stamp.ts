/**
 * `@stamp`: tags by which a run can be traced to its caller and decision, and recognised when it is repeated.
 * @module
 */
import type { JsonNode, JsonObject } from '../../lib/json/document.ts'
import { Refusal } from '../../errors.ts'
import type { Change } from '../../exchange.ts'
import { parameterDigest, placeIn, sha256, type Place } from './digest.ts'
import type { Edit } from './edit.ts'

/** What is written into the tags. */
export interface Stamp {
  readonly principal: string
  readonly decision: string
  readonly policy: string
}

/** The tags that this gateway sets, replacing what a caller put there. */
export const TAGS = {
  principal: 'harness.principal',
  decision: 'harness.decision',
  policy: 'harness.policy',
  digest: 'harness.digest',
} as const

/** ARM's limit for the value of a tag. */
const MAX_CHARACTERS = 256

/** Where the tags of each type are: of what runs, serves, or is run again by its name. */
const PLACES: ReadonlyMap<string, readonly (readonly string[])[]> = new Map([
  ['Job', [['properties']]],
  ['BatchJob', [['properties']]],
  ['Schedule', [['properties'], ['properties', 'action', 'jobDefinition']]],
  ['ComponentVersion', [['properties']]],
  ['OnlineEndpoint', [[]]],
  ['OnlineDeployment', [[]]],
  ['BatchEndpoint', [[]]],
  ['BatchDeployment', [[]]],
])

/** Types that `@pin` and `@stamp` are about; the bodies of all others are streamed unless a policy asks for a fact. */
export function isChanged(type: string): boolean {
  return PLACES.has(type)
}

/** What Azure itself adds to a document, so that one that was read and sent again is the same. */
const ADDED_BY_AZURE = new Set([
  'id',
  'name',
  'type',
  'systemdata',
  'properties/status',
  'properties/provisioningstate',
  'properties/parentjobname',
  'properties/services/tracking',
  'properties/services/studio',
])

/** What Azure's published defaults say anyway: clients write them into documents that they read. */
const DEFAULTS: ReadonlyMap<string, string> = new Map([
  ['properties/experimentname', 'Default'],
  ['properties/isarchived', 'false'],
])

/**
 * The edits that stamp a document, and what to say of them in the record.
 * @throws {Refusal} `bad_body` if the tags are no object, or have one of ours in two spellings
 */
export function stampAll(
  root: JsonNode,
  type: string,
  stamp: Stamp,
): { edits: readonly Edit[]; changes: readonly Change[] } {
  const places = (PLACES.get(type) ?? []).flatMap((path) => {
    const holder = descend(root, path)
    return holder === null ? [] : [{ path, holder }]
  })
  if (places.length === 0) return { edits: [], changes: [] }
  const digest = parameterDigest(root, isOurs)
  const tags = stampOf(stamp, digest)
  return {
    edits: places.flatMap(({ holder }) => stampAt(holder, tags)),
    changes: places.map(({ path }) => ({
      effect: 'stamp',
      at: `/${[...path, 'tags'].join('/')}`,
      to: digest,
    })),
  }
}

/** The tags, by name. @param digest of the parameters */
export function stampOf(
  { principal, decision, policy }: Stamp,
  digest: string,
): ReadonlyMap<string, string> {
  return new Map([
    [TAGS.principal, short(principal)],
    [TAGS.decision, decision],
    [TAGS.policy, policy],
    [TAGS.digest, digest],
  ])
}

/** Long ids are told by their digest: a tag that is too long would make Azure refuse the call. */
function short(value: string): string {
  return value.length <= MAX_CHARACTERS ? value : `sha256:${sha256(value)}`
}

/** What does not count as a parameter: the stamp itself, tags that are otherwise empty, and what Azure adds. */
export function isOurs(place: Place, value: JsonNode): boolean {
  const { path, last, within, depth } = place
  if (ADDED_BY_AZURE.has(path)) return true
  const standard = DEFAULTS.get(path)
  if (standard !== undefined && standard === scalar(value)) return true
  if (within === 'tags' && last.startsWith('harness.')) return true
  if (last === 'services' && depth === 2) return onlyOurs(value, place)
  return last === 'tags' && onlyOurs(value, place)
}

function scalar(value: JsonNode): string | null {
  if (value.kind === 'string') return value.value
  return 'text' in value ? value.text : null
}

function onlyOurs(value: JsonNode, place: Place): boolean {
  if (value.kind === 'null') return true
  if (value.kind !== 'object') return false
  return value.members.every((member) => isOurs(placeIn(place, member.key), member.value))
}

function stampAt(holder: JsonObject, tags: ReadonlyMap<string, string>): readonly Edit[] {
  const known = holder.members.find(({ key }) => key.toLowerCase() === 'tags')?.value ?? null
  const all = [...tags].map(([name, value]) => written(name, value)).join(',')
  if (known === null) return [append(holder, `"tags":{${all}}`)]
  if (known.kind === 'null') return [{ start: known.start, end: known.end, text: `{${all}}` }]
  if (known.kind !== 'object') throw new Refusal('bad_body', 'the body has tags that are no object')
  const edits: Edit[] = []
  const added: string[] = []
  for (const [name, value] of tags) {
    const [there, second] = known.members.filter(({ key }) => key.toLowerCase() === name)
    if (second !== undefined) throw new Refusal('bad_body', `the body has the tag "${name}" twice`)
    if (there === undefined) added.push(written(name, value))
    else edits.push({ start: there.keyStart, end: there.value.end, text: written(name, value) })
  }
  return added.length === 0 ? edits : [...edits, append(known, added.join(','))]
}

function written(name: string, value: string): string {
  return `${JSON.stringify(name)}:${JSON.stringify(value)}`
}

/** New members go behind the last one, or right behind the brace. */
function append(object: JsonObject, text: string): Edit {
  const last = object.members.at(-1)
  const at = last === undefined ? object.start + 1 : last.value.end
  return { start: at, end: at, text: last === undefined ? text : `,${text}` }
}

/** The object at a path, whatever the case of its names. */
function descend(root: JsonNode, path: readonly string[]): JsonObject | null {
  let node: JsonNode | undefined = root
  for (const name of path) {
    if (node?.kind !== 'object') return null
    const wanted = name.toLowerCase()
    node = node.members.find(({ key }) => key.toLowerCase() === wanted)?.value
  }
  return node?.kind === 'object' ? node : null
}
