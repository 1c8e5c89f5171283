/**
 * `@stamp` on versions of models: who registered each, whichever API it was registered by.
 *
 * Versions are made by Resource Manager's API, MLflow's and the first SDK's, which have tags in three forms. The stamp is
 * that of the registration: a change of the version keeps it, and a version that has none gets none, since nobody knows
 * who registered it.
 * @module
 */
import { exactly, objectAt } from '../azureml/body/places.ts'
import { classify } from '../azureml/classify.ts'
import { parseTarget } from '../azureml/target.ts'
import { Refusal } from '../errors.ts'
import type { Change, Exchange } from '../exchange.ts'
import type { AskAzure, Via } from '../forward/ask.ts'
import { memberOf, parseJson, type JsonNode } from '../lib/json/document.ts'
import { after } from '../lib/pending.ts'
import { parameterDigest, sha256 } from './effects/digest.ts'
import { applyEdits, type Edit } from './effects/edit.ts'
import { isOurs, stampOf, TAGS } from './effects/stamp.ts'
import type { Finished } from './content.ts'
import type { Enforcement } from './enforce.ts'
import type { OwnRule } from './own-rules.ts'
import { askPresent } from './present-document.ts'
import { isClassified, schemaOf, type Classified } from './what-must-be-known.ts'

/** How a call makes or changes a version. */
type Form = 'arm' | 'mlflow' | 'v1' | 'v1 patch'

/** Stamps that a version has already; none of them for one that was registered without. */
export type FirstStamp = ReadonlyMap<string, string>

const NAMES: ReadonlySet<string> = new Set(Object.values(TAGS))
const TIMEOUT_MS = 20_000

/** Null for a call that writes no version of a model. */
function formOf(exchange: Exchange): Form | null {
  if (!isClassified(exchange)) return null
  const { method, operation, target } = exchange
  const { resource, family } = operation
  if (schemaOf(exchange) === 'arm')
    return resource.type === 'ModelVersion' && method === 'PUT' ? 'arm' : null
  const segments = target?.segments.map((segment) => segment.toLowerCase()) ?? []
  const last = segments.at(-1) ?? ''
  if (family === 'mlflow') {
    const makes =
      last === 'logged-models' || (last === 'create' && segments.at(-2) === 'model-versions')
    return makes && method === 'POST' ? 'mlflow' : null
  }
  if (resource.type !== 'Model' || !/^model(?:registry|management)$/u.test(segments[0] ?? ''))
    return null
  if (method === 'POST' && last === 'models') return 'v1'
  return method === 'PATCH' && segments.at(-2) === 'models' ? 'v1 patch' : null
}

/** An object or a list of tags, or the place for one. */
interface Tags {
  readonly holder: Extract<JsonNode, { kind: 'object' }>
  readonly name: string
  /** Null if the holder has none. */
  readonly node: JsonNode | null
  readonly at: string
}

/**
 * The tags that a call sets for a version; null if it leaves those that there are.
 * @throws {Refusal} `policy_refused` for a patch that removes all tags, or moves them
 */
function tagsIn(form: Form, root: JsonNode): Tags | null {
  if (form === 'v1 patch') return tagsOfPatch(root)
  const holder = form === 'arm' ? soleMember(root, 'properties') : root
  if (holder?.kind !== 'object') return null
  const name = form === 'v1' ? 'kvTags' : 'tags'
  const at = form === 'arm' ? '/properties/tags' : `/${name}`
  const node = soleMember(holder, name)
  // MLflow knows this one spelling and ignores others, which nobody could tell from tags
  if (form === 'mlflow' && node !== memberOf(holder, name))
    throw new Refusal('bad_body', 'the body has a name that is like "tags" and is none')
  return { holder, name, node, at }
}

/** JSON Patch (RFC 6902): tags are set one by one, or all in one. */
function tagsOfPatch(root: JsonNode): Tags | null {
  const found: Tags[] = []
  for (const holder of root.kind === 'array' ? root.items : []) {
    if (holder.kind !== 'object') continue
    const textAt = (name: string): string | null => {
      const node = soleMember(holder, name)
      return node?.kind === 'string' ? node.value : null
    }
    if (!isOfAll(textAt('path')) && !isOfAll(textAt('from'))) continue
    const node = soleMember(holder, 'value')
    const isSet = /^(?:add|replace)$/iu.test(textAt('op') ?? '') && node?.kind === 'object'
    if (!isSet || /^\/?$/u.test(textAt('path') ?? ''))
      throw new Refusal('policy_refused', 'the body removes or moves all tags of a model', {
        remedy: 'change tags by their names: some of them tell from whom the model is',
      })
    found.push({ holder, name: 'value', node, at: '/kvTags' })
  }
  if (found.length > 1)
    throw new Refusal('bad_body', 'the body sets all tags of a model more than once')
  return found[0] ?? null
}

/** Whether a JSON pointer is to all tags, or to the whole document. */
function isOfAll(path: string | null): boolean {
  return path !== null && /^\/?(?:kvtags|tags)?\/?$/iu.test(path)
}

/** The member of that name in any case of letters. @throws {Refusal} `bad_body` if there are two */
function soleMember(node: JsonNode, name: string): JsonNode | null {
  const wanted = name.toLowerCase()
  const found =
    node.kind === 'object' ? node.members.filter(({ key }) => key.toLowerCase() === wanted) : []
  if (found.length > 1) throw new Refusal('bad_body', `the body has "${name}" in two spellings`)
  return found[0]?.value ?? null
}

/** Tags of the gateway's that are replaced in a body, whatever it says of them: under `@stamp` they may stand there. */
export function replacedIn(exchange: Exchange, root: JsonNode): JsonNode | null {
  const form = formOf(exchange)
  return form === null ? null : (tagsIn(form, root)?.node ?? null)
}

