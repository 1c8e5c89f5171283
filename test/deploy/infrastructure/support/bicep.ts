/**
 * Evaluates Bicep files as a deployment would: parameters are judged, and each resource is made once what it names is made.
 *
 * It knows what the modules in deploy/bicep use. Everything else is an error, so that nothing is passed over.
 */
import { dirname, join, resolve } from 'node:path'
import { childOf, named, sourceOf, valueOf, type Node, type Parsed } from './bicep-tree.ts'
import { callBicep, type Lambda, type Place } from './bicep-functions.ts'
import {
  asArray,
  asBoolean,
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

/** Names of lambdas and loops. */
type Names = ReadonlyMap<string, Json>
const NONE: Names = new Map()

interface Declaration {
  readonly node: Node
  readonly decorators: readonly Node[]
}

export interface BicepOptions {
  readonly files: ReadonlyMap<string, Parsed>
  readonly place: Place
  readonly put: Put
}

const DECLARED: Readonly<Record<string, string>> = {
  parameter_declaration: 'parameter',
  variable_declaration: 'variable',
  resource_declaration: 'resource',
  module_declaration: 'module',
  output_declaration: 'output',
}
const PASSED_OVER = new Set(['comment', 'target_scope_assignment'])

/** `resourceGroup` or `subscription`: what a file can be deployed to. */
export function targetScopeOf({ tree }: Parsed): string {
  const assignment = childOf(tree, 'target_scope_assignment')
  const text = assignment === null ? null : childOf(assignment, 'string')
  return text === null ? 'resourceGroup' : (childOf(text, 'string_content')?.text ?? '')
}

const ESCAPED: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' }
/** What an escape stands for. */
function unescaped(text: string): string {
  const [, code] = /^\\u\{([0-9a-f]+)\}$/iu.exec(text) ?? []
  if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16))
  return ESCAPED[text.slice(1)] ?? text.slice(1)
}

/** Makes all that a file declares; resolves with its outputs. */
export async function deployBicep(
  file: string,
  params: Document,
  options: BicepOptions,
  path: readonly string[] = [],
): Promise<Document> {
  return new File(resolve(file), params, options, path).deploy()
}

class File {
  readonly #file: string
  readonly #options: BicepOptions
  readonly #path: readonly string[]
  readonly #params: Document
  readonly #declared = new Map<string, Declaration>()
  /** Values of what was declared, once each; a promise that waits for itself is found by `#open`. */
  readonly #values = new Map<string, Json>()
  readonly #open = new Set<string>()

