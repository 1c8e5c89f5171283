/**
 * `@stamp`: tags by which a run can be traced to its caller and decision, and recognised when it is repeated.
 * @module
 */
import type { JsonMember, JsonNode, JsonObject } from '../../lib/json/document.ts'
import { Refusal } from '../../errors.ts'
import type { Change } from '../../exchange.ts'
import { parameterDigest, quoted, sha256, type Parsed } from './digest.ts'
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

/** What has tags, and where these are, for people to read. */
interface Stamped {
  readonly path: readonly string[]
  readonly at: string
}

const TOP: Stamped = { path: [], at: '/tags' }
const PROPERTIES: Stamped = { path: ['properties'], at: '/properties/tags' }
const JOB_OF_SCHEDULE: Stamped = {
  path: ['properties', 'action', 'jobDefinition'],
  at: '/properties/action/jobDefinition/tags',
}

/** Where the tags of each type are: of what runs, serves, or is run again by its name. */
const PLACES: ReadonlyMap<string, readonly Stamped[]> = new Map([
  ['Job', [PROPERTIES]],
  ['BatchJob', [PROPERTIES]],
  ['Schedule', [PROPERTIES, JOB_OF_SCHEDULE]],
  ['ComponentVersion', [PROPERTIES]],
  ['OnlineEndpoint', [TOP]],
  ['OnlineDeployment', [TOP]],
  ['BatchEndpoint', [TOP]],
  ['BatchDeployment', [TOP]],
])

/** Types that `@pin` and `@stamp` are about; the bodies of all others are streamed unless a policy asks for a fact. */
export function isChanged(type: string): boolean {
  return PLACES.has(type)
}

/** What Azure itself adds to a document, so that one that was read and sent again is the same: at its top. */
const ADDED_AT_TOP: ReadonlySet<string> = new Set(['id', 'name', 'type', 'systemdata'])
/** The same in its properties. */
const ADDED_TO_PROPERTIES: ReadonlySet<string> = new Set([
  'status',
  'provisioningstate',
  'parentjobname',
])
/** The same among the services of its properties. */
const ADDED_TO_SERVICES: ReadonlySet<string> = new Set(['tracking', 'studio'])

/** What Azure's published defaults say of properties anyway: clients write them into documents that they read. */
const DEFAULTS: ReadonlyMap<string, string> = new Map([
  ['experimentname', 'Default'],
  ['isarchived', 'false'],
])

/**
 * The edits that stamp a document, and what to say of them in the record.
 * @throws {Refusal} `bad_body` if the tags are no object, or have one of ours in two spellings
 */
export function stampAll(
  document: Parsed,
  type: string,
  stamp: Stamp,
): { edits: readonly Edit[]; changes: readonly Change[] } {
  const edits: Edit[] = []
  const changes: Change[] = []
  let digest: string | null = null
  for (const { path, at } of PLACES.get(type) ?? []) {
    const holder = descend(document.root, path)
    if (holder === null) continue
    digest ??= parameterDigest(document, isOurs)
    stampAt(holder, membersOf(stamp, digest), edits)
    changes.push({ effect: 'stamp', at, to: digest })
  }
  return { edits, changes }
}

