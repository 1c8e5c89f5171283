/**
 * Terraform's files and expressions, read by HashiCorp's parser and evaluated here.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import {
  asArray,
  asBoolean,
  asText,
  mapInOrder,
  member,
  type Document,
  type Json,
} from './deployment.ts'
import { callTerraform } from './terraform-functions.ts'

// its types bring in those of browsers
const hashicorp = createRequire(import.meta.url)('@cdktf/hcl2json') as {
  parse(file: string, content: string): Promise<Document>
  getExpressionAst(file: string, expression: string): Promise<Ast>
}

/** What HashiCorp's parser says of an expression. */
interface Ast {
  readonly type: string
  readonly children: readonly Ast[]
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly meta?: any
  readonly range: {
    readonly start: { readonly byte: number }
    readonly end: { readonly byte: number }
  }
}

/** Resolves the first name of a reference; null if it has to be told by the names after it. */
export type Resolve = (steps: readonly string[]) => Promise<{ value: Json; used: number }>

const documents = new Map<string, Promise<Document>>()

function parseOnce(name: string, text: string): Promise<Document> {
  let document = documents.get(text)
  if (document === undefined) documents.set(text, (document = hashicorp.parse(name, text)))
  return document
}

/** A folder's files as one document; `${...}` are expressions. */
export async function readModule(folder: string): Promise<Readonly<Record<string, Json>>> {
  const all: Record<string, Json> = {}
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.tf'))) {
    const document = await parseOnce(name, readFileSync(join(folder, name), 'utf8'))
    for (const [key, value] of Object.entries(document)) all[key] = joined(all[key], value, name)
  }
  return all
}

/** Blocks of one kind from several files. */
function joined(before: Json | undefined, more: Json, file: string): Json {
  if (before === undefined) return more
  if (Array.isArray(before) && Array.isArray(more)) return [...before, ...more] as Json
  const all: Record<string, Json> = { ...(before as Document) }
  for (const [key, value] of Object.entries(more as Document)) {
    if (all[key] !== undefined && !isBlocks(all[key], value))
      throw new Error(`${file}: "${key}" is declared twice`)
    all[key] = joined(all[key], value, file)
  }
  return all
}

const isBlocks = (a: Json, b: Json): boolean =>
  typeof a === 'object' && typeof b === 'object' && !Array.isArray(a)

/** A value as hcl2json has it: expressions anywhere inside of it are evaluated. */
export async function evaluate(value: Json, resolve: Resolve): Promise<Json> {
  if (typeof value === 'string') return value.includes('${') ? expression(value, resolve) : value
  if (Array.isArray(value))
    return mapInOrder(value as readonly Json[], (one) => evaluate(one, resolve))
  if (typeof value !== 'object' || value === null) return value
  const pairs = await mapInOrder(Object.entries(value as Document), async ([key, one]) => [
    asText(await evaluate(key, resolve), 'a key'),
    await evaluate(one, resolve),
  ])
  return Object.fromEntries(pairs) as Document
}

const trees = new Map<string, Promise<Ast>>()

function treeOf(source: string): Promise<Ast> {
  let tree = trees.get(source)
  if (tree === undefined) {
    tree = hashicorp.getExpressionAst('expression.tf', source)
    trees.set(source, tree)
  }
  return tree
}

async function expression(text: string, resolve: Resolve): Promise<Json> {
  const alone = /^\$\{([^]*)\}$/.exec(text)?.[1]
  if (alone !== undefined) {
    // "${a}-${b}" looks like one expression, too, and is none
    const tree = await treeOf(alone).catch(() => null)
    if (tree !== null) return evaluateTree(tree, alone, resolve)
  }
  const quoted = `"${text}"`
  return evaluateTree(await treeOf(quoted), quoted, resolve)
}

const OPERATORS: Readonly<Record<string, (a: Json, b: Json) => Json>> = {
  equal: (a, b) => JSON.stringify(a) === JSON.stringify(b),
  notEqual: (a, b) => JSON.stringify(a) !== JSON.stringify(b),
  greaterThan: (a, b) => Number(a) > Number(b),
  greaterThanOrEqual: (a, b) => Number(a) >= Number(b),
  lessThan: (a, b) => Number(a) < Number(b),
  lessThanOrEqual: (a, b) => Number(a) <= Number(b),
}

/** Names and keys of a reference, such as `["var", "location"]`. */
const stepsOf = (tree: Ast): string[] =>
  (tree.meta.traversal as { segment: string }[]).map(({ segment }) => segment.replaceAll('"', ''))

const through = (value: Json, steps: readonly string[], where: string): Json =>
  steps.reduce((at, step) => member(at, step, where), value)

