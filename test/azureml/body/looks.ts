/**
 * The work that a body costs, counted in values that are looked at: time is not stable.
 * @module
 */
import { findAll } from '../../../src/azureml/body/facts.ts'
import { parseJson, type JsonNode } from '../../../src/lib/json/document.ts'
import { Refusal } from '../../../src/errors.ts'

/** The same document; every look at a member or an item is counted. */
function counted(node: JsonNode, count: () => void): JsonNode {
  const watch = <T>(list: readonly T[]): readonly T[] =>
    new Proxy(list, {
      get(target, name, receiver) {
        if (typeof name === 'string' && /^\d+$/.test(name)) count()
        const value: unknown = Reflect.get(target, name, receiver)
        return value
      },
    })
  if (node.kind === 'array')
    return { ...node, items: watch(node.items.map((item) => counted(item, count))) }
  if (node.kind !== 'object') return node
  const members = node.members.map((one) => ({ ...one, value: counted(one.value, count) }))
  return { ...node, members: watch(members) }
}

function valuesIn(node: JsonNode): number {
  if (node.kind === 'array') return node.items.reduce((sum, item) => sum + valuesIn(item), 1)
  if (node.kind !== 'object') return 1
  return node.members.reduce((sum, { value }) => sum + valuesIn(value), 1)
}

/** Looks at the values of a document of that Cedar type, until its facts are found or it is refused. */
export function looksAt(text: string, type: string): { looks: number; values: number } {
  let looks = 0
  const root = parseJson(Buffer.from(text))
  try {
    findAll(
      counted(root, () => (looks += 1)),
      { scope: '/s', type, whole: true },
    )
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
  }
  return { looks, values: valuesIn(root) }
}