/** The tags as members of an object of JSON, in the order of their names. */
function membersOf({ principal, decision, policy }: Stamp, digest: string): readonly string[] {
  return [
    `"${TAGS.principal}":${quoted(short(principal))}`,
    `"${TAGS.decision}":${quoted(decision)}`,
    `"${TAGS.policy}":${quoted(policy)}`,
    `"${TAGS.digest}":"${digest}"`,
  ]
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

/**
 * What does not count as a parameter: the stamp itself, tags that are otherwise empty, and what Azure adds.
 * @param within names in lower case that lead to what the member is in
 * @param name of the member, in lower case
 */
export function isOurs(within: readonly string[], name: string, value: JsonNode): boolean {
  const depth = within.length + 1
  const outer = within[depth - 2] ?? ''
  if (depth === 1 && ADDED_AT_TOP.has(name)) return true
  if (depth === 2 && outer === 'properties') {
    if (ADDED_TO_PROPERTIES.has(name)) return true
    const standard = DEFAULTS.get(name)
    if (standard !== undefined && standard === scalar(value)) return true
  }
  if (depth === 3 && outer === 'services' && within[0] === 'properties') {
    if (ADDED_TO_SERVICES.has(name)) return true
  }
  if (outer === 'tags' && name.startsWith('harness.')) return true
  if (name === 'services' && depth === 2) return onlyOurs(value, within, name)
  return name === 'tags' && onlyOurs(value, within, name)
}

function scalar(value: JsonNode): string | null {
  if (value.kind === 'string') return value.value
  return 'text' in value ? value.text : null
}

function onlyOurs(value: JsonNode, within: readonly string[], name: string): boolean {
  if (value.kind === 'null') return true
  if (value.kind !== 'object') return false
  const inner = [...within, name]
  for (const member of value.members)
    if (!isOurs(inner, member.key.toLowerCase(), member.value)) return false
  return true
}

/**
 * @param stamps the tags, as `membersOf` has them
 * @param edits the edits that stamp what has these tags are added to them
 */
function stampAt(holder: JsonObject, stamps: readonly string[], edits: Edit[]): void {
  const known = memberOf(holder, 'tags')
  if (known !== null && known.kind !== 'null' && known.kind !== 'object')
    throw new Refusal('bad_body', 'the body has tags that are no object')
  const there = known?.kind === 'object' ? stampsIn(known) : null
  const added = there === null ? stamps.join(',') : replaceIn(there, stamps, edits)
  if (added === '') return
  if (known === null) edits.push(append(holder, `"tags":{${added}}`))
  else if (known.kind === 'object') edits.push(append(known, added))
  else edits.push({ start: known.start, end: known.end, text: `{${added}}` })
}

/** Puts tags in the place of those that are there. @returns the others, as members of an object of JSON */
function replaceIn(
  there: ReadonlyMap<string, JsonMember>,
  stamps: readonly string[],
  edits: Edit[],
): string {
  const others: string[] = []
  let at = 0
  for (const text of stamps) {
    const member = there.get(NAMES[at++] ?? '')
    if (member === undefined) others.push(text)
    else edits.push({ start: member.keyStart, end: member.value.end, text })
  }
  return others.join(',')
}

const NAMES: readonly string[] = Object.values(TAGS)
/** Characters of the shortest of them, which is in ASCII: no other spelling of it has fewer. */
const SHORTEST = Math.min(...NAMES.map((name) => name.length))

/** Those of our tags that are there already, by their names; null if none is. */
function stampsIn({ members }: JsonObject): ReadonlyMap<string, JsonMember> | null {
  let found: Map<string, JsonMember> | null = null
  for (const member of members) {
    if (member.key.length < SHORTEST) continue
    const name = member.key.toLowerCase()
    if (!NAMES.includes(name)) continue
    found ??= new Map()
    if (found.has(name)) throw new Refusal('bad_body', `the body has the tag "${name}" twice`)
    found.set(name, member)
  }
  return found
}

/** New members go behind the last one, or right behind the brace. */
function append(object: JsonObject, text: string): Edit {
  const last = object.members.at(-1)
  const at = last === undefined ? object.start + 1 : last.value.end
  return { start: at, end: at, text: last === undefined ? text : `,${text}` }
}

/** The object at a path, whatever the case of its names. */
function descend(root: JsonNode, path: readonly string[]): JsonObject | null {
  let node: JsonNode | null = root
  for (const name of path) node = memberOf(node, name.toLowerCase())
  return node?.kind === 'object' ? node : null
}

/** @param name in lower case, of ASCII: no other spelling of it has another length */
function memberOf(node: JsonNode | null, name: string): JsonNode | null {
  if (node?.kind !== 'object') return null
  for (const { key, value } of node.members)
    if (key.length === name.length && key.toLowerCase() === name) return value
  return null
}
