/**
 * What a document refers to outside of the workspace or registry of its call, wherever in it and however it is written.
 *
 * Every key and every string is looked at, whatever its name: only text that Azure shows and never reads is left out.
 * What looks like a reference and cannot be read as one is told, too, so that it can be refused.
 * @module
 */
import type { JsonNode } from '../../lib/json/document.ts'
import { showPointer } from '../../lib/json/pointer.ts'
import { PROVIDER } from '../../vocabulary/resource-types.ts'
import { isNamedByCaller, isNotFollowed, NO_NAME, nameOf } from '../body/names.ts'
import { withinOwn } from '../body/reference.ts'
import { Chain } from '../body/walk.ts'

/** Where a reference leads. Ids are in lower case; what follows them is as written. */
export type Outside =
  | { readonly in: 'workspace'; readonly id: string; readonly rest: readonly string[] }
  /** `id` is null where only its name is given. */
  | {
      readonly in: 'registry'
      readonly name: string
      readonly id: string | null
      readonly rest: readonly string[]
    }
  /** A workspace by its GUID, which may be the call's own. */
  | { readonly in: 'location'; readonly guid: string }
  /** What is not Azure ML's: an identity, a network, a vault, a storage account. */
  | { readonly in: 'azure'; readonly id: string }
  | { readonly in: 'nowhere'; readonly why: string }

/** One reference to something outside. */
export interface Mention {
  readonly outside: Outside
  /** Its place in the document, for people to read. */
  readonly at: string
}

