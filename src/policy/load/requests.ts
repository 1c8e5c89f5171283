/**
 * `requests.yaml`: who may ask for which role where, in which way, and for how long.
 * @module
 */
import { isMap, isScalar, isSeq, type YAMLMap } from 'yaml'
import type { SignInRequirement } from '../../identity/sign-in.ts'
import { readStepUp } from '../effects.ts'
import type { Uid } from './conditions.ts'
import { suggest, type Fault } from './faults.ts'
import { readLength } from './period.ts'
import { checkPrincipal, checkResource, referenceAt, type NamedIds } from './references.ts'
import type { Policy } from './source.ts'
import { checkKeys, readYamlMapping, textIn, type Add } from './yaml-mapping.ts'

/** Through another system, by a change of the policies, or by a grant of the gateway's. */
export const WAYS = ['link', 'pull-request', 'grant'] as const
export type Way = (typeof WAYS)[number]

/** Milliseconds. */
export interface Lasts {
  /** If nothing is said. */
  readonly usual: number
  readonly most: number
}

/** One line: what may be asked for. */
export interface RequestRule {
  readonly template: string
  /** Null: whoever is identified. */
  readonly who: readonly Uid[] | null
  /** Null: anywhere. */
  readonly within: Uid | null
  readonly way: Way
  /** Null for a link, and for a pull request whose binding may have no end. */
  readonly lasts: Lasts | null
  /** Of a grant: how many of the approvers have to approve; 0 if a reason is enough. */
  readonly reviewers: number
  readonly approvers: readonly Uid[]
  /** Of a grant: the sign-in that whoever decides needs; null for any. */
  readonly stepUp: SignInRequirement | null
  /** Of a link. */
  readonly url: string | null
  /** Of a pull request: who reviews it, as CODEOWNERS has it. */
  readonly codeOwners: string | null
  /** For the caller: what happens next. */
  readonly note: string | null
  readonly line: number
}

export const REPOSITORY_KINDS = ['github', 'gitea', 'gitlab', 'azure-devops', 'other'] as const

/** Where the policies are kept. */
export interface Repository {
  readonly kind: (typeof REPOSITORY_KINDS)[number]
  /** Without a slash at its end. */
  readonly url: string
  readonly branch: string
  /** The folder of bindings that have a file each, from the top of the repository. */
  readonly directory: string
}

export interface Requests {
  /** In the order of the file. */
  readonly rules: readonly RequestRule[]
  readonly repository: Repository | null
}

export const REQUESTS_FILE = 'requests.yaml'
export const NO_REQUESTS: Requests = { rules: [], repository: null }

const KEYS = ['template', 'who', 'in', 'way', 'note']
const OWN_KEYS: Readonly<Record<Way, readonly string[]>> = {
  link: ['url'],
  'pull-request': ['for', 'codeOwners'],
  grant: ['for', 'reviewers', 'approvers', 'stepUp'],
}
const ASKERS = ['Group', 'Role', 'User', 'Service']
const APPROVERS = ['Group', 'Role', 'User']
const MAX_REVIEWERS = 9
const MAX_LENGTH_MS = 366 * 86_400_000
const MAX_TEXT = 500
const URL_TEXT = /^https:\/\/[!-~]+$/u
/** Without user, query and fragment: names are added to it. */
const REPOSITORY_URL = /^https:\/\/[\w.-]+(?::\d{1,5})?(?:\/[\w.~%-]+)+$/u
const BRANCH = /^[\w][\w./-]{0,200}$/u
const DIRECTORY = /^(?:[\w][\w.-]*\/)*bindings\.d$/u

/** What requests may name. */
interface Known {
  /** By their files' names; null for one whose text has faults. */
  readonly templates: ReadonlyMap<string, Policy | null>
  readonly names: NamedIds
  /** Configured issuers; empty if unknown, and then not checked. */
  readonly issuers: readonly string[]
}

