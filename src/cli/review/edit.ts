/**
 * Takes bindings out of their files, or gives them an earlier end, and leaves everything else of the text as it is.
 * @module
 */
import { isMap, isScalar, isSeq, parseDocument, type Node, type YAMLMap } from 'yaml'

/** What one binding of a file becomes: removed, or with another end. */
export type Edit = { readonly id: string; readonly until: string | null }

/** A part of a text, and what stands there instead. */
interface Splice {
  readonly from: number
  readonly to: number
  readonly text: string
}

/** The text of `bindings.yaml` with changes. Null if it is written in a way that this does not know. */
export function editListed(text: string, edits: readonly Edit[]): string | null {
  const top = mapIn(text)
  const list: unknown = top?.get('bindings', true)
  if (!isSeq(list)) return null
  const splices: Splice[] = []
  const items = list.items.filter((item): item is YAMLMap & Node => isMap(item))
  const removed = edits.filter(({ until }) => until === null).length
  if (removed === items.length) {
    const range = rangeOf(list)
    // nothing but the empty list is left
    return range === null ? null : spliced(text, [{ ...range, text: '[]' }])
  }
  for (const { id, until } of edits) {
    const item = items.find((one) => one.get('id') === id)
    if (item === undefined) return null
    const splice =
      until === null ? removal(text, item, list.flow === true) : ending(text, item, until)
    if (splice === null) return null
    splices.push(splice)
  }
  return spliced(text, splices)
}

/** The text of a file of `bindings.d/` with another end; null as above. */
export function editSeparate(text: string, until: string): string | null {
  const top = mapIn(text)
  const splice = top === null ? null : ending(text, top, until)
  return splice === null ? null : spliced(text, [splice])
}

function mapIn(text: string): YAMLMap | null {
  const { contents } = parseDocument(text)
  return isMap(contents) ? contents : null
}

function rangeOf(node: unknown): { readonly from: number; readonly to: number } | null {
  const range = isMap(node) || isSeq(node) || isScalar(node) ? node.range : null
  return range !== null && range !== undefined ? { from: range[0], to: range[1] } : null
}

function spliced(text: string, splices: readonly Splice[]): string {
  return [...splices]
    .sort((one, other) => other.from - one.from)
    .reduce((now, { from, to, text: put }) => now.slice(0, from) + put + now.slice(to), text)
}

const lineStart = (text: string, at: number): number => text.lastIndexOf('\n', at - 1) + 1

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at)
  return end < 0 ? text.length : end + 1
}

/** The lines of an item of a list, its dash included. */
function removal(text: string, item: YAMLMap, isFlow: boolean): Splice | null {
  const range = rangeOf(item)
  if (range === null || isFlow) return null
  const from = lineStart(text, range.from)
  // a map that ends with its last line may have its end at the beginning of the next one
  const last = range.to > range.from && text[range.to - 1] === '\n' ? range.to - 1 : range.to
  return { from, to: lineEnd(text, last), text: '' }
}

/** Another end: in place of the one that is there, or behind what it is on. */
function ending(text: string, item: YAMLMap, until: string): Splice | null {
  const present = rangeOf(item.get('until', true))
  if (present !== null) return { ...present, text: until }
  const last = rangeOf(item.get('resource', true))
  if (last === null) return null
  if (item.flow === true) return { from: last.to, to: last.to, text: `, until: ${until}` }
  const key = item.items.find((pair) => isScalar(pair.key) && pair.key.value === 'resource')?.key
  const at = rangeOf(key)
  if (at === null) return null
  const indent = at.from - lineStart(text, at.from)
  const end = lineEnd(text, last.to)
  const before = text[end - 1] === '\n' ? '' : '\n'
  return { from: end, to: end, text: `${before}${' '.repeat(indent)}until: ${until}\n` }
}
