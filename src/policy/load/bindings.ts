/**
 * `bindings.yaml` and `bindings.d/`: which template holds for whom, on what, and from when until when.
 * @module
 */
import { isMap, isScalar, isSeq, type YAMLMap } from 'yaml'
import { fault, suggest, type Fault } from './faults.ts'
import type { Uid } from './conditions.ts'
import { readInstant, type Period } from './period.ts'
import {
  checkPrincipal,
  checkResource,
  NAME_LISTS,
  readNames,
  readReference,
  type NamedIds,
} from './references.ts'
import { checkKeys, readYamlMapping, type Add } from './yaml-mapping.ts'

/** One line of who may do what where. */
export interface Binding extends Period {
  readonly id: string
  readonly template: string
  readonly principal: Uid
  readonly resource: Uid
  /** Evaluated and counted, without effect. */
  readonly shadow: boolean
  /** For whoever reviews it: why, by which ticket, and asked for by whom. */
  readonly reason: string | null
  readonly ticket: string | null
  readonly requestedBy: string | null
  readonly file: string
  readonly line: number
}

/** All bindings, in the order in which they were read. */
export interface Bindings {
  readonly bindings: readonly Binding[]
  /** Managed identities from the least to the most privileged: decides when several permits apply. */
  readonly order: readonly string[]
  /** Names that people gave to groups and workspaces, by `<type> <name>`. */
  readonly names: NamedIds
}

/** A file as it was read. */
export interface Source {
  readonly file: string
  readonly text: string
}

const ID = /^[a-z][a-z0-9-]{0,62}$/u
const KEYS = [
  'template',
  'principal',
  'resource',
  'shadow',
  'from',
  'until',
  'reason',
  'ticket',
  'requestedBy',
]
/** Characters of what is written for reviewers. */
const MAX_NOTE_LENGTH = 500
// oxlint-disable-next-line no-control-regex -- what is shown in a terminal and in a review has none
const CONTROL = /[\u0000-\u001f\u007f]/u

/** What bindings may refer to. */
interface Known {
  readonly templates: ReadonlySet<string>
  readonly identities: readonly string[]
  /** Configured issuers; empty if unknown, and then not checked. */
  readonly issuers: readonly string[]
}

/**
 * The bindings and every fault; the bindings are complete only if there is no fault.
 * @param separate files of `bindings.d/`: one binding each, whose id is the file's name
 */
export function readBindings(
  file: string,
  text: string,
  known: Known,
  separate: readonly Source[] = [],
): { bindings: Bindings; faults: Fault[] } {
  const { top, add, lineOf, faults } = readYamlMapping(
    file,
    text,
    'bindings are a mapping with the keys "bindings" and "identities"',
  )
  if (top === null) return { bindings: NONE, faults: [...faults] }
  checkKeys(top, ['bindings', 'identities', ...NAME_LISTS], add)
  const names = readNames(top, known.issuers, add)

  const list: unknown = top.get('bindings', true)
  const bindings: Binding[] = []
  const first = new Map<string, Binding>()
  if (!isSeq(list)) add(list ?? top, '"bindings" is a list')
  for (const item of isSeq(list) ? list.items : []) {
    const read = readListed(item, known, names, add)
    if (read === null) continue
    const binding = { ...read, file, line: lineOf(item) }
    if (first.has(binding.id)) add(item, `binding "${binding.id}" appears twice`)
    first.set(binding.id, binding)
    bindings.push(binding)
  }
  const order = readOrder(top, known, add)
  const found = [...faults]
  for (const source of separate) {
    const read = readSeparate(source, known, names)
    found.push(...read.faults)
    if (read.binding === null) continue
    const earlier = first.get(read.binding.id)
    if (earlier !== undefined) {
      const where = `${earlier.file}:${earlier.line}`
      found.push(fault(source.file, 1, `binding "${earlier.id}" is in ${where}, too`))
    }
    bindings.push(read.binding)
  }
  return { bindings: { bindings, order, names }, faults: found }
}

const NONE: Bindings = { bindings: [], order: [], names: new Map() }

/** One of the list in `bindings.yaml`. */
function readListed(
  item: unknown,
  known: Known,
  names: NamedIds,
  add: Add,
): Omit<Binding, 'file' | 'line'> | null {
  if (!isMap(item)) {
    add(item, 'a binding is a mapping with "id", "template", "principal" and "resource"')
    return null
  }
  checkKeys(item, ['id', ...KEYS], add)
  const id = textOf(item, 'id', add)
  if (id.value !== '' && !ID.test(id.value)) add(id.node, notAnId(id.value))
  return readBinding(id.value, item, known, names, add)
}

