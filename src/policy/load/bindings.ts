/**
 * `bindings.yaml`: which template holds for whom, on what.
 * @module
 */
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Node, type YAMLMap } from 'yaml'
import { fault, suggest, type Fault } from './faults.ts'
import type { Uid } from './conditions.ts'
import { GUID } from '../../lib/guid.ts'

/** One line of who may do what where. */
export interface Binding {
  readonly id: string
  readonly template: string
  readonly principal: Uid
  readonly resource: Uid
  /** Evaluated and counted, without effect. */
  readonly shadow: boolean
  readonly file: string
  readonly line: number
}

/** The whole file. */
export interface Bindings {
  readonly bindings: readonly Binding[]
  /** Managed identities from the least to the most privileged: decides when several permits apply. */
  readonly order: readonly string[]
}

const PRINCIPALS = ['User', 'Service', 'Compute', 'Group', 'Role', 'Workspace']
const ID = /^[a-z][a-z0-9-]{0,62}$/u
const UID = /^([A-Z][A-Za-z]*)::"([^"\\\s]+)"$/u
/** An issuer's name, then whatever that issuer's own ids are made of. */
const PRINCIPAL_ID = /^([a-z][a-z0-9-]{0,62})\/[^/].*$/u

const SUBSCRIPTION = `/subscriptions/${GUID}`
const GROUP = `${SUBSCRIPTION}/resourcegroups/[^/]{1,90}`
const PROVIDER = `${GROUP}/providers/microsoft\\.machinelearningservices`
const RESOURCE_IDS: ReadonlyMap<string, RegExp> = new Map([
  ['Subscription', new RegExp(`^${SUBSCRIPTION}$`, 'u')],
  ['ResourceGroup', new RegExp(`^${GROUP}$`, 'u')],
  ['Workspace', new RegExp(`^${PROVIDER}/workspaces/[^/]{1,255}$`, 'u')],
  ['Registry', new RegExp(`^${PROVIDER}/registries/[^/]{1,255}$`, 'u')],
])

/** What bindings may refer to. */
interface Known {
  readonly templates: ReadonlySet<string>
  readonly identities: readonly string[]
  /** Configured issuers; empty if unknown, and then not checked. */
  readonly issuers: readonly string[]
}

/** The bindings and every fault; the bindings are complete only if there is no fault. */
export function readBindings(
  file: string,
  text: string,
  known: Known,
): { bindings: Bindings; faults: Fault[] } {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, strict: true })
  const faults: Fault[] = []
  const lineOf = (node: unknown): number => {
    const offset = isNode(node) ? node.range?.[0] : undefined
    return offset === undefined ? 1 : lines.linePos(offset).line
  }
  const add = (node: unknown, message: string, suggestion?: string): void => {
    faults.push(fault(file, lineOf(node), message, suggestion))
  }
  const none: Bindings = { bindings: [], order: [] }

  for (const error of [...document.errors, ...document.warnings]) {
    const [first] = error.message.split('\n')
    faults.push(fault(file, lines.linePos(error.pos[0]).line, first ?? 'not YAML'))
  }
  if (faults.length > 0) return { bindings: none, faults }
  const top: unknown = document.contents
  if (!isMap(top)) {
    add(top, 'bindings are a mapping with the keys "bindings" and "identities"')
    return { bindings: none, faults }
  }
  checkKeys(top, ['bindings', 'identities'], add)

  const list: unknown = top.get('bindings', true)
  const bindings: Binding[] = []
  const seen = new Set<string>()
  if (!isSeq(list)) add(list ?? top, '"bindings" is a list')
  for (const item of isSeq(list) ? list.items : []) {
    const binding = readBinding(item, known, add)
    if (binding === null) continue
    if (seen.has(binding.id)) add(item, `binding "${binding.id}" appears twice`)
    seen.add(binding.id)
    bindings.push({ ...binding, file, line: lineOf(item) })
  }
  return { bindings: { bindings, order: readOrder(top, known, add) }, faults }
}

