/**
 * Evaluates Terraform modules of azapi resources as `terraform apply` would: variables are judged, and each resource is
 * made once what it names is made.
 *
 * It knows what the modules in deploy/terraform use. Everything else is an error, so that nothing is passed over.
 */
import { resolve as absolute } from 'node:path'
import { evaluate, readModule, type Resolve } from './hcl.ts'
import {
  asArray,
  asObject,
  asText,
  idBelow,
  mapInOrder,
  member,
  symbolOf,
  type Document,
  type Json,
  type Put,
} from './deployment.ts'

/** What a block may have besides its body. */
const ATTRIBUTES = new Set([
  'type',
  'name',
  'parent_id',
  'location',
  'tags',
  'identity',
  'body',
  'sensitive_body',
  'response_export_values',
  'schema_validation_enabled',
  'ignore_missing_property',
  'retry',
  'timeouts',
  'depends_on',
  'for_each',
  'count',
  'lifecycle',
])

export interface TerraformOptions {
  readonly put: Put
}

/** Makes all that a folder declares; resolves with its outputs. */
export async function deployTerraform(
  folder: string,
  variables: Document,
  options: TerraformOptions,
  path: readonly string[] = [],
): Promise<Document> {
  const where = absolute(folder)
  return new Module(where, await readModule(where), variables, options, path).deploy()
}

class Module {
  readonly #folder: string
  readonly #document: Readonly<Record<string, Json>>
  readonly #given: Document
  readonly #options: TerraformOptions
  readonly #path: readonly string[]
  readonly #values = new Map<string, Json>()
  readonly #open = new Set<string>()

  constructor(
    folder: string,
    document: Readonly<Record<string, Json>>,
    given: Document,
    options: TerraformOptions,
    path: readonly string[],
  ) {
    this.#folder = folder
    this.#document = document
    this.#given = given
    this.#options = options
    this.#path = path
  }

  #blocks(kind: string): Document {
    return asObject(this.#document[kind] ?? {}, kind)
  }