/** A file of `bindings.d/`. */
export function readSeparate(
  { file, text }: Source,
  known: Known,
  names: NamedIds,
): { binding: Binding | null; faults: readonly Fault[] } {
  const { top, add, faults } = readYamlMapping(
    file,
    text,
    'a binding is a mapping with "template", "principal" and "resource"',
  )
  if (top === null) return { binding: null, faults }
  const id = file.slice(file.lastIndexOf('/') + 1).replace(/\.yaml$/u, '')
  if (!ID.test(id)) add(top, notAnId(id), 'rename the file')
  if (top.has('id'))
    add(top.get('id', true), `the id is the file's name, "${id}"`, 'leave "id" out')
  checkKeys(top, ['id', ...KEYS], add)
  const read = readBinding(id, top, known, names, add)
  return { binding: read === null ? null : { ...read, file, line: 1 }, faults }
}

const notAnId = (id: string): string =>
  `"${id}" is not a binding's name: lower-case letters, digits and hyphens`

interface Text {
  readonly value: string
  readonly node: unknown
}

function textOf(item: YAMLMap, key: string, add: Add): Text {
  const node: unknown = item.get(key, true)
  if (isScalar(node) && typeof node.value === 'string') return { value: node.value, node }
  add(node ?? item, `a binding needs "${key}"`)
  return { value: '', node: item }
}

function readBinding(
  id: string,
  item: YAMLMap,
  known: Known,
  names: NamedIds,
  add: Add,
): Omit<Binding, 'file' | 'line'> | null {
  const template = textOf(item, 'template', add)
  const principal = readReference(textOf(item, 'principal', add), names, add)
  const resource = readReference(textOf(item, 'resource', add), names, add)
  const shadow: unknown = item.get('shadow') ?? false
  if (typeof shadow !== 'boolean') add(item.get('shadow', true), '"shadow" is true or false')
  if (template.value !== '' && !known.templates.has(template.value)) {
    add(
      template.node,
      `unknown template "${template.value}"`,
      suggest(template.value, known.templates),
    )
  }
  if (principal !== null) checkPrincipal(principal, known.issuers, add)
  if (resource !== null) checkResource(resource, add)
  const period = readPeriod(item, add)
  const notes = {
    reason: readNote(item, 'reason', add),
    ticket: readNote(item, 'ticket', add),
    requestedBy: readNote(item, 'requestedBy', add),
  }
  if (principal === null || resource === null) return null
  return {
    id,
    template: template.value,
    principal: principal.uid,
    resource: resource.uid,
    shadow: shadow === true,
    ...period,
    ...notes,
  }
}

function readPeriod(item: YAMLMap, add: Add): Period {
  const instantOf = (key: string): number | null => {
    const node: unknown = item.get(key, true)
    if (node === undefined) return null
    const text = isScalar(node) && typeof node.value === 'string' ? node.value : ''
    const read = text === '' ? { fault: `"${key}" is not an instant` } : readInstant(text)
    if (typeof read === 'number') return read
    add(node, read.fault, 'write 2027-03-01T00:00:00Z')
    return null
  }
  const period = { from: instantOf('from'), until: instantOf('until') }
  if (period.from !== null && period.until !== null && period.until <= period.from)
    add(item.get('until', true), '"until" is not after "from"')
  return period
}

function readNote(item: YAMLMap, key: string, add: Add): string | null {
  const node: unknown = item.get(key, true)
  if (node === undefined) return null
  const text = isScalar(node) && typeof node.value === 'string' ? node.value.trim() : ''
  if (text === '' || text.length > MAX_NOTE_LENGTH || CONTROL.test(text)) {
    add(node, `"${key}" is one line of text, at most ${MAX_NOTE_LENGTH} characters`)
    return null
  }
  return text
}

function readOrder(top: YAMLMap, known: Known, add: Add): string[] {
  const list: unknown = top.get('identities', true)
  if (list === undefined) return []
  if (!isSeq(list)) {
    add(list, '"identities" is a list of names, the least privileged first')
    return []
  }
  const order: string[] = []
  for (const item of list.items) {
    const name = isScalar(item) && typeof item.value === 'string' ? item.value : ''
    if (!known.identities.includes(name))
      add(item, `unknown identity "${name}"`, suggest(name, known.identities))
    else if (order.includes(name)) add(item, `identity "${name}" appears twice`)
    order.push(name)
  }
  return order
}
