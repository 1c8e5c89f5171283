/**
 * Validates data against the schema, and words each fault for whoever wrote the file.
 * @module
 */
import type { ErrorObject } from 'ajv/dist/2020.js'
import { didYouMean } from '../lib/suggest.ts'
import type { KeyPath } from './faults.ts'
import { matches } from './matches.ts'
import type { Config } from './schema/schema.ts'
import { fieldsOf } from '../lib/strict-json.ts'

/** A fault that has no position yet. */
export interface Finding {
  readonly path: KeyPath
  readonly message: string
}

/** Validates the data and fills in the defaults of the schema; what passed is a `Config`. */
export function isConfig(
  data: unknown,
  report: (findings: readonly Finding[]) => void,
): data is Config {
  if (matches(data)) return true
  report(findingsOf(matches.errors ?? []))
  return false
}

function findingsOf(errors: readonly ErrorObject[]): Finding[] {
  const dropped = new Set<ErrorObject>()
  // a union reports faults for each of its branches: only those of the branch that was meant help the reader
  for (const error of errors) {
    if (error.keyword !== 'anyOf') continue
    const meant = branchMeant(error)
    for (const other of errors) {
      if (!other.schemaPath.startsWith(`${error.schemaPath}/`) || !isAt(other, error)) continue
      if (meant === null || !other.schemaPath.startsWith(`${error.schemaPath}/${meant}/`))
        dropped.add(other)
    }
    if (meant !== null) dropped.add(error)
  }
  return errors.filter((error) => !dropped.has(error)).map(finding)
}

/** Items of a list share one schema path, so the path in the data has to be the same as well. */
function isAt(inner: ErrorObject, union: ErrorObject): boolean {
  return (
    inner.instancePath === union.instancePath ||
    inner.instancePath.startsWith(`${union.instancePath}/`)
  )
}

/** Index of the branch whose `kind` the data has. */
function branchMeant(error: ErrorObject): number | null {
  const kind = property(error.data, 'kind')
  if (typeof kind !== 'string') return null
  const index = branches(error).findIndex((branch) => kindOf(branch) === kind)
  return index === -1 ? null : index
}

function finding(error: ErrorObject): Finding {
  const path = pointer(error.instancePath)
  switch (error.keyword) {
    case 'additionalProperties': {
      const key = String(property(error.params, 'additionalProperty'))
      return {
        path: [...path, key],
        message: `is no known key${didYouMean(key, keysOf(error.parentSchema))}`,
      }
    }
    case 'required':
      return {
        path: [...path, String(property(error.params, 'missingProperty'))],
        message: 'is missing',
      }
    case 'anyOf':
      return unionFinding(path, error)
    case 'const':
      return { path, message: oneOf(error.data, [String(error.schema)]) }
    case 'minItems':
      return { path, message: 'must have at least one entry' }
    case 'minProperties':
      return { path, message: 'must have at least one entry' }
    case 'minLength':
      return { path, message: 'must not be empty' }
    case 'type':
      return { path, message: `must be ${article(String(error.schema))}` }
    case 'pattern':
      return { path, message: `${expectation(error)} (pattern ${String(error.schema)})` }
    case 'format':
      return { path, message: expectation(error) }
    default:
      return { path, message: error.message ?? 'is not valid' }
  }
}

function unionFinding(path: KeyPath, error: ErrorObject): Finding {
  const options = branches(error)
  const values = options.map((branch) => property(branch, 'const'))
  if (values.every((value) => typeof value === 'string')) {
    return { path, message: oneOf(error.data, values) }
  }
  const kinds = options.map(kindOf).filter((kind) => kind !== null)
  if (kinds.length > 0) {
    const kind = property(error.data, 'kind')
    if (kind === undefined)
      return { path: [...path, 'kind'], message: `is missing; ${oneOf(kind, kinds)}` }
    return { path: [...path, 'kind'], message: oneOf(kind, kinds) }
  }
  return { path, message: expectation(error) }
}

/** The description in the schema says best what was expected. */
function expectation(error: ErrorObject): string {
  const description = property(error.parentSchema, 'description')
  return typeof description === 'string'
    ? `must be: ${description}`
    : (error.message ?? 'is not valid')
}

function oneOf(data: unknown, options: readonly string[]): string {
  const text = `must be ${options.length === 1 ? '' : 'one of '}${options.join(', ')}`
  return typeof data === 'string' ? text + didYouMean(data, options) : text
}

function article(type: string): string {
  if (type === 'object') return 'a mapping'
  if (type === 'array') return 'a list'
  if (type === 'boolean') return 'true or false'
  return type === 'integer' ? 'a whole number' : `a ${type}`
}

function kindOf(branch: unknown): string | null {
  const kind = property(property(property(branch, 'properties'), 'kind'), 'const')
  return typeof kind === 'string' ? kind : null
}

function branches(error: ErrorObject): readonly unknown[] {
  const list: unknown = error.schema
  return Array.isArray(list) ? list : []
}

function keysOf(schema: unknown): readonly string[] {
  const properties = property(schema, 'properties')
  return typeof properties === 'object' && properties !== null ? Object.keys(properties) : []
}

function property(value: unknown, name: string): unknown {
  return fieldsOf(value).get(name)
}

/** RFC 6901 section 3: `~1` is a slash and `~0` a tilde; what looks like an index is one. */
function pointer(text: string): (string | number)[] {
  return text
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step))
}