  async deploy(): Promise<Document> {
    const known = this.#blocks('variable')
    const unknown = Object.keys(this.#given).find((name) => known[name] === undefined)
    if (unknown !== undefined) throw new Error(`${this.#folder}: "${unknown}" is no variable`)
    for (const name of Object.keys(known)) await this.#once(`var ${name}`)
    const { azapi_resource: resources = {}, ...others } = this.#blocks('resource')
    const other = Object.keys({ ...others, ...this.#blocks('data') })[0]
    if (other !== undefined) throw new Error(`${this.#folder}: the tests know no ${other}`)
    for (const name of Object.keys(resources as Document))
      await this.#once(`azapi_resource ${name}`)
    for (const name of Object.keys(this.#blocks('module'))) await this.#once(`module ${name}`)
    const outputs = await mapInOrder(
      Object.entries(this.#blocks('output')),
      async ([name, block]) => [
        name,
        await this.#eval(member(asArray(block, name)[0] as Json, 'value', name)),
      ],
    )
    return Object.fromEntries(outputs) as Document
  }

  /** The value of `kind name`, made once. */
  async #once(key: string): Promise<Json> {
    const known = this.#values.get(key)
    if (known !== undefined) return known
    if (this.#open.has(key)) throw new Error(`${this.#folder}: "${key}" needs itself`)
    this.#open.add(key)
    const value = await this.#make(key)
    this.#values.set(key, value)
    return value
  }

  async #make(key: string): Promise<Json> {
    const [kind = '', name = ''] = key.split(' ')
    switch (kind) {
      case 'var':
        return this.#variable(name)
      case 'local': {
        const block = asArray(this.#document['locals'] ?? [], 'locals').find((one) =>
          Object.hasOwn(one as Document, name),
        )
        if (block === undefined) throw new Error(`${this.#folder}: there is no local.${name}`)
        return this.#eval(member(block, name, key))
      }
      case 'module':
        return this.#several(key, this.#blockOf('module', name), (block, each) =>
          this.#module(name, block, each),
        )
      case 'azapi_resource': {
        const all = asObject(this.#blocks('resource')['azapi_resource'], kind)
        const block = asArray(all[name], `azapi_resource.${name}`)[0] as Document
        return this.#several(key, block, (one, each) => this.#resource(name, one, each))
      }
      default:
        throw new Error(`${this.#folder}: the tests know no ${key}`)
    }
  }

  #blockOf(kind: string, name: string): Document {
    return asArray(this.#blocks(kind)[name], `${kind}.${name}`)[0] as Document
  }

  async #variable(name: string): Promise<Json> {
    const block = this.#blockOf('variable', name)
    const value = this.#given[name] ?? block['default']
    if (value === undefined) throw new Error(`${this.#folder}: variable "${name}" is missing`)
    const resolve: Resolve = async (steps) => {
      if (steps[0] !== 'var') throw new Error(`${steps.join('.')} in a validation`)
      return steps[1] === name
        ? { value, used: 2 }
        : { value: await this.#once(`var ${steps[1] ?? ''}`), used: 2 }
    }
    for (const rule of asArray(block['validation'] ?? [], 'validation') as Document[])
      if ((await evaluate(rule['condition'] as Json, resolve)) !== true)
        throw new Error(`variable "${name}": ${asText(rule['error_message'], 'error_message')}`)
    return value
  }

  /** One of it, or as many as `for_each` or `count` says. */
  async #several(
    key: string,
    block: Document,
    one: (block: Document, each: Document) => Promise<Json>,
  ): Promise<Json> {
    if (block['count'] !== undefined) {
      const count = Number(await this.#eval(block['count']))
      const places = Array.from({ length: count }, (_, at) => at)
      return mapInOrder(places, () => one(block, {}))
    }
    if (block['for_each'] === undefined) return one(block, {})
    const over = await this.#eval(block['for_each'])
    const entries = Array.isArray(over)
      ? (over as Json[]).map((name): [string, Json] => [asText(name, key), name])
      : Object.entries(over as Document)
    const made = await mapInOrder(entries, async ([name, value]): Promise<[string, Json]> => [
      name,
      await one(block, { key: name, value }),
    ])
    return Object.fromEntries(made)
  }

  async #module(name: string, block: Document, each: Document): Promise<Json> {
    const { source, for_each: _, count: _count, depends_on: _after, ...rest } = block
    const given = asObject(await this.#eval(rest, each), name)
    const folder = absolute(this.#folder, asText(source, 'source'))
    return deployTerraform(folder, given, this.#options, [...this.#path, name])
  }

  async #resource(name: string, block: Document, each: Document): Promise<Json> {
    const unknown = Object.keys(block).find((key) => !ATTRIBUTES.has(key))
    if (unknown !== undefined) throw new Error(`azapi_resource.${name}: "${unknown}" is unknown`)
    const take = async (key: string): Promise<Json | undefined> =>
      block[key] === undefined ? undefined : this.#eval(block[key], each)
    for (const one of asArray(block['depends_on'] ?? [], 'depends_on')) await this.#eval(one, each)
    const [type = '', apiVersion = ''] = asText(await take('type'), 'type').split('@')
    const own = asText(await take('name'), 'name')
    const id = idBelow(asText(await take('parent_id'), 'parent_id'), type, own)
    const body: Record<string, Json> = { ...asObject((await take('body')) ?? {}, 'body') }
    for (const key of ['location', 'tags'])
      if (block[key] !== undefined) body[key] = (await take(key)) as Json
    const identity = asArray((await take('identity')) ?? [], 'identity')[0] as Document | undefined
    if (identity !== undefined) {
      const ids = asArray(identity['identity_ids'] ?? [], 'identity_ids').map(String)
      body['identity'] = {
        type: identity['type'] as Json,
        ...(ids.length > 0 && {
          userAssignedIdentities: Object.fromEntries(ids.map((one) => [one, {}])),
        }),
      }
    }
    const symbol = symbolOf([...this.#path, name])
    const made = await this.#options.put({ symbol, id, type, apiVersion, body })
    const exported = asArray((await take('response_export_values')) ?? [], 'response_export_values')
    return { id, name: own, output: exportedOf(made, exported.map(String)) }
  }

  async #eval(value: Json, each: Document = {}): Promise<Json> {
    const resolve: Resolve = async (steps) => {
      const [root = '', name = ''] = steps
      if (root === 'each') return { value: member(each, name, 'each'), used: 2 }
      if (root === 'path') return { value: this.#folder, used: 2 }
      if (['var', 'local', 'module', 'azapi_resource'].includes(root))
        return { value: await this.#once(`${root} ${name}`), used: 2 }
      throw new Error(`${this.#folder}: "${steps.join('.')}" is unknown`)
    }
    return evaluate(value, resolve)
  }
}

/** What azapi keeps of an answer: the listed paths and nothing else. */
function exportedOf(document: Document, paths: readonly string[]): Document {
  const output: Record<string, Json> = {}
  for (const path of paths) {
    const steps = path.split('.')
    let from: Json = document
    let to = output
    for (const [at, step] of steps.entries()) {
      from = member(from, step, `response_export_values "${path}"`)
      if (at === steps.length - 1) to[step] = from
      else to = (to[step] ??= {}) as Record<string, Json>
    }
  }
  return output
}