  constructor(file: string, params: Document, options: BicepOptions, path: readonly string[]) {
    this.#file = file
    this.#options = options
    this.#path = path
    this.#params = params
    const parsed = options.files.get(file)
    if (parsed === undefined) throw new Error(`${file} was not parsed`)
    const target = targetScopeOf(parsed)
    const here = options.place.scope.includes('/resourceGroups/') ? 'resourceGroup' : 'subscription'
    if (target !== here) throw new Error(`${file} is for a ${target}, and not for a ${here}`)
    let decorators: readonly Node[] = []
    for (const node of parsed.tree.children) {
      if (node.type === 'decorators') decorators = node.children
      else if (DECLARED[node.type] !== undefined) {
        const name = childOf(node, 'identifier')?.text ?? ''
        this.#declared.set(node.type === 'output_declaration' ? `output ${name}` : name, {
          node,
          decorators,
        })
        decorators = []
      } else if (!PASSED_OVER.has(node.type)) throw new Error(`${file}: ${node.type} is unknown`)
    }
  }

  async deploy(): Promise<Document> {
    const unknown = Object.keys(this.#params).find(
      (name) => this.#declared.get(name)?.node.type !== 'parameter_declaration',
    )
    if (unknown !== undefined) throw new Error(`${this.#file}: "${unknown}" is no parameter`)
    const outputs: Record<string, Json> = {}
    for (const [name, { node }] of this.#declared)
      if (node.type === 'output_declaration') {
        const value = valueOf(node)
        if (value === null) throw new Error(`${name} has no value`)
        outputs[name.slice('output '.length)] = await this.#loopOrValue(value)
      } else await this.#valueOf(name)
    return outputs
  }

  async #valueOf(name: string): Promise<Json> {
    const known = this.#values.get(name)
    if (known !== undefined) return known
    const declaration = this.#declared.get(name)
    if (declaration === undefined) throw new Error(`${this.#file}: "${name}" is not declared`)
    if (this.#open.has(name)) throw new Error(`${this.#file}: "${name}" needs itself`)
    this.#open.add(name)
    const value = await this.#make(name, declaration)
    this.#values.set(name, value)
    return value
  }

  async #make(name: string, { node, decorators }: Declaration): Promise<Json> {
    const value = valueOf(node)
    switch (node.type) {
      case 'parameter_declaration':
        return this.#parameter(name, node, decorators)
      case 'variable_declaration':
        if (value === null) throw new Error(`${name} has no value`)
        return this.#loopOrValue(value)
      case 'resource_declaration':
      case 'module_declaration': {
        if (value === null) throw new Error(`${name} has no value`)
        if (value.type === 'for_statement')
          return this.#loop(value, (body, names, at) => this.#one(name, node, body, names, at))
        if (value.type !== 'if_statement') return this.#one(name, node, value, NONE, null)
        const condition = await this.#eval(childOf(value, 'parenthesized_expression') as Node, NONE)
        if (!asBoolean(condition, `the condition of ${name}`)) return null
        return this.#one(name, node, childOf(value, 'object') as Node, NONE, null)
      }
      default:
        throw new Error(`"${name}" is no value`)
    }
  }

  async #parameter(name: string, node: Node, decorators: readonly Node[]): Promise<Json> {
    const given = this.#params[name]
    const byDefault = valueOf(node)
    if (given === undefined && byDefault === null)
      throw new Error(`${this.#file}: parameter "${name}" is missing`)
    const value = given ?? (await this.#eval(byDefault as Node, NONE))
    const type = sourceOf(childOf(node, 'type') as Node)
    const is = Array.isArray(value) ? 'array' : typeof value === 'number' ? 'int' : typeof value
    if (is !== (type === 'bool' ? 'boolean' : type))
      throw new Error(`parameter "${name}" is no ${type}`)
    for (const decorator of decorators) {
      const call = childOf(decorator, 'call_expression') as Node
      const args = await this.#arguments(call, NONE)
      const length = typeof value === 'number' ? value : ((value as string | Json[]).length ?? 0)
      const limit = Number(args[0])
      const wrong: Readonly<Record<string, () => boolean>> = {
        description: () => false,
        secure: () => false,
        allowed: () => !asArray(args[0] as Json, 'allowed').includes(value),
        minLength: () => length < limit,
        maxLength: () => length > limit,
        minValue: () => length < limit,
        maxValue: () => length > limit,
      }
      const rule = named(call, 'function').text
      if (wrong[rule] === undefined) throw new Error(`@${rule} is unknown`)
      if (wrong[rule]())
        throw new Error(`parameter "${name}": @${rule}(${JSON.stringify(args[0])})`)
    }
    return value
  }

  /** A resource or a module, of which a loop has several. */
  async #one(name: string, node: Node, body: Node, names: Names, at: number | null): Promise<Json> {
    const members = new Map(
      body.children.flatMap((child) =>
        child.type === 'object_property'
          ? [[sourceOf(child.children[0] as Node), child.children[2] as Node]]
          : [],
      ),
    )
    const take = async (key: string): Promise<Json | undefined> => {
      const found = members.get(key)
      members.delete(key)
      return found === undefined ? undefined : this.#eval(found, names)
    }
    await take('dependsOn')
    const own = asText(await take('name'), `${name}.name`)
    const scope = await take('scope')
    const around =
      scope === undefined ? this.#options.place.scope : asText(member(scope, 'id', name), name)
    const what = asText(await this.#eval(childOf(node, 'string') as Node, names), name)
    if (node.type === 'module_declaration') {
      const params = asObject((await take('params')) ?? {}, `${name}.params`)
      if (members.size > 0) throw new Error(`module "${name}": ${[...members.keys()].join()}`)
      const options = { ...this.#options, place: { ...this.#options.place, scope: around } }
      const path = [...this.#path, name]
      return { outputs: await deployBicep(join(dirname(this.#file), what), params, options, path) }
    }
    const parent = await take('parent')
    const [type = '', apiVersion = ''] = what.split('@')
    const outer = parent === undefined ? around : asText(member(parent, 'id', name), name)
    const id = idBelow(outer, type, own)
    if (childOf(node, 'existing') !== null) return { id, name: own, type }
    const rest = await mapInOrder([...members], async ([key, value]): Promise<[string, Json]> => [
      key,
      await this.#eval(value, names),
    ])
    const symbol = symbolOf([...this.#path, name])
    const resource = { symbol, id, type, apiVersion, body: Object.fromEntries(rest) }
    const made = await this.#options.put(resource)
    return { ...made, id, name: own, type, ...(at === null ? {} : { at }) }
  }

  async #loopOrValue(node: Node): Promise<Json> {
    return node.type === 'for_statement'
      ? this.#loop(node, (body, names) => this.#eval(body, names))
      : this.#eval(node, NONE)
  }

  async #loop(
    node: Node,
    one: (body: Node, names: Names, at: number) => Promise<Json>,
  ): Promise<Json> {
    const body = named(node, 'body')
    const at = node.children.findIndex(({ type }) => type === 'in')
    const over = asArray(
      await this.#eval(node.children[at + 1] as Node, NONE),
      'what a loop goes over',
    )
    const names = node.children[at - 1] as Node
    const words =
      names.type === 'for_loop_parameters'
        ? names.children.filter(({ type }) => type.startsWith('loop_')).map(sourceOf)
        : [sourceOf(names)]
    return mapInOrder(over, (value, index) => {
      const [item = '', place] = words
      const inside = new Map([[item, value]])
      if (place !== undefined) inside.set(place, index)
      return one(body, inside, index)
    })
  }

  async #arguments(call: Node, names: Names): Promise<(Json | Lambda)[]> {
    const given = named(call, 'arguments').children.filter(({ type }) => !'(),'.includes(type))
    return mapInOrder(given, async (node) =>
      node.type === 'lambda_expression'
        ? (value: Json) =>
            this.#eval(
              node.children[2] as Node,
              new Map([...names, [sourceOf(node.children[0] as Node), value]]),
            )
        : this.#eval(node, names),
    )
  }

  async #eval(node: Node, names: Names): Promise<Json> {
    const inner = (child: Node): Promise<Json> => this.#eval(child, names)
    switch (node.type) {
      case 'string': {
        const parts = await mapInOrder(node.children, async (part) => {
          if (part.type === "'") return ''
          if (part.type === 'string_content') return part.text
          if (part.type === 'escape_sequence') return unescaped(part.text)
          if (part.type !== 'interpolation') throw new Error(`${part.type} is unknown in a string`)
          const value = await inner(part.children[1] as Node)
          if (typeof value === 'object') throw new Error(`${sourceOf(part)} is no text`)
          return String(value)
        })
        return parts.join('')
      }
      case 'number':
        return Number(node.text)
      case 'boolean':
        return sourceOf(node) === 'true'
      case 'null':
        return null
      case 'parenthesized_expression':
        return inner(node.children[1] as Node)
      case 'array': {
        const elements = node.children.filter(
          ({ type }) => !['[', ']', ',', 'comment'].includes(type),
        )
        // this parser takes a[0] in an array for two elements
        if (elements.some(({ type }) => type === 'array'))
          throw new Error(`put what is in ${sourceOf(node)} into variables`)
        return mapInOrder(elements, inner)
      }
      case 'object': {
        const pairs = node.children.filter(({ type }) => !['{', '}', ',', 'comment'].includes(type))
        return Object.fromEntries(
          await mapInOrder(pairs, async ({ type, children }): Promise<[string, Json]> => {
            const [key, , value] = children as [Node, Node, Node]
            if (type !== 'object_property') throw new Error(`${type} is unknown in an object`)
            const name = key.type === 'string' ? asText(await inner(key), 'a key') : key.text
            return [name, await inner(value)]
          }),
        )
      }
      case 'identifier':
        return names.get(node.text) ?? this.#valueOf(node.text)
      case 'member_expression':
      case 'subscript_expression': {
        const object = named(node, 'object')
        // this parser binds "." and "[" less tightly than operators
        if (/^(binary|unary|ternary|lambda)_expression$/.test(object.type))
          throw new Error(`put what is before ${sourceOf(node)} into parentheses`)
        const key =
          node.type === 'member_expression'
            ? named(node, 'property').text
            : await inner(named(node, 'index'))
        return member(await inner(object), key, `${this.#file}: ${sourceOf(node)}`)
      }
      case 'ternary_expression':
        return asBoolean(await inner(named(node, 'condition')), sourceOf(node))
          ? inner(named(node, 'consequence'))
          : inner(named(node, 'alternative'))
      case 'unary_expression':
        if (named(node, 'operator').type !== '!') throw new Error(`${sourceOf(node)} is unknown`)
        return !asBoolean(await inner(named(node, 'argument')), sourceOf(node))
      case 'binary_expression':
        return this.#binary(node, inner)
      case 'call_expression': {
        const { place } = this.#options
        const here = { place, folder: dirname(this.#file) }
        return callBicep(named(node, 'function').text, await this.#arguments(node, names), here)
      }
      default:
        throw new Error(`${this.#file}: the tests know no ${node.type}: ${sourceOf(node)}`)
    }
  }

  async #binary(node: Node, inner: (child: Node) => Promise<Json>): Promise<Json> {
    const left = await inner(named(node, 'left'))
    const right = (): Promise<Json> => inner(named(node, 'right'))
    const operator = named(node, 'operator').type
    switch (operator) {
      case '==':
        return left === (await right())
      case '!=':
        return left !== (await right())
      case '&&':
        return asBoolean(left, operator) && asBoolean(await right(), operator)
      case '||':
        return asBoolean(left, operator) || asBoolean(await right(), operator)
      case '>':
        return Number(left) > Number(await right())
      default:
        throw new Error(`the tests know no operator "${operator}"`)
    }
  }
}