/** The requests and every fault; they are complete only if there is no fault. */
export function readRequests(
  file: string,
  text: string,
  known: Known,
): { requests: Requests; faults: readonly Fault[] } {
  const { top, add, lineOf, faults } = readYamlMapping(
    file,
    text,
    'requests are a mapping with the keys "requests" and "repository"',
  )
  if (top === null) return { requests: NO_REQUESTS, faults }
  checkKeys(top, ['requests', 'repository'], add)
  const list: unknown = top.get('requests', true)
  if (!isSeq(list)) add(list ?? top, '"requests" is a list')
  const rules: RequestRule[] = []
  for (const item of isSeq(list) ? list.items : []) {
    if (!isMap(item)) {
      add(item, 'a request is a mapping with "template", "who", "in" and "way"')
      continue
    }
    const rule = { ...readRule(item, known, add), line: lineOf(item) }
    const earlier = rules.find((one) => sameAs(one, rule))
    if (earlier !== undefined)
      add(item, `"${rule.template}" is offered in this way to the same in line ${earlier.line}`)
    rules.push(rule)
  }
  const repository = readRepository(top.get('repository', true), add)
  return { requests: { rules, repository }, faults }
}

/** For whom, where and what: two such lines would contradict each other. */
function sameAs(one: RequestRule, other: RequestRule): boolean {
  const scope = ({ template, way, who, within }: RequestRule): string =>
    JSON.stringify([template, way, who, within])
  return scope(one) === scope(other)
}

function readRule(item: YAMLMap, known: Known, add: Add): Omit<RequestRule, 'line'> {
  const template = readTemplate(item, known, add)
  const wayText = textIn(item.get('way', true))
  const way = WAYS.find((one) => one === wayText) ?? null
  if (way === null)
    add(item.get('way', true) ?? item, '"way" is link, pull-request or grant', suggestion(wayText))
  checkWayKeys(item, way, add)
  const place: unknown = item.get('in', true)
  const within = place === undefined ? null : referenceAt(place, known.names, add)
  if (within !== null) checkResource(within, add)
  const { names, issuers } = known
  const who = readPrincipals(item, 'who', { names, issuers, types: ASKERS, does: 'ask' }, add)
  const asked = { names, issuers, types: APPROVERS, does: 'approve' }
  const approvers = readPrincipals(item, 'approvers', asked, add) ?? []
  return {
    template,
    who,
    within: within?.uid ?? null,
    way: way ?? 'link',
    lasts: way === 'link' ? null : readLasts(item, way === 'grant', add),
    reviewers: way === 'grant' ? readReviewers(item, approvers.length, add) : 0,
    approvers,
    stepUp: readSignIn(item, add),
    url: way === 'link' ? readUrl(item, add) : null,
    codeOwners: readText(item, 'codeOwners', add),
    note: readText(item, 'note', add),
  }
}

const suggestion = (word: string): string | undefined =>
  word === '' ? undefined : suggest(word, WAYS)

/** A key that another way has says which; one that none has is unknown. */
function checkWayKeys(item: YAMLMap, way: Way | null, add: Add): void {
  const all = [...KEYS, ...Object.values(OWN_KEYS).flat()]
  checkKeys(item, all, add)
  if (way === null) return
  for (const { key } of item.items) {
    const name = textIn(key)
    if (!all.includes(name) || KEYS.includes(name) || OWN_KEYS[way].includes(name)) continue
    const others = WAYS.filter((one) => OWN_KEYS[one].includes(name))
    add(key, `"${name}" is for ${others.join(' and ')}, not for ${way}`)
  }
}

function readTemplate(item: YAMLMap, { templates }: Known, add: Add): string {
  const node: unknown = item.get('template', true)
  const name = textIn(node)
  const policy = templates.get(name)
  if (name === '') add(node ?? item, 'a request needs "template"')
  else if (policy === undefined)
    add(node, `unknown template "${name}"`, suggest(name, templates.keys()))
  else if (policy !== null && (policy.effect === 'forbid' || policy.shadow))
    add(node, `template "${name}" permits nothing: nobody asks for it`)
  return name
}

/** Null if the key is absent. */
function readPrincipals(
  item: YAMLMap,
  key: string,
  {
    names,
    issuers,
    types,
    does,
  }: { names: NamedIds; issuers: readonly string[]; types: readonly string[]; does: string },
  add: Add,
): readonly Uid[] | null {
  const list: unknown = item.get(key, true)
  if (list === undefined) return null
  // an empty list is everybody to one reader and nobody to another
  if (!isSeq(list) || list.items.length === 0) {
    add(list, `"${key}" is a list of ${types.join(', ')}, with one entry at least`)
    return []
  }
  return list.items.flatMap((node) => {
    const placed = referenceAt(node, names, add)
    if (placed === null) return []
    if (!types.includes(placed.uid.type))
      add(node, `"${placed.uid.type}" cannot ${does}`, suggest(placed.uid.type, types))
    else checkPrincipal(placed, issuers, add)
    return [placed.uid]
  })
}

