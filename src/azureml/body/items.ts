/**
 * List answers of ARM: each item as the read operation that it would be, and the answer without some of its items.
 * @module
 */
import { PROVIDER } from '../../vocabulary/resource-types.ts'
import { classifyArm } from '../classify/arm.ts'
import { memoOf } from '../../lib/memo.ts'
import type { Operation, Resource } from '../../vocabulary/operation.ts'
import {
  memberOf,
  type JsonArray,
  type JsonNode,
  type JsonObject,
  type JsonString,
} from '../../lib/json/document.ts'

const UNDER_PROVIDER = `/providers/${PROVIDER.toLowerCase()}/`

/** Whether a resource is a collection: below the provider, types and names come in turn. */
export const isCollection = memoOf(({ id }: Resource): boolean => {
  const at = id.toLowerCase().lastIndexOf(UNDER_PROVIDER)
  return at !== -1 && id.slice(at + UNDER_PROVIDER.length).split('/').length % 2 === 1
})

/** The items of a list answer; null if it has none of ARM's shape. */
export function itemsOf(root: JsonNode): JsonArray | null {
  const value = memberOf(root, 'value')
  return value?.kind === 'array' ? value : null
}

/**
 * The operation that would read one item; null if its id leads to none.
 * @param listed the call that was answered with the list: assets of registries have ids that are not ARM's, and names
 */
export function itemOperation(item: JsonNode, listed: Operation): Operation | null {
  const id = memberOf(item, 'id')
  const name = memberOf(item, 'name')
  if (id?.kind !== 'string') return null
  const path =
    listed.family !== 'arm' && id.value.startsWith('azureml://') && isPlain(name)
      ? `${listed.resource.id}/${name.value}`
      : id.value
  if (!path.startsWith('/')) return null
  try {
    const operation = classifyArm('GET', path.slice(1).split('/'), listed.family)
    return isCollection(operation.resource) ? null : operation
  } catch {
    return null
  }
}

function isPlain(name: JsonNode | null): name is JsonString {
  return name?.kind === 'string' && /^[^/\\]+$/.test(name.value)
}

/**
 * The document with only these items in the list, each byte for byte as it was, and parted as they were: it is the
 * document that Azure would have answered with if there were no others.
 */
export function withItems(bytes: Buffer, list: JsonArray, kept: readonly JsonNode[]): Buffer {
  const [before, after] = [bytes.subarray(0, list.start + 1), bytes.subarray(list.end - 1)]
  return Buffer.concat([before, ...runOf(bytes, list, list.items, kept), after])
}

/** The document without one of its members; `{}` if it has no other. */
export function withoutMember(bytes: Buffer, root: JsonObject, value: JsonNode): Buffer {
  const members = root.members.map((member) => ({
    start: member.keyStart,
    end: member.value.end,
    value: member.value,
  }))
  const kept = members.filter((member) => member.value !== value)
  const [before, after] = [bytes.subarray(0, root.start + 1), bytes.subarray(root.end - 1)]
  return Buffer.concat([before, ...runOf(bytes, root, members, kept), after])
}

type Placed = Pick<JsonNode, 'start' | 'end'>

/** What stands between the brackets if only some of the parts stay. */
function runOf(
  bytes: Buffer,
  whole: Placed,
  parts: readonly Placed[],
  kept: readonly Placed[],
): readonly Buffer[] {
  const [first, last] = [parts[0], parts.at(-1)]
  if (first === undefined || last === undefined || kept.length === 0) return []
  const between = parts.slice(1).map((part, at) => bytes.subarray(parts[at]?.end, part.start))
  const [one = COMMA, ...others] = between
  const comma = others.every((other) => other.equals(one)) ? one : COMMA
  return [
    bytes.subarray(whole.start + 1, first.start),
    ...kept.flatMap((part, at) => [
      at === 0 ? NOTHING : comma,
      bytes.subarray(part.start, part.end),
    ]),
    bytes.subarray(last.end, whole.end - 1),
  ]
}

const COMMA = Buffer.from(',')
const NOTHING = Buffer.alloc(0)
