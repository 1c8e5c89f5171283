/**
 * The functions of Terraform that the modules in deploy/terraform call. One that is not here is an error.
 */
import { readFileSync } from 'node:fs'
import { asArray, asObject, asText, asTexts, type Document, type Json } from './deployment.ts'
import { uuidV5 } from './uuid.ts'

/** As Terraform writes JSON: keys in order. */
function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map((one: Json) => sorted(one))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value as Document).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, one]) => [key, sorted(one)]))
}

function sizeOf(value: Json | undefined): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length
  return Object.keys(asObject(value, 'the argument of length')).length
}

const FUNCTIONS: Readonly<Record<string, (args: readonly Json[]) => Json>> = {
  alltrue: ([values]) => asArray(values, 'alltrue').every((one) => one === true),
  concat: (args) => args.flatMap((one) => asArray(one, 'concat')),
  contains: ([values, one]) => asArray(values, 'contains').includes(one as Json),
  file: ([path]) => readFileSync(asText(path, 'file'), 'utf8'),
  flatten: ([values]) => asArray(values, 'flatten').flat(9),
  join: ([by, values]) => asTexts(values, 'join').join(asText(by, 'join')),
  jsondecode: ([text]) => JSON.parse(asText(text, 'jsondecode')) as Json,
  jsonencode: ([value]) => JSON.stringify(sorted(value ?? null)),
  keys: ([value]) => Object.keys(asObject(value, 'keys')).sort(),
  length: ([value]) => sizeOf(value),
  lower: ([value]) => asText(value, 'lower').toLowerCase(),
  merge: (args) => Object.assign({}, ...args.map((one) => asObject(one, 'merge'))) as Document,
  regex: ([pattern, text]) => {
    const found = new RegExp(asText(pattern, 'regex')).exec(asText(text, 'regex'))
    if (found === null) throw new Error(`regex: no match`)
    return found[0]
  },
  replace: ([text, from, to]) =>
    asText(text, 'replace').replaceAll(asText(from, 'replace'), asText(to, 'replace')),
  setsubtract: ([all, less]) => {
    const without = new Set(asArray(less, 'setsubtract'))
    return asArray(all, 'setsubtract').filter((one) => !without.has(one))
  },
  split: ([by, text]) => asText(text, 'split').split(asText(by, 'split')),
  startswith: ([text, start]) => asText(text, 'startswith').startsWith(asText(start, 'startswith')),
  toset: ([values]) => [...new Set(asArray(values, 'toset'))],
  uuidv5: ([namespace, name]) => uuidV5(asText(namespace, 'uuidv5'), asText(name, 'uuidv5')),
}

/** Calls a function by its name. */
export function callTerraform(name: string, args: readonly Json[]): Json {
  const found = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined
  if (found === undefined) throw new Error(`the tests know no function "${name}"`)
  return found(args)
}