/** Longer than any path or id of Azure's. */
const MAX_CHARACTERS = 8_192
const TWO_WAYS = 'its path can be read in two ways'
/** In one text. */
const MAX_PIECES = 100
/** What no reference has in it ends one within a longer text. */
const PIECE = /azureml:[^\s"'`,;[\]{}<>|]+|(?<![\w.-])subscriptions\/+[^\s"'`,;[\]{}<>|]+/gi
/** A path without any of it has no segment that is odd or climbs. */
const SUSPECT = /[\\%]|\/\/|^\/|(?:^|\/)\.{1,2}(?:\/|$)/
/** Characters of `azureml:`, without which a text has no reference, or with `subscriptions/`. */
const SHORTEST = 8
const MAY_HAVE = /azureml[:%]|subscriptions[/\\%]/i
/** What another program may take for a slash or a colon. */
const LIKE_SLASH = /\\|%(?:25)*(?:2f|5c)/gi
const LIKE_COLON = /%(?:25)*3a/gi
const ML = PROVIDER.toLowerCase()
/** First words of `azureml://` URIs that lead to the workspace of the call. */
const OWN = new Set([
  'datastores', 'jobs', 'models', 'data', 'datasets', 'datareferences', 'environments', 'components', 'codes', 'computes',
  'artifacts', 'experiments', 'runs', 'featuresets', 'featurestoreentities', 'indexes', 'prompts', 'endpoints',
]) // prettier-ignore
/** Text for people. */
const SHOWN = new Set(['description', 'displayname', 'tags', 'systemdata'])
/** Text for a program: Azure finds data in it, and nothing else. */
const PROGRAM = new Set(['command', 'args', 'arguments', 'environmentvariables'])

type Text = 'any' | 'program' | 'shown'

/**
 * Every reference to something outside, each once.
 * @param own lower-cased id of the workspace or registry of the call
 * @param type Cedar type of what the document describes
 */
export function outsideIn(root: JsonNode, own: string | null, type: string): readonly Mention[] {
  const found = new Map<string, Mention>()
  const path: (string | number)[] = []

  function note(outside: Outside): void {
    const key = JSON.stringify(outside)
    if (!found.has(key)) found.set(key, { outside, at: showPointer(path) })
  }

  function look(text: string, as: Text): void {
    if (as === 'shown') return
    for (const outside of outsideOf(text, own, as === 'program')) note(outside)
  }

  function visit(node: JsonNode, chain: Chain, as: Text): void {
    if (node.kind === 'string') {
      look(node.value, as)
      const registry =
        chain.name.plain === 'registryname' ? inRegistry(node.value.trim(), [], own) : null
      if (registry !== null) note(registry)
    } else if (node.kind === 'array') {
      let at = 0
      for (const item of node.items) {
        path.push(at)
        visit(item, chain, as)
        path.pop()
        at += 1
      }
    } else if (node.kind === 'object') {
      const free = isNamedByCaller(chain, type)
      const asKey = chain.name.plain === 'tags' && isNotFollowed(chain) ? 'shown' : 'any'
      for (const { key, value } of node.members) {
        path.push(key)
        const name = free ? NO_NAME : nameOf(key)
        // a name that is known is no reference
        if (!name.isRead) look(key, asKey)
        const next = new Chain(chain, name)
        visit(value, next, textAt(next, chain, value))
        path.pop()
      }
    }
  }

  visit(root, new Chain(null, NO_NAME), 'any')
  return [...found.values()]
}

/** What the strings at a member are for; an object where Azure has text is not what its name says. */
function textAt(chain: Chain, outer: Chain, value: JsonNode): Text {
  const name = chain.name.plain
  if (value.kind === 'string') {
    const within = outer.name.plain
    const inMap = within === 'tags' || within === 'systemdata'
    if (inMap && isNotFollowed(outer)) return 'shown'
    if (within === 'environmentvariables') return 'program'
    if (SHOWN.has(name) && isNotFollowed(chain)) return 'shown'
    return PROGRAM.has(name) ? 'program' : 'any'
  }
  return value.kind === 'array' && PROGRAM.has(name) ? 'program' : 'any'
}

/** The references to something outside in one text. */
export function outsideOf(text: string, own: string | null, program = false): readonly Outside[] {
  if (text.length < SHORTEST || !MAY_HAVE.test(text)) return NONE
  if (text.length <= MAX_CHARACTERS && isPlain(text, own)) return NONE
  const all = outsideAsWritten(text, own, program)
  if (program || !/[\\%]/.test(text)) return all
  // whoever decodes it, or takes a backslash for a slash, finds more
  const decoded = text.replace(LIKE_SLASH, '/').replace(LIKE_COLON, ':')
  const known = new Set(all.map(placeOf))
  const more = outsideAsWritten(decoded, own, program).some((one) => !known.has(placeOf(one)))
  return more ? [...all, nowhere(TWO_WAYS)] : all
}

const NONE: readonly Outside[] = []
/** An asset by its name and version, which is one of the call's own workspace. */
const SHORT = /^azureml:(?!azureml:)[\w.-]+[:@][\w.-]+$/i
/** Segments of which none is odd or climbs. */
const PLAIN = /^(?:[\w-][\w.-]*(?:\/|$))+$/

/** Whether the whole of a text refers to something in the call's own workspace in a plain form, as most references do. */
function isPlain(text: string, own: string | null): boolean {
  if (SHORT.test(text)) return true
  const inside = withinOwn(text, own)
  return inside !== null && PLAIN.test(inside) && !/providers/i.test(inside)
}

function placeOf(outside: Outside): string {
  return JSON.stringify({ ...outside, rest: null })
}

function outsideAsWritten(text: string, own: string | null, program: boolean): readonly Outside[] {
  const all: Outside[] = []
  let pieces = 0
  for (const [piece] of text.matchAll(PIECE)) {
    if (program && !/^azureml:/i.test(piece)) continue
    pieces += 1
    if (pieces > MAX_PIECES) return [...all, nowhere('a text has too many references')]
    const outside = read(piece, own)
    if (outside !== null) all.push(outside)
  }
  return all
}

/** Null for what is the call's own, or no reference. */
function read(piece: string, own: string | null): Outside | null {
  if (piece.length > MAX_CHARACTERS) return nowhere('it is too long')
  const isUri = /^(?:azureml:)+\/\//i.test(piece)
  const bare = piece.replace(/^(?:azureml:\/*)+/i, '').split(/[?#]/, 1)[0] ?? ''
  const segments = withoutEnd(bare.split('/'))
  const [first = '', second = '', ...rest] = segments
  const word = first.toLowerCase()
  if (OWN.has(word)) return segments.some(isClimbing) ? nowhere(TWO_WAYS) : null
  const at = bare.search(/(?<![\w.-])subscriptions\//i)
  if (at !== -1) return fromArm(bare.slice(at), own, /^azureml:/i.test(piece))
  if (word === 'registries') {
    if (segments.some(isOdd) || second === '') return nowhere(TWO_WAYS)
    return inRegistry(second, rest, own)
  }
  if (word === 'locations') {
    const [guidWord, guid] = rest
    if (guidWord?.toLowerCase() !== 'workspaces' || guid === undefined)
      return nowhere('it names no workspace')
    return { in: 'location', guid: guid.toLowerCase() }
  }
  return isUri ? nowhere('what it begins with is not known') : null
}

/** @param scheme it came with `azureml:`, and so cannot be a path of anything else */
function fromArm(text: string, own: string | null, scheme: boolean): Outside | null {
  const segments = withoutEnd(text.split('/'))
  const [, subscription = '', , group = '', ...after] = segments
  const word = segments.filter((segment) => segment !== '')[2]?.toLowerCase()
  if (word !== 'resourcegroups' && word !== 'providers')
    // the subscription alone, or a path of something else
    return scheme ? nowhere('it names no resource group') : null
  const head = segments.slice(0, 8)
  const tail = segments.slice(8)
  const folder = tail.findIndex((segment) => segment.toLowerCase() === 'paths')
  const named = folder === -1 ? tail : tail.slice(0, folder)
  if (SUSPECT.test(text) && ([...head, ...named].some(isOdd) || tail.some(isClimbing)))
    return nowhere(TWO_WAYS)
  if (word === 'providers') return { in: 'azure', id: `/${segments.join('/')}`.toLowerCase() }
  const short = /^(?:workspaces|registries)$/i.test(after[0] ?? '')
  const [, namespace = '', type = '', name = '', ...rest] = short
    ? ['providers', PROVIDER, ...after]
    : after
  const kind = type.toLowerCase()
  const isMl = namespace.toLowerCase() === ML && (kind === 'workspaces' || kind === 'registries')
  if (!isMl || name === '') return { in: 'azure', id: `/${segments.join('/')}`.toLowerCase() }
  const id =
    `/subscriptions/${subscription}/resourcegroups/${group}/providers/${ML}/${kind}/${name}`.toLowerCase()
  if (id === own) return isExtended(named) ? nowhere(TWO_WAYS) : null
  return kind === 'workspaces'
    ? { in: 'workspace', id, rest }
    : { in: 'registry', name: name.toLowerCase(), id, rest }
}

/** Names of registries are one space for all of Azure. */
function inRegistry(written: string, rest: readonly string[], own: string | null): Outside | null {
  const name = written.toLowerCase()
  return own?.endsWith(`/registries/${name}`) === true
    ? null
    : { in: 'registry', name, id: null, rest }
}

function withoutEnd(segments: readonly string[]): readonly string[] {
  return segments.at(-1) === '' ? segments.slice(0, -1) : segments
}

/** Two parsers could read it differently. */
function isOdd(segment: string): boolean {
  return segment === '' || /[\\%]/.test(segment) || isClimbing(segment)
}

function isClimbing(segment: string): boolean {
  return /^(?:\.|%2e){1,2}$/i.test(segment) || segment.includes('\\')
}

/** A second resource behind the first, as ARM writes extensions of a resource: no document of Azure ML refers to one. */
function isExtended(segments: readonly string[]): boolean {
  return segments.some(
    (segment, at) =>
      segment.toLowerCase() === 'providers' && /^microsoft\./i.test(segments[at + 1] ?? ''),
  )
}

function nowhere(why: string): Outside {
  return { in: 'nowhere', why }
}
