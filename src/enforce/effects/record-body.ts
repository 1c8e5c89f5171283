/**
 * `@record("body")`: what of a body the record keeps. Never the body: names, sizes and counts by an allow-list.
 * @module
 */

/** Facts that are kept. Tags, commands and environment variables can hold anything and are not among them. */
const KEPT = [
  'jobTypes',
  'experiment',
  'environments',
  'components',
  'models',
  'data',
  'registries',
  'images',
  'computes',
  'instanceTypes',
  'instanceCount',
  'timeLimitSeconds',
  'jobIdentities',
  'datastores',
  'paths',
  'outputs',
  'publicNetworkAccess',
  'localAuth',
] as const
const MAX_VALUES = 32
const MAX_CHARACTERS = 256

/** The facts to keep, cut to size, with the length of the whole and its SHA-256. */
export function kept(
  facts: Readonly<Record<string, string | number | boolean | readonly string[]>>,
  bytes: number,
  sha256: string,
): Readonly<Record<string, unknown>> {
  const found: [string, unknown][] = KEPT.flatMap((name) => {
    const value = Object.hasOwn(facts, name) ? facts[name] : undefined
    if (value === undefined || (typeof value === 'object' && value.length === 0)) return []
    return [[name, cut(value)]]
  })
  return {
    ...Object.fromEntries(found),
    bytes,
    sha256,
  }
}

function cut(value: string | number | boolean | readonly string[]): unknown {
  if (typeof value === 'string') return value.slice(0, MAX_CHARACTERS)
  if (typeof value !== 'object') return value
  return value.slice(0, MAX_VALUES).map((one) => one.slice(0, MAX_CHARACTERS))
}
