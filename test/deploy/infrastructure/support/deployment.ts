/**
 * What an evaluation of Bicep or Terraform makes: resources with their bodies, in the order in which they can be made.
 */

export type Json =
  string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }
export type Document = Readonly<Record<string, Json>>

/** One resource, whichever language it was written in. */
export interface Resource {
  /** Its symbolic name with those of the modules around it, in lower case without separators. */
  readonly symbol: string
  readonly id: string
  /** `Microsoft.KeyVault/vaults` */
  readonly type: string
  readonly apiVersion: string
  readonly body: Document
}

/** Makes a resource and resolves with its document, as Azure answers to a PUT. */
export type Put = (resource: Resource) => Promise<Document>

/** Both languages name the same thing alike, one `asThis` and the other `as_this`. */
export const symbolOf = (path: readonly string[]): string =>
  path.join('/').replaceAll('_', '').toLowerCase()

/** The id of a resource of `type`, inside of its parent or on any other resource. */
export function idBelow(parent: string, type: string, name: string): string {
  const parts = type.split('/')
  if (name === '' || name.includes('/')) throw new Error(`"${name}" is no name of one ${type}`)
  const outer = parts.slice(0, -1).join('/')
  const inside = parts.length > 2 && typeOf(parent).toLowerCase() === outer.toLowerCase()
  if (!inside && parts.length > 2)
    throw new Error(`${type} "${name}" needs its parent, not "${parent}"`)
  return inside ? `${parent}/${parts.at(-1)}/${name}` : `${parent}/providers/${type}/${name}`
}

/** The type of the resource that an id names; empty for subscriptions and resource groups. */
export function typeOf(id: string): string {
  const tail = id.split('/providers/').at(-1) ?? ''
  if (tail === id) return ''
  const [namespace = '', ...pairs] = tail.split('/')
  return [namespace, ...pairs.filter((_, at) => at % 2 === 0)].join('/')
}

/** Azure Resource Manager's `guid()`: a UUID of version 5 in a namespace of its own. */
export const GUID_NAMESPACE = '11fb06fb-712d-4ddd-98c7-e71bbd588830'

/** Takes a member of a value that evaluation came upon. */
export function member(value: Json, step: Json, where: string): Json {
  if (typeof step !== 'string' && typeof step !== 'number') throw new Error(`${where}: no key`)
  const key = String(step)
  if (Array.isArray(value)) {
    const one = value[Number(key)] as Json | undefined
    if (one === undefined) throw new Error(`${where}: there is no element ${key}`)
    return one
  }
  if (typeof value !== 'object' || value === null)
    throw new Error(`${where}: "${key}" of what is no object`)
  const object = value as Document
  if (!Object.hasOwn(object, key)) throw new Error(`${where}: there is no "${key}"`)
  return object[key] as Json
}

export function asArray(value: Json | undefined, where: string): readonly Json[] {
  if (!Array.isArray(value)) throw new Error(`${where} is no array`)
  return value as readonly Json[]
}

export function asObject(value: Json | undefined, where: string): Document {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${where} is no object`)
  return value as Document
}

export function asText(value: Json | undefined, where: string): string {
  if (typeof value !== 'string') throw new Error(`${where} is no string`)
  return value
}

export const asTexts = (value: Json | undefined, where: string): string[] =>
  asArray(value, where).map((one) => asText(one, where))

export function asBoolean(value: Json | undefined, where: string): boolean {
  if (typeof value !== 'boolean') throw new Error(`${where} is no boolean`)
  return value
}

/** Maps one after the other: what is evaluated may make resources. */
export async function mapInOrder<T, U>(
  all: readonly T[],
  one: (value: T, at: number) => Promise<U>,
): Promise<U[]> {
  const made: U[] = []
  for (const [at, value] of all.entries()) made.push(await one(value, at))
  return made
}
