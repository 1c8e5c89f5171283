/**
 * `owners.yaml`: whose review a change of a model or endpoint needs. As in CODEOWNERS, the last line that matches counts.
 * @module
 */
import { isMap, isSeq, type YAMLMap } from 'yaml'
import type { Uid } from './conditions.ts'
import { suggest, type Fault } from './faults.ts'
import { checkPrincipal, checkResource, referenceAt, type NamedIds } from './references.ts'
import { checkKeys, readYamlMapping, textIn, type Add } from './yaml-mapping.ts'

/** One line: who reviews what is called so, in there. */
export interface OwnersLine {
  /** Matches `models/<name>` and `endpoints/<name>`; without a slash, models. `*` and `?` stay within a name. */
  readonly pattern: string
  /** Null: anywhere. */
  readonly within: Uid | null
  /** Empty: nobody owns it. */
  readonly reviewers: readonly Uid[]
  /** How many of them have to approve. */
  readonly required: number
  /** One of each of the reviewers has to. */
  readonly each: boolean
  readonly line: number
}

/** What is looked for. */
export interface Owned {
  /** `models/<name>`, `endpoints/<name>`. */
  readonly names: readonly string[]
  /** The resource of the call and what it is in. */
  readonly places: readonly Uid[]
}

export const OWNERS_FILE = 'owners.yaml'
const KEYS = ['models', 'in', 'reviewers', 'required', 'each']
const PATTERN = /^(?:(?:models|endpoints)\/)?[\w.*?-]{1,255}$/u
/** Whatever it is, also what has no name of a model or endpoint. */
const EVERYTHING = '*'
const REVIEWERS = ['Group', 'Role', 'User']
const MAX_REQUIRED = 9

/**
 * The lines that count, each once; none if nobody owns one of the models. A change of several models is of the owners of
 * each of them: whoever owns the last line that matches one does not release the others with it.
 */
export function ownersOf(
  lines: readonly OwnersLine[],
  { names, places }: Owned,
): readonly OwnersLine[] {
  const models = names.filter((name) => name.startsWith('models/'))
  const others = names.filter((name) => !models.includes(name))
  const found = (models.length === 0 ? [[]] : models.map((model) => [model])).map((model) =>
    lastMatch(lines, { names: [...others, ...model], places }),
  )
  const owned = found.filter((line) => line !== null)
  return owned.length < found.length ? [] : [...new Set(owned)]
}

/** The line that counts for one model; null if nobody owns it. */
function lastMatch(lines: readonly OwnersLine[], { names, places }: Owned): OwnersLine | null {
  const found = lines.findLast(
    ({ pattern, within }) =>
      (pattern === EVERYTHING || names.some((name) => matches(pattern, name))) &&
      (within === null || places.some(({ type, id }) => type === within.type && id === within.id)),
  )
  return found === undefined || found.reviewers.length === 0 ? null : found
}

function matches(pattern: string, name: string): boolean {
  const whole = pattern.includes('/') ? pattern : `models/${pattern}`
  const source = whole.replaceAll(/[.*?]/gu, (sign) =>
    sign === '*' ? '[^/]*' : sign === '?' ? '[^/]' : '\\.',
  )
  return new RegExp(`^${source}$`, 'u').test(name)
}

/** The lines and every fault; the lines are complete only if there is no fault. */
export function readOwners(
  file: string,
  text: string,
  names: NamedIds,
  issuers: readonly string[],
): { lines: readonly OwnersLine[]; faults: readonly Fault[] } {
  const { top, add, lineOf, faults } = readYamlMapping(
    file,
    text,
    'owners are a mapping with the key "owners"',
  )
  if (top === null) return { lines: [], faults }
  checkKeys(top, ['owners'], add)
  const list: unknown = top.get('owners', true)
  if (!isSeq(list)) add(list ?? top, '"owners" is a list')
  const lines: OwnersLine[] = []
  for (const item of isSeq(list) ? list.items : []) {
    if (!isMap(item)) add(item, 'an entry is a mapping with "models", "in" and "reviewers"')
    else lines.push({ ...readLine(item, names, issuers, add), line: lineOf(item) })
  }
  return { lines, faults }
}

function readLine(
  item: YAMLMap,
  names: NamedIds,
  issuers: readonly string[],
  add: Add,
): Omit<OwnersLine, 'line'> {
  checkKeys(item, KEYS, add)
  const pattern = textIn(item.get('models', true))
  if (!PATTERN.test(pattern))
    add(
      item.get('models', true) ?? item,
      '"models" is a pattern',
      'write "fraud-*", "endpoints/fraud-*" or "*"',
    )
  const place: unknown = item.get('in', true)
  const within = place === undefined ? null : referenceAt(place, names, add)
  if (within !== null) checkResource(within, add)
  const reviewers = readReviewers(item, names, issuers, add)
  const required: unknown = item.get('required') ?? 1
  if (!isCount(required))
    add(item.get('required', true), `"required" is a number from 1 to ${MAX_REQUIRED}`)
  const each: unknown = item.get('each') ?? false
  if (typeof each !== 'boolean') add(item.get('each', true), '"each" is true or false')
  return {
    pattern,
    within: within?.uid ?? null,
    reviewers,
    required: isCount(required) ? required : 1,
    each: each === true,
  }
}

function readReviewers(
  item: YAMLMap,
  names: NamedIds,
  issuers: readonly string[],
  add: Add,
): readonly Uid[] {
  const list: unknown = item.get('reviewers', true)
  if (!isSeq(list)) {
    add(
      list ?? item,
      '"reviewers" is a list of groups, roles or people',
      'write [] if nobody owns it',
    )
    return []
  }
  return list.items.flatMap((node) => {
    const placed = referenceAt(node, names, add)
    if (placed === null) return []
    if (!REVIEWERS.includes(placed.uid.type))
      add(node, `"${placed.uid.type}" cannot review`, suggest(placed.uid.type, REVIEWERS))
    else checkPrincipal(placed, issuers, add)
    return [placed.uid]
  })
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_REQUIRED
}
