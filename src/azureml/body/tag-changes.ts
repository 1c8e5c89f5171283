/**
 * What a data-plane call makes of the tags of something that exists: which it sets, and which it removes.
 *
 * Run history and MLflow keep the tags that a change does not name. Source: `ModifyExperiment`, `CreateRun`,
 * `DeleteOrModifyTags` and `DeleteTagsCommand` within azure-ai-ml (`_restclient/runhistory`); MLflow's REST reference.
 * @module
 */
import { Refusal } from '../../errors.ts'
import type { JsonNode } from '../../lib/json/document.ts'
import { tagsIn as setIn } from '../mlflow/things.ts'
import { plainName } from './names.ts'
import { readTags, tagFact } from './tags.ts'

export interface TagChange {
  readonly set: ReadonlyMap<string, string>
  /** `all` where the call does not say which. */
  readonly removed: ReadonlySet<string> | 'all'
}

const NO_TAGS: ReadonlyMap<string, string> = new Map()
const NO_NAMES: ReadonlySet<string> = new Set()
const ALL: TagChange = { set: NO_TAGS, removed: 'all' }
/** Members of `DeleteOrModifyTags`; any other is taken for a tag. */
const MODIFY = 'tagstomodify'
const DELETE = 'tagstodelete'

/**
 * Whether a data-plane call removes tags by its path.
 * @param word the last segment of the path, if it is a word of the route: a run may be called `tags`
 */
export function removesTags(method: string, word: string | undefined): boolean {
  return word === 'tags:delete' || (method === 'DELETE' && word === 'tags')
}

/** The change of tags of a call without a body; null if it changes none. */
export function changeByPath(method: string, word: string | undefined): TagChange | null {
  return removesTags(method, word) ? { set: NO_TAGS, removed: 'all' } : null
}

/**
 * The change of tags that a body asks for.
 * @param word the last segment of the path, if it is a word of the route
 * @returns null if it changes none
 * @throws {Refusal} `bad_body` for tags that cannot be read
 */
export function tagChangeIn(
  root: JsonNode,
  method: string,
  word: string | undefined,
): TagChange | null {
  if (removesTags(method, word))
    return { set: NO_TAGS, removed: namesIn(root.kind === 'array' ? root : one(root, 'tags')) }
  if (word !== undefined && /^(?:set|delete)-(?:experiment-)?tag$/.test(word)) {
    const name = one(root, 'key')
    if (name?.kind !== 'string') throw unreadable()
    return word.startsWith('delete')
      ? { set: NO_TAGS, removed: new Set([name.value]) }
      : { set: new Map([[name.value, valueIn(one(root, 'value'))]]), removed: new Set() }
  }
  if (word === 'tags') {
    const others = { ...objectOf(root), members: membersExcept(root, [MODIFY, DELETE]) }
    const names = one(root, DELETE)
    return {
      set: new Map([...tagsIn(others), ...tagsIn(one(root, MODIFY))]),
      removed: names === null ? new Set() : namesIn(names),
    }
  }
  const tags = root.kind === 'object' ? one(root, 'tags') : null
  return tags === null ? null : { set: tagsIn(tags), removed: new Set() }
}

/** MLflow's traces, logged models and data sets have their tags at `.../tags`, or one at `.../tags/{name}`. */
const MLFLOW_TAGS = /^\/mlflow\/.*\/(?:traces|logged-models|datasets)\/[^/]+\/tags(?:\/([^/]+))?$/i

/**
 * The change of the tags of a trace, a logged model or a data set of MLflow's.
 * @param body null if the call has none
 * @returns null if it changes none
 * @throws {Refusal} `bad_body` for tags that cannot be read
 */
export function tagChangeOfThing(
  body: JsonNode | null,
  method: string,
  path: string,
): TagChange | null {
  const [matched, inPath] = MLFLOW_TAGS.exec(path) ?? []
  const removes = method === 'DELETE'
  if (matched !== undefined && removes && inPath !== undefined)
    return { set: NO_TAGS, removed: new Set([decodeURIComponent(inPath)]) }
  if (body === null) return matched !== undefined && removes ? ALL : null
  const tags = one(body, 'tags')
  if (matched === undefined) return tags === null ? null : { set: setIn(tags), removed: NO_NAMES }
  const name = one(body, 'key')
  if (name === null && removes) return ALL
  if (name === null) return { set: setIn(tags), removed: NO_NAMES }
  if (name.kind !== 'string' || tags !== null) throw unreadable()
  return removes
    ? { set: NO_TAGS, removed: new Set([name.value]) }
    : { set: new Map([[name.value, valueIn(one(body, 'value'))]]), removed: NO_NAMES }
}

/** The tags that a change leaves, as facts. */
export function changedTags(
  present: readonly string[],
  { set, removed }: TagChange,
): readonly string[] {
  if (removed === 'all') return []
  const gone = [...removed, ...set.keys()].map((name) => `${name}=`)
  const kept = present.filter((tag) => !gone.some((name) => tag.startsWith(name)))
  return [...kept, ...[...set].map(([name, value]) => tagFact(name, value))]
}

function objectOf(root: JsonNode): Extract<JsonNode, { kind: 'object' }> {
  if (root.kind !== 'object') throw new Refusal('bad_body', 'the body is no JSON object')
  return root
}

function membersExcept(
  root: JsonNode,
  names: readonly string[],
): Extract<JsonNode, { kind: 'object' }>['members'] {
  return objectOf(root).members.filter(({ key }) => !names.includes(plainName(key)))
}

/** The member of a name, in whatever case; null if there is none. */
function one(root: JsonNode, name: string): JsonNode | null {
  const [first, second] = objectOf(root).members.filter(({ key }) => plainName(key) === name)
  if (second !== undefined) throw new Refusal('bad_body', `the body has "${name}" twice`)
  return first?.value ?? null
}

function tagsIn(node: JsonNode | null): ReadonlyMap<string, string> {
  const tags = readTags(node)
  if (tags === null) throw unreadable()
  return tags
}

function valueIn(node: JsonNode | null): string {
  if (node?.kind === 'string') return node.value
  return node !== null && 'text' in node ? node.text : ''
}

/** Names in a list; `all` if there is no list of names. */
function namesIn(node: JsonNode | null): ReadonlySet<string> | 'all' {
  if (node?.kind !== 'array') return 'all'
  const names = node.items.flatMap((item) => (item.kind === 'string' ? [item.value] : []))
  return names.length === node.items.length ? new Set(names) : 'all'
}

function unreadable(): Refusal {
  return new Refusal('bad_body', 'the body has tags that cannot be read')
}
