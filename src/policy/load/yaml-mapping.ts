/**
 * A YAML file whose top is a mapping, read with the line of every fault.
 * @module
 */
import {
  isMap,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
  type Node,
  type YAMLError,
  type YAMLMap,
} from 'yaml'
import { fault, suggest, type Fault } from './faults.ts'

/** Notes a fault at the line of `node`. */
export type Add = (node: unknown, message: string, suggestion?: string) => void

/** A file as far as it could be read. */
export interface YamlMapping {
  /** Null if it is no mapping; then there is a fault. */
  readonly top: YAMLMap | null
  readonly add: Add
  readonly lineOf: (node: unknown) => number
  /** Grows with each `add`. */
  readonly faults: readonly Fault[]
}

/** @param form what the file should be, for the message if it is not: `bindings are a mapping with ...` */
export function readYamlMapping(file: string, text: string, form: string): YamlMapping {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, strict: true })
  const faults: Fault[] = []
  const lineOf = (node: unknown): number => {
    const offset = isNode(node) ? node.range?.[0] : undefined
    return offset === undefined ? 1 : lines.linePos(offset).line
  }
  const add: Add = (node, message, suggestion) => {
    faults.push(fault(file, lineOf(node), message, suggestion))
  }
  for (const error of [...document.errors, ...document.warnings]) {
    faults.push(fault(file, lines.linePos(error.pos[0]).line, wordsOf(error)))
  }
  // a reader of a review would have to look for what it stands for
  visit(document, {
    Alias: (_key, node) =>
      add(node, `"*${node.source}" is an alias of YAML's`, 'write the value itself'),
  })
  if (faults.length > 0) return { top: null, add, lineOf, faults }
  const contents: unknown = document.contents
  const top = isMap(contents) ? contents : null
  if (top === null) add(contents, form)
  return { top, add, lineOf, faults }
}

/** What the parser says, without the place that a fault has anyway. */
function wordsOf({ code, message }: YAMLError): string {
  if (code === 'MULTIPLE_DOCS') return 'the file has more than one document'
  const [first = 'is not YAML'] = message.split('\n')
  return first.replace(/ at line \d+, column \d+:?$/u, '')
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'range' in value
}

/** Notes each key that is none of `keys`. */
export function checkKeys(map: YAMLMap, keys: readonly string[], add: Add): void {
  for (const { key } of map.items) {
    const name = isScalar(key) && typeof key.value === 'string' ? key.value : ''
    if (!keys.includes(name)) add(key, `unknown key "${name}"`, suggest(name, keys))
  }
}

/** The text of a scalar; empty for anything else. */
export function textIn(node: unknown): string {
  return isScalar(node) && typeof node.value === 'string' ? node.value : ''
}