/** Whether a tag's name is one that a stamp has. */
export function isStamp(name: string): boolean {
  return NAMES.has(name.toLowerCase())
}

/** The same of a tag as MLflow has it. */
export function isStampPair(item: JsonNode): boolean {
  const key = memberOf(item, 'key')
  return key?.kind === 'string' && isStamp(key.value)
}

/** Stamps the versions of models. */
export function modelStamps({ ask }: { readonly ask: AskAzure }): OwnRule {
  return {
    concerns: (call) => formOf(call) !== null,
    around: (inner) => withStamps(inner, ask),
  }
}

function withStamps(inner: Enforcement, ask: AskAzure): Enforcement {
  return {
    ...inner,

    lookUp(exchange, gathered, via, progress) {
      return after(inner.lookUp(exchange, gathered, via, progress), (learnt) => {
        const form = formOf(exchange)
        const changes = form === 'arm' || form === 'v1 patch'
        if (!via.permit.effects.stamp || !changes || !isClassified(exchange)) return learnt
        return firstStampOf(ask, exchange, form, via).then((firstStamp) =>
          firstStamp === null ? learnt : { ...(learnt ?? gathered), firstStamp },
        )
      })
    },

    finish(exchange, permit, gathered, progress) {
      const finished = inner.finish(exchange, permit, gathered, progress)
      const form = formOf(exchange)
      if (!permit.effects.stamp || form === null || finished.body === null) return finished
      const bytes = finished.body
      return stampIn(finished, bytes, form, (root) => {
        if (gathered.firstStamp !== undefined) return gathered.firstStamp
        const { principal, decision } = permit
        const made = { principal: principal.id, decision: exchange.id, policy: decision.version }
        return stampOf(made, parameterDigest({ root, bytes }, isOurs))
      })
    },
  }
}

/** Null if there is no such version yet. */
async function firstStampOf(
  ask: AskAzure,
  exchange: Classified,
  form: 'arm' | 'v1 patch',
  via: Via,
): Promise<FirstStamp | null> {
  const document =
    form === 'arm' ? await askPresent(ask, exchange, via) : await askModel(ask, exchange, via)
  if (document === null) return null
  const holder = objectAt(document, form === 'arm' ? ['properties'] : [])
  const tags = exactly(holder, form === 'arm' ? 'tags' : 'kvTags')
  const found = new Map<string, string>()
  for (const { key, value } of tags?.kind === 'object' ? tags.members : [])
    if (isStamp(key) && value.kind === 'string') found.set(key.toLowerCase(), value.value)
  return found
}

async function askModel(
  ask: AskAzure,
  { id, target }: Classified,
  { grantFor, route }: Via,
): Promise<JsonNode | null> {
  const asked = parseTarget('GET', target?.path ?? '')
  const { origin, scope } = await route(classify(asked), asked)
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const answer = await ask(await grantFor(scope), id, origin, asked.path, signal)
  return answer === null ? null : parseJson(Buffer.from(JSON.stringify(answer)))
}

function stampIn(
  finished: Finished,
  body: Buffer,
  form: Form,
  stampsOf: (root: JsonNode) => ReadonlyMap<string, string>,
): Finished {
  const root = parseJson(body)
  const tags = tagsIn(form, root)
  if (tags === null) return finished
  const stamps = stampsOf(root)
  const edit = editOf(body, tags, stamps, form === 'mlflow')
  if (edit === null) return finished
  const bytes = applyEdits(body, [edit])
  const change: Change = { effect: 'stamp', at: tags.at, to: stamps.get(TAGS.digest) ?? '' }
  const { changes } = finished
  return {
    body: bytes,
    changes: {
      before: changes?.before ?? sha256(body),
      after: sha256(bytes),
      list: [...(changes?.list ?? []), change],
    },
  }
}

/** Puts the stamps in the place of all that stand there; null if neither are any. */
function editOf(
  body: Buffer,
  { holder, name, node }: Tags,
  stamps: ReadonlyMap<string, string>,
  asPairs: boolean,
): Edit | null {
  const [open, close] = asPairs ? '[]' : '{}'
  const own = [...stamps].map(([key, value]) =>
    asPairs ? JSON.stringify({ key, value }) : `${JSON.stringify(key)}:${JSON.stringify(value)}`,
  )
  if (node === null || node.kind === 'null') {
    if (own.length === 0) return null
    const text = `${open}${own.join(',')}${close}`
    if (node !== null) return { start: node.start, end: node.end, text }
    const last = holder.members.at(-1)
    const start = last === undefined ? holder.start + 1 : last.value.end
    return { start, end: start, text: `${last === undefined ? '' : ','}"${name}":${text}` }
  }
  const others = othersIn(body, node, asPairs)
  return {
    start: node.start,
    end: node.end,
    text: `${open}${[...others, ...own].join(',')}${close}`,
  }
}

/** Tags that are no stamps, as they are written. */
function othersIn(body: Buffer, node: JsonNode, asPairs: boolean): readonly string[] {
  const textOf = (start: number, end: number): string => body.subarray(start, end).toString('utf8')
  if (asPairs && node.kind === 'array')
    return node.items
      .filter((item) => !isStampPair(item))
      .map(({ start, end }) => textOf(start, end))
  if (!asPairs && node.kind === 'object')
    return node.members
      .filter(({ key }) => !isStamp(key))
      .map(({ keyStart, value }) => textOf(keyStart, value.end))
  throw new Refusal('bad_body', `the body has tags that are no ${asPairs ? 'list' : 'object'}`)
}
