/**
 * Bicep files as syntax trees, from parsers that run in Python.
 */
import { execFile } from 'node:child_process'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

export interface Node {
  readonly type: string
  /** What its parent calls it, such as `left` of an operator. */
  readonly name: string
  /** Of a leaf. */
  readonly text: string
  readonly children: readonly Node[]
}

export interface Parsed {
  /** What either parser does not read. */
  readonly faults: readonly string[]
  readonly tree: Node
}

const run = promisify(execFile)

/** Parses them all at once; `python` is the interpreter of the environment that has the parsers. Keys are absolute. */
export async function parseBicep(
  python: string,
  files: readonly string[],
): Promise<ReadonlyMap<string, Parsed>> {
  const script = join(import.meta.dirname, 'parse-bicep.py')
  const { stdout } = await run(python, [script, ...files.map((file) => resolve(file))], {
    maxBuffer: 256 * 1024 * 1024,
  })
  return new Map(Object.entries(JSON.parse(stdout) as Record<string, Parsed>))
}

/** The child that its parent calls `name`. */
export function named(node: Node, name: string): Node {
  const found = node.children.find((child) => child.name === name)
  if (found === undefined) throw new Error(`${node.type} has no ${name}`)
  return found
}

/** The first child of one of these types, or null. */
export const childOf = (node: Node, ...types: readonly string[]): Node | null =>
  node.children.find(({ type }) => types.includes(type)) ?? null

/** The source of a node, as far as its leaves have it. */
export const sourceOf = (node: Node): string =>
  node.children.length === 0 ? node.text : node.children.map(sourceOf).join('')

/** What stands behind the `=` of a declaration, or null. */
export function valueOf(declaration: Node): Node | null {
  const at = declaration.children.findIndex(({ type }) => type === '=')
  return at === -1 ? null : (declaration.children[at + 1] ?? null)
}
