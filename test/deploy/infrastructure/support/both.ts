/**
 * One module in both languages, evaluated with the same parameters.
 */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { inMemory } from './azure.ts'
import { deployBicep, targetScopeOf } from './bicep.ts'
import type { Parsed } from './bicep-tree.ts'
import type { Document, Json, Resource } from './deployment.ts'
import { deployTerraform } from './terraform.ts'

export const SUBSCRIPTION = '00000000-0000-4000-8000-000000000001'
export const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-harness`
export const LOCATION = 'westeurope'

export const BICEP = resolve('deploy/bicep')
export const TERRAFORM = resolve('deploy/terraform')

interface Made {
  readonly resources: readonly Resource[]
  readonly outputs: Document
}

export const snake = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** Where Terraform's folder of a Bicep file is: `modules/logs.bicep` and `modules/logs`. */
export async function byTerraform(
  name: string,
  params: Document,
  folder = TERRAFORM,
): Promise<Made> {
  const azure = inMemory()
  const variables = Object.fromEntries(
    Object.entries(params).map(([key, value]) => [snake(key), value]),
  )
  // a module that makes nothing needs no resource group
  const declared = readFileSync(join(folder, name, 'variables.tf'), 'utf8')
  const group = declared.includes('"resource_group_id"') ? { resource_group_id: GROUP } : {}
  const outputs = await deployTerraform(
    join(folder, name),
    { ...group, ...variables },
    { put: azure.put },
  )
  return { resources: azure.made, outputs }
}

export async function byBicep(
  name: string,
  params: Document,
  files: ReadonlyMap<string, Parsed>,
  folder = BICEP,
): Promise<Made> {
  const azure = inMemory()
  const file = join(folder, `${name}.bicep`)
  const parsed = files.get(file)
  const isGroup = parsed === undefined || targetScopeOf(parsed) === 'resourceGroup'
  const place = { scope: isGroup ? GROUP : `/subscriptions/${SUBSCRIPTION}`, location: LOCATION }
  const outputs = await deployBicep(file, params, { files, place, put: azure.put })
  return { resources: azure.made, outputs }
}

/** In order of keys; a text that is JSON as what it says, since each language has its own order in it. */
export function sorted(value: Json): Json {
  if (typeof value === 'string')
    return /^[{[]/.test(value) ? sorted(JSON.parse(value) as Json) : value
  if (Array.isArray(value)) return value.map((one: Json) => sorted(one))
  if (typeof value !== 'object' || value === null) return value
  const pairs = Object.entries(value as Document).map(([key, one]): [string, Json] => [
    key,
    sorted(one),
  ])
  return Object.fromEntries(pairs.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** By id, in order of ids. */
export const comparable = (resources: readonly Resource[]): readonly object[] =>
  resources
    .map(({ symbol, id, type, apiVersion, body }) => ({
      id,
      // the module and the symbolic name inside of it
      symbol: symbol.split('/').at(-1),
      type: `${type}@${apiVersion}`,
      body: sorted(body),
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1))

/** Outputs, all names in one spelling. */
export const comparableOutputs = (outputs: Document): object =>
  Object.fromEntries(Object.entries(outputs).map(([key, value]) => [snake(key), sorted(value)]))