async function evaluateTree(tree: Ast, source: string, resolve: Resolve): Promise<Json> {
  const inner = (child: Ast | undefined): Promise<Json> => {
    if (child === undefined) throw new Error(`${source} has too few parts`)
    return evaluateTree(child, source, resolve)
  }
  const [first, second, third] = tree.children
  switch (tree.type) {
    case 'literalValue': {
      const { type, value } = tree.meta as { type: string; value: string }
      if (type === 'string') return value
      return JSON.parse(value) as Json
    }
    case 'template': {
      const parts = await mapInOrder(tree.children, inner)
      if (parts.some((part) => typeof part === 'object')) throw new Error(`${source} is no text`)
      return parts.map(String).join('')
    }
    case 'templateWrap':
      return inner(first)
    // parentheses
    case '':
      return inner(first)
    case 'tuple':
      return mapInOrder(tree.children, inner)
    case 'object':
      return objectOf(tree, source, inner)
    case 'scopeTraversal': {
      const steps = stepsOf(tree)
      const { value, used } = await resolve(steps)
      return through(value, steps.slice(used), steps.join('.'))
    }
    case 'relativeTraversal':
      return through(await inner(first), stepsOf(tree), source)
    case 'index':
      return member(await inner(first), await inner(second), source)
    case 'conditional':
      return asBoolean(await inner(first), source) ? inner(second) : inner(third)
    case 'unaryOp': {
      const value = await inner(first)
      return tree.meta.operator === 'logicalNot' ? !asBoolean(value, source) : -Number(value)
    }
    case 'binaryOp': {
      const name = String(tree.meta.operator)
      const left = await inner(first)
      if (name === 'logicalAnd')
        return asBoolean(left, source) && asBoolean(await inner(second), source)
      if (name === 'logicalOr')
        return asBoolean(left, source) || asBoolean(await inner(second), source)
      const operator = OPERATORS[name]
      if (operator === undefined) throw new Error(`the tests know no operator "${name}"`)
      return operator(left, await inner(second))
    }
    case 'function': {
      const name = String(tree.meta.name)
      if (name === 'can')
        return inner(first).then(
          () => true,
          () => false,
        )
      const args = await mapInOrder(tree.children, inner)
      const expanded = tree.meta.expandedFinalArgument === true
      return callTerraform(
        name,
        expanded ? [...args.slice(0, -1), ...asArray(args.at(-1), name)] : args,
      )
    }
    case 'for':
      return forOf(tree, source, resolve)
    default:
      throw new Error(`the tests know no ${tree.type}: ${source}`)
  }
}

async function objectOf(
  { children }: Ast,
  source: string,
  inner: (child: Ast | undefined) => Promise<Json>,
): Promise<Json> {
  const object: Record<string, Json> = {}
  for (let at = 0; at < children.length; at += 2) {
    const key = children[at] as Ast
    const { start, end } = key.range
    const name =
      key.children.length === 0
        ? Buffer.from(source).subarray(start.byte, end.byte).toString()
        : asText(await inner(key), 'a key')
    object[name] = await inner(children[at + 1])
  }
  return object
}

async function forOf(tree: Ast, source: string, resolve: Resolve): Promise<Json> {
  const { keyVar, valVar, keyExpression, conditionalExpression, openRangeValue } = tree.meta
  const [over, ...rest] = tree.children as [Ast, ...Ast[]]
  const key = keyExpression === undefined ? null : (rest.shift() as Ast)
  const [value, condition] = rest as [Ast, Ast | undefined]
  if ((condition === undefined) !== (conditionalExpression === undefined))
    throw new Error(`${source}: a loop that is not understood`)
  const pairs: [Json, Json][] = []
  const all = await evaluateTree(over, source, resolve)
  for (const [name, one] of Object.entries(all as Document)) {
    const inside: Resolve = async (steps) => {
      if (steps[0] === valVar) return { value: one, used: 1 }
      if (steps[0] === keyVar) return { value: Array.isArray(all) ? Number(name) : name, used: 1 }
      return resolve(steps)
    }
    const here = (child: Ast): Promise<Json> => evaluateTree(child, source, inside)
    if (condition !== undefined && (await here(condition)) !== true) continue
    pairs.push([key === null ? null : await here(key), await here(value)])
  }
  if (openRangeValue === '[') return pairs.map(([, one]) => one)
  const names = pairs.map(([name]) => asText(name, 'a key'))
  if (new Set(names).size < names.length) throw new Error(`${source}: two elements have one key`)
  return Object.fromEntries(pairs.map(([, one], at) => [names[at] ?? '', one]))
}
