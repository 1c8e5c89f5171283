/**
 * A YAML file as plain data, with the line and column of each key.
 * @module
 */
import { LineCounter, isMap, isScalar, isSeq, parseDocument } from 'yaml'
import type { Document } from 'yaml'
import { ConfigError } from './faults.ts'
import type { KeyPath } from './faults.ts'

/** Where something stands in a file; both count from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

export interface YamlFile {
  readonly data: unknown
  /** The position of a key, or of the nearest of its parents that is there. */
  readonly locate: (path: KeyPath) => Position
  /** Whether the file itself has the key: afterwards `data` may have a default in its place. */
  readonly has: (path: KeyPath) => boolean
}

/**
 * Parses one YAML 1.2 document. Duplicate keys, unknown tags, merge keys and several documents in a file are
 * faults, not warnings: two readers of such a file would not agree on what it says.
 * @throws ConfigError with every fault of syntax
 */
export function parseYaml(file: string, text: string): YamlFile {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    strict: true,
    uniqueKeys: true,
    stringKeys: true,
    version: '1.2',
    schema: 'core',
    merge: false,
  })
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  // an unknown tag is only a warning to the parser, which then reads the value as if the tag were not there
  const faults = [...document.errors, ...document.warnings].map(({ message, pos }) => ({
    key: '',
    ...at(pos[0]),
    message: `is not valid YAML: ${lowerFirst(message)}`,
  }))
  if (faults.length > 0) throw new ConfigError(file, faults)
  return {
    data: toData(file, document),
    locate: (path) => at(offsetOf(document, path)),
    has: (path) => document.hasIn(path),
  }
}

function toData(file: string, document: Document.Parsed): unknown {
  try {
    const data: unknown = document.toJS({ maxAliasCount: 20 })
    return data
  } catch {
    // the parser throws when aliases multiply beyond reason ("billion laughs")
    const message = 'has more aliases than a configuration needs'
    throw new ConfigError(file, [{ key: '', line: 1, column: 1, message }])
  }
}

function offsetOf(document: Document.Parsed, path: KeyPath): number {
  let node: unknown = document.contents
  let offset = document.contents?.range[0] ?? 0
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))
      if (pair === undefined) break
      if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset
      node = pair.value
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step]
      if (isMap(node) || isSeq(node) || isScalar(node)) offset = node.range?.[0] ?? offset
    } else break
  }
  return offset
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1)
}
