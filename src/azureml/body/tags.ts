/**
 * Tags, in each form that documents have them, as the fact that policies ask for.
 * @module
 */
import { createHash } from 'node:crypto'
import { memberOf, type JsonNode } from '../../lib/json/document.ts'

/** MLflow keeps the history of a run's models in a tag of many kilobytes. */
const MAX_FACT_CHARACTERS = 2_048

/** `name=value`, or `name=sha256:...` if that is longer than anybody would write into a policy. */
export function tagFact(name: string, value: string): string {
  const fact = `${name}=${value}`
  if (fact.length <= MAX_FACT_CHARACTERS) return fact
  return `${name.slice(0, 256)}=sha256:${createHash('sha256').update(fact).digest('hex')}`
}

/**
 * Tags by name: `{"a":"b"}`, as ARM and run history write them, or `[{"key":"a","value":"b"}]`, as MLflow does.
 * @returns an empty map for a document without tags; null if it has neither form or one name twice
 */
export function readTags(node: JsonNode | null): ReadonlyMap<string, string> | null {
  const tags = new Map<string, string>()
  if (node === null || node.kind === 'null') return tags
  if (node.kind === 'object') {
    for (const { key, value } of node.members) tags.set(key, textOf(value))
    return tags
  }
  if (node.kind !== 'array') return null
  for (const item of node.items) {
    const key = memberOf(item, 'key')
    if (key?.kind !== 'string' || tags.has(key.value)) return null
    tags.set(key.value, textOf(memberOf(item, 'value')))
  }
  return tags
}

function textOf(node: JsonNode | null): string {
  if (node === null) return ''
  return node.kind === 'string' ? node.value : 'text' in node ? node.text : ''
}
