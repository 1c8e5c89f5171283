/**
 * The functions of Bicep that the modules in deploy/bicep call. One that is not here is an error.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  asArray,
  asObject,
  asText,
  asTexts,
  GUID_NAMESPACE,
  mapInOrder,
  type Document,
  type Json,
} from './deployment.ts'
import { uuidV5 } from './uuid.ts'

/** Where a file is deployed. */
export interface Place {
  /** ARM id of a resource group or a subscription. */
  readonly scope: string
  readonly location: string
}

/** A function that was passed to another. */
export type Lambda = (...args: readonly Json[]) => Promise<Json>
export type Argument = Json | Lambda

export interface Here {
  readonly place: Place
  /** The folder of the file that calls. */
  readonly folder: string
}

export const subscriptionOf = (scope: string): string => scope.split('/').slice(0, 3).join('/')

const scopeObject = (id: string, location: string): Document => ({
  id,
  name: id.split('/').at(-1) ?? '',
  location,
  subscriptionId: id.split('/')[2] ?? '',
})

function isEmpty(value: Json | undefined): boolean {
  if (value === null || value === undefined) return true
  if (typeof value === 'string' || Array.isArray(value)) return value.length === 0
  return typeof value === 'object' && Object.keys(value).length === 0
}

function sizeOf(value: Json | undefined): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length
  return Object.keys(asObject(value ?? null, 'the argument of length')).length
}

function contains(container: Json | undefined, item: Json | undefined): boolean {
  if (typeof container === 'string') return container.includes(asText(item, 'contains'))
  if (Array.isArray(container)) return container.includes(item)
  return Object.hasOwn(asObject(container, 'contains'), asText(item, 'contains'))
}

function union(values: readonly Json[]): Json {
  if (Array.isArray(values[0]))
    throw new Error('union of arrays leaves out what is there twice: use concat')
  let all: Document = {}
  for (const value of values) all = merge(all, asObject(value, 'union'))
  return all
}

/** Objects inside are merged, too, as ARM does. */
function merge(left: Document, right: Document): Document {
  const isObject = (value: Json | undefined): value is Document =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
  const inner = Object.entries(right).map(([key, value]): [string, Json] => {
    const old = left[key]
    return [key, isObject(old) && isObject(value) ? merge(old, value) : value]
  })
  return { ...left, ...Object.fromEntries(inner) }
}

type Plain = (args: readonly Json[], here: Here) => Json

const PLAIN: Readonly<Record<string, Plain>> = {
  any: ([value]) => value ?? null,
  resourceGroup: ([name], { place }) =>
    name === undefined
      ? scopeObject(place.scope, place.location)
      : scopeObject(
          `${subscriptionOf(place.scope)}/resourceGroups/${asText(name, 'resourceGroup')}`,
          place.location,
        ),
  subscription: (_, { place }) => scopeObject(subscriptionOf(place.scope), place.location),
  subscriptionResourceId: ([type, name], { place }) =>
    `${subscriptionOf(place.scope)}/providers/${asText(type, 'type')}/${asText(name, 'name')}`,
  guid: (args) => uuidV5(GUID_NAMESPACE, args.map((one) => asText(one, 'guid')).join('-')),
  empty: ([value]) => isEmpty(value),
  length: ([value]) => sizeOf(value),
  contains: ([container, item]) => contains(container, item),
  first: ([values]) => asArray(values, 'first')[0] ?? null,
  last: ([values]) => asArray(values, 'last').at(-1) ?? null,
  concat: (args) => args.flatMap((one) => asArray(one, 'concat')),
  union: (args) => union(args),
  split: ([value, by]) => asText(value, 'split').split(asText(by, 'split')),
  join: ([values, by]) => asTexts(values, 'join').join(asText(by, 'join')),
  startsWith: ([value, start]) =>
    asText(value, 'startsWith').toLowerCase().startsWith(asText(start, 'startsWith').toLowerCase()),
  toLower: ([value]) => asText(value, 'toLower').toLowerCase(),
  replace: ([value, from, to]) =>
    asText(value, 'replace').replaceAll(asText(from, 'replace'), asText(to, 'replace')),
  string: ([value]) => (typeof value === 'string' ? value : JSON.stringify(value)),
  loadJsonContent: ([file], { folder }) =>
    JSON.parse(readFileSync(join(folder, asText(file, 'file')), 'utf8')) as Json,
  fail: ([message]) => {
    throw new Error(asText(message, 'fail'))
  },
}

/** Calls a function by its name. */
export async function callBicep(
  name: string,
  args: readonly Argument[],
  here: Here,
): Promise<Json> {
  const plain = PLAIN[name]
  if (plain !== undefined && Object.hasOwn(PLAIN, name)) return plain(args as Json[], here)
  const [first, ...lambdas] = args
  const values = asArray(first as Json, name)
  const [one, two] = lambdas as Lambda[]
  if (one === undefined) throw new Error(`the tests know no function "${name}"`)
  switch (name) {
    case 'map':
      return mapInOrder(values, (value) => one(value))
    case 'filter': {
      const kept = await mapInOrder(values, async (value) =>
        (await one(value)) === true ? [value] : [],
      )
      return kept.flat()
    }
    case 'toObject': {
      const pairs = await mapInOrder(values, async (value) => [
        asText(await one(value), 'a key of toObject'),
        two === undefined ? value : await two(value),
      ])
      return Object.fromEntries(pairs) as Document
    }
    default:
      throw new Error(`the tests know no function "${name}"`)
  }
}