type Add = (node: unknown, message: string, suggestion?: string) => void

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'range' in value
}

function checkKeys(map: YAMLMap, keys: readonly string[], add: Add): void {
  for (const { key } of map.items) {
    const name = isScalar(key) && typeof key.value === 'string' ? key.value : ''
    if (!keys.includes(name)) add(key, `unknown key "${name}"`, suggest(name, keys))
  }
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

function readBinding(item: unknown, known: Known, add: Add): Omit<Binding, 'file' | 'line'> | null {
  if (!isMap(item)) {
    add(item, 'a binding is a mapping with "id", "template", "principal" and "resource"')
    return null
  }
  checkKeys(item, ['id', 'template', 'principal', 'resource', 'shadow'], add)
  const textOf = (key: string): { value: string; node: unknown } => {
    const node: unknown = item.get(key, true)
    if (isScalar(node) && typeof node.value === 'string') return { value: node.value, node }
    add(node ?? item, `a binding needs "${key}"`)
    return { value: '', node: item }
  }
  const id = textOf('id')
  const template = textOf('template')
  const principal = uidOf(textOf('principal'), add)
  const resource = uidOf(textOf('resource'), add)
  const shadow: unknown = item.get('shadow') ?? false
  if (typeof shadow !== 'boolean') add(item.get('shadow', true), '"shadow" is true or false')
  if (id.value !== '' && !ID.test(id.value)) {
    add(id.node, `"${id.value}" is not a binding's name: lower-case letters, digits and hyphens`)
  }
  if (template.value !== '' && !known.templates.has(template.value)) {
    add(
      template.node,
      `unknown template "${template.value}"`,
      suggest(template.value, known.templates),
    )
  }
  if (principal !== null) checkPrincipal(principal, known, add)
  if (resource !== null) checkResource(resource, add)
  if (principal === null || resource === null) return null
  return {
    id: id.value,
    template: template.value,
    principal: principal.uid,
    resource: resource.uid,
    shadow: shadow === true,
  }
}

interface Placed {
  readonly uid: Uid
  readonly node: unknown
}

function uidOf({ value, node }: { value: string; node: unknown }, add: Add): Placed | null {
  if (value === '') return null
  const [, type, id] = UID.exec(value) ?? []
  if (type === undefined || id === undefined) {
    add(node, `"${value}" is not a reference`, 'write Type::"id"')
    return null
  }
  return { uid: { type, id }, node }
}

function checkPrincipal({ uid, node }: Placed, known: Known, add: Add): void {
  if (!PRINCIPALS.includes(uid.type)) {
    add(node, `"${uid.type}" cannot be bound as a principal`, suggest(uid.type, PRINCIPALS))
    return
  }
  if (uid.type === 'Workspace') {
    checkResource({ uid, node }, add)
    return
  }
  const [, issuer] = PRINCIPAL_ID.exec(uid.id) ?? []
  if (issuer === undefined) {
    add(
      node,
      `"${uid.id}" is not a principal's id`,
      'write "<issuer>/<tenant>/<object id>" or "<issuer>/<id>"',
    )
  } else if (known.issuers.length > 0 && !known.issuers.includes(issuer)) {
    add(node, `unknown issuer "${issuer}"`, suggest(issuer, known.issuers))
  }
}

function checkResource({ uid, node }: Placed, add: Add): void {
  const form = RESOURCE_IDS.get(uid.type)
  if (form === undefined) {
    add(node, `"${uid.type}" cannot be bound as a resource`, suggest(uid.type, RESOURCE_IDS.keys()))
  } else if (uid.id !== uid.id.toLowerCase()) {
    add(
      node,
      `"${uid.id}" has upper-case letters: no request would match it`,
      `write "${uid.id.toLowerCase()}"`,
    )
  } else if (!form.test(uid.id)) {
    add(node, `"${uid.id}" is not the ARM id of a ${uid.type}`)
  }
}