function readLasts(item: YAMLMap, isNeeded: boolean, add: Add): Lasts | null {
  const node: unknown = item.get('for', true)
  if (node === undefined) {
    if (isNeeded) add(item, 'a grant needs "for"', 'write for: { default: 8h, max: 7d }')
    return null
  }
  if (!isMap(node)) {
    add(node, '"for" is a mapping', 'write { default: 8h, max: 7d }')
    return null
  }
  checkKeys(node, ['default', 'max'], add)
  const most = lengthAt(node, 'max', add)
  const usual = node.has('default') ? lengthAt(node, 'default', add) : most
  if (most === null || usual === null) return null
  if (usual > most) add(node.get('default', true), '"default" is longer than "max"')
  return { usual, most }
}

function lengthAt(map: YAMLMap, key: string, add: Add): number | null {
  const node: unknown = map.get(key, true)
  const length = readLength(textIn(node))
  if (length !== null && length > 0 && length <= MAX_LENGTH_MS) return length
  add(node ?? map, `"${key}" is a time from 1m to 366d`, 'write 8h or 90d')
  return null
}

function readReviewers(item: YAMLMap, approvers: number, add: Add): number {
  const node: unknown = item.get('reviewers', true)
  const count = isScalar(node) ? node.value : approvers > 0 ? 1 : undefined
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 0 || count > MAX_REVIEWERS) {
    add(
      node ?? item,
      `"reviewers" is a number from 0 to ${MAX_REVIEWERS}`,
      'write 0 if a reason is enough, or name "approvers"',
    )
    return MAX_REVIEWERS
  }
  if (count > 0 && approvers === 0) add(node, '"approvers" is missing: nobody could approve')
  if (count === 0 && approvers > 0)
    add(node, '"approvers" have nothing to approve with "reviewers" 0')
  return count
}

/** As the value of `@stepup` has it. */
function readSignIn(item: YAMLMap, add: Add): SignInRequirement | null {
  const node: unknown = item.get('stepUp', true)
  if (node === undefined) return null
  const read = readStepUp(textIn(node))
  if (typeof read !== 'string') return read
  add(node, read.replace('"@stepup"', '"stepUp"'), 'write max-age=900 methods=mfa')
  return null
}

function readUrl(item: YAMLMap, add: Add): string | null {
  const node: unknown = item.get('url', true)
  const url = textIn(node)
  // a name before the host would be read as the host
  const isSound = URL_TEXT.test(url) && url.length <= MAX_TEXT && URL.canParse(url)
  if (isSound && new URL(url).username === '' && new URL(url).password === '') return url
  add(node ?? item, 'a link needs "url", which begins with https:// and names no user')
  return null
}

function readText(item: YAMLMap, key: string, add: Add): string | null {
  const node: unknown = item.get(key, true)
  if (node === undefined) return null
  const text = textIn(node).trim()
  if (text !== '' && text.length <= MAX_TEXT && !/\p{Cc}|\p{Cf}/u.test(text)) return text
  add(node, `"${key}" is one line of text, at most ${MAX_TEXT} characters`)
  return null
}

function readRepository(node: unknown, add: Add): Repository | null {
  if (node === undefined) return null
  if (!isMap(node)) {
    add(node, '"repository" is a mapping with "kind", "url", "branch" and "directory"')
    return null
  }
  checkKeys(node, ['kind', 'url', 'branch', 'directory'], add)
  const kindText = textIn(node.get('kind', true))
  const kind = REPOSITORY_KINDS.find((one) => one === kindText)
  if (kind === undefined)
    add(
      node.get('kind', true) ?? node,
      `"kind" is one of ${REPOSITORY_KINDS.join(', ')}`,
      suggest(kindText, REPOSITORY_KINDS),
    )
  const matching = (key: string, form: RegExp, words: string, instead = ''): string => {
    const value: unknown = node.get(key, true)
    const text = value === undefined ? instead : textIn(value).replace(/\/$/u, '')
    const isSound = form.test(text) && !text.includes('..')
    if (!isSound) add(value ?? node, `"${key}" is ${words}`)
    return text
  }
  return {
    kind: kind ?? 'other',
    url: matching('url', REPOSITORY_URL, 'the https:// address of the repository, without a query'),
    branch: matching('branch', BRANCH, 'the name of a branch', 'main'),
    directory: matching(
      'directory',
      DIRECTORY,
      'a path in the repository that ends with bindings.d',
      'policies/bindings.d',
    ),
  }
}
