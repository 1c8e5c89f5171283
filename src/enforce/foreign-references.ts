/**
 * References out of the workspace or registry of a call: each needs the caller's own permit to read what it names, as if
 * the caller had asked for it; for computes, to run jobs there. What cannot be resolved is refused.
 *
 * Without this, a caller who may write a job here could read with it what that caller may not read there: the identity
 * that the call goes out under often may.
 * @module
 */
import { LRUCache } from 'lru-cache'
import { canRefer } from '../azureml/elsewhere/carriers.ts'
import { isCollection } from '../azureml/body/items.ts'
import { bodyFacts } from '../azureml/body/facts.ts'
import { kindOfSegment } from '../azureml/body/reference.ts'
import { frontEndPath, REGISTRY_API_VERSION } from '../azureml/elsewhere/registry-place.ts'
import { outsideIn, outsideOf, type Mention, type Outside } from '../azureml/elsewhere/outside.ts'
import { classify } from '../azureml/classify.ts'
import type { Hosts } from '../azureml/hosts/hosts.ts'
import { parseTarget, type Target } from '../azureml/target.ts'
import { Refusal } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import type { AskAzure, Via } from '../forward/ask.ts'
import { parseJson, type JsonNode } from '../lib/json/document.ts'
import { after, type Pending } from '../lib/pending.ts'
import { fieldsOf } from '../lib/strict-json.ts'
import type { Awaiting, Decide, Facts, Permit } from '../policy/decide.ts'
import type { Operation } from '../vocabulary/operation.ts'
import type { Gathered } from './enforce.ts'
import type { OwnRule } from './own-rules.ts'
import { toldBy, toldByChange } from './told.ts'
import { withBodyRead, type UnreadBodyOptions } from './unread-body.ts'
import { isClassified, schemaOf, type Classified } from './what-must-be-known.ts'
import type { RegistryPlaces } from './lookups/registries.ts'

const API_VERSION = '2024-04-01'
/** In one body, each once. */
const MAX_REFERENCES = 200
/** For all questions of one body together. */
const TIMEOUT_MS = 20_000
/** A workspace keeps its GUID; one that is made anew under its name has another. */
const GUID_MS = 300_000
const MAX_GUIDS = 1_000

export interface ForeignReferencesOptions extends UnreadBodyOptions {
  readonly ask: AskAzure
  readonly hosts: Pick<Hosts, 'upstream'>
  readonly places: RegistryPlaces
  /** Facts that the policies in force ask for; null for all. */
  readonly askedFacts: () => ReadonlySet<string> | null
}

/** A call that the caller needs a permit for, and where it would be, in words. */
interface Needed {
  readonly operation: Operation
  readonly target: Target
  readonly where: string
  readonly what: 'read it' | 'run jobs' | 'write there' | 'choose resources around it'
  /** Whether it is judged with the facts of the body. */
  readonly withBody: boolean
}

/** Refuses calls that refer to what their caller has no permit for. */
export function foreignReferences(options: ForeignReferencesOptions): OwnRule {
  const check = createCheck(options)
  return {
    concerns: mayReferAnywhere,
    around(inner) {
      const reading = withBodyRead(inner, options, mayRefer)
      return {
        ...reading,

        lookUp(exchange, gathered, via, progress) {
          return after(reading.lookUp(exchange, gathered, via, progress), (learnt) =>
            after(check(exchange, learnt ?? gathered, via), () => learnt),
          )
        },
      }
    },
  }
}

const NO_BODY = parseJson(Buffer.from('{}'))
const NO_MENTIONS: readonly Mention[] = []

/** What the query refers to: the service that is called reads there, too. */
function inQuery({ target }: Classified, scope: string | null): readonly Mention[] {
  if (target === null || target.query === '') return NO_MENTIONS
  // a scope of ARM's own, such as a subscription's list, has no other place to compare with
  if (scope === null) return NO_MENTIONS
  const mentions: Mention[] = []
  for (const [name, value] of target.params)
    for (const outside of outsideOf(value, scope)) mentions.push({ outside, at: `?${name}` })
  return mentions
}

function bytesOf({ content, run, read }: Gathered): Buffer | null {
  return content?.bytes ?? run?.received ?? read ?? null
}

function mayRefer({ operation, target }: Classified): boolean {
  return target !== null && canRefer(operation, target)
}

/** Whether the body, the query or the path of a call may refer to something. */
function mayReferAnywhere(call: Classified): boolean {
  const { method, operation } = call
  // http/inbound.ts refuses those that have a body
  const hasNone = method === 'GET' || method === 'HEAD'
  return (
    (!hasNone && mayRefer(call)) ||
    isJoining(operation) ||
    inQuery(call, operation.scope).length > 0
  )
}

type Get = (operation: Operation, target: Target) => Promise<unknown>

/** Asks Azure on behalf of one call, within one span of time. */
function asking(options: ForeignReferencesOptions, { id }: Exchange, { grantFor }: Via): Get {
  let signal: AbortSignal | null = null
  return async (operation, { path, query }) => {
    const { origin, scope } = options.hosts.upstream(operation, null)
    const grant = await grantFor(scope)
    signal ??= AbortSignal.timeout(TIMEOUT_MS)
    return options.ask(grant, id, origin, query === '' ? path : `${path}?${query}`, signal)
  }
}

/** A call, and what it mentions outside of the workspace of its call. */
interface Mentioning {
  readonly gathered: Gathered
  readonly via: Via
  readonly root: JsonNode
  readonly mentions: readonly Mention[]
}

/** @throws {Refusal} `policy_refused` for a reference that the caller has no permit for, or that cannot be resolved */
function createCheck(
  options: ForeignReferencesOptions,
): (exchange: Exchange, gathered: Gathered, via: Via) => Pending<unknown> {
  const guids = new LRUCache<string, string>({ max: MAX_GUIDS, ttl: GUID_MS })

  async function guidOf(scope: string, who: string, get: Get): Promise<string | null> {
    const known = guids.get(`${who} ${scope}`)
    if (known !== undefined) return known
    const { operation, target } = question('GET', scope)
    const document = await get(operation, target)
    const guid = fieldsOf(fieldsOf(document).get('properties')).get('workspaceId')
    if (typeof guid !== 'string') return null
    guids.set(`${who} ${scope}`, guid.toLowerCase())
    return guid.toLowerCase()
  }

  return (exchange, gathered, via) => {
    if (!isClassified(exchange)) return null
    const { scope, resource } = via.permit.operation
    const asked = inQuery(exchange, scope)
    const bytes = mayRefer(exchange) ? bytesOf(gathered) : null
    if (mayRefer(exchange) && bytes === null && gathered.unread === true)
      throw new Refusal('internal_error', 'a body that had to be read was not')
    const isEmpty = bytes === null || bytes.byteLength === 0
    const joined = joining(exchange)
    if (isEmpty && asked.length === 0 && joined === null) return null
    const root = isEmpty ? NO_BODY : (gathered.content?.root ?? parseJson(bytes))
    const mentions = asked.concat(outsideIn(root, scope, resource.type))
    if (mentions.length > MAX_REFERENCES)
      throw refused('/', `the call refers to more than ${MAX_REFERENCES} things elsewhere`)
    if (joined !== null) {
      const { decide } = options
      const facts = factsOfBody(options, exchange, gathered, root)
      mustBePermitted(decide, via.permit, joined, facts, 'the end of the path')
    }
    if (mentions.length === 0) return null
    return mustBePermittedAll(exchange, { gathered, via, root, mentions })
  }

  async function mustBePermittedAll(
    exchange: Classified,
    { gathered, via, root, mentions }: Mentioning,
  ): Promise<void> {
    const { permit } = via
    const { scope } = permit.operation
    const who = `${permit.effects.identity} ${permit.principal.id}`
    const get = asking(options, exchange, via)
    for (const { outside, at } of mentions) {
      const isGuid = outside.in === 'location' && scope !== null
      if (isGuid && (await guidOf(scope, who, get)) === outside.guid) continue
      const place = outside.in === 'registry' ? await options.places(outside.name, who, get) : null
      for (const needed of neededFor({ outside, at }, place?.id ?? null, permit.operation)) {
        const { operation, target } = needed
        const facts = needed.withBody
          ? factsOfBody(options, exchange, gathered, root)
          : options.callFacts({ ...exchange, operation, target })
        mustBePermitted(options.decide, permit, needed, facts, at)
      }
    }
  }
}

function mustBePermitted(
  decide: Decide,
  { principal }: Permit | Awaiting,
  { operation, what, where }: Needed,
  facts: Facts,
  at: string,
): void {
  const verdict = decide(principal, operation, facts, 'all')
  if (verdict.permit !== null) return
  const { refusal, decision } = verdict
  // another reason, such as a sign-in that has to be renewed, is said as it is
  if (refusal.code !== 'policy_refused' && refusal.code !== 'secrets_refused') throw refusal
  throw refused(at, `policy does not permit you to ${what} in ${where}: ${decision.reason}`, {
    policies: decision.policies,
    inner: `${operation.action} on ${operation.resource.id}`,
    ...(refusal.detail.remedy === undefined ? {} : { remedy: refusal.detail.remedy }),
  })
}

/** The facts of the body, also where no policy asked for them before the call was permitted. */
function factsOfBody(
  { askedFacts }: ForeignReferencesOptions,
  exchange: Classified,
  { content, facts }: Gathered,
  root: JsonNode,
): Facts {
  if (content !== null) return facts
  const { scope, resource, effect } = exchange.operation
  const isAction = exchange.method === 'POST' && !isCollection(resource)
  const whole = effect === 'write' && exchange.method !== 'PATCH' && !isAction
  const context = { scope, type: resource.type, whole, api: schemaOf(exchange) }
  const found = bodyFacts(root, context, askedFacts())
  return { ...facts, ...(whole ? toldBy(found) : toldByChange(found, root)) }
}

/**
 * The calls that a reference stands for.
 * @param registry ARM id of the registry that Azure has under the name
 * @throws {Refusal} if that cannot be told
 */
function neededFor(
  { outside, at }: Mention,
  registry: string | null,
  call: Operation,
): readonly Needed[] {
  try {
    if (outside.in === 'workspace') return inWorkspace(outside.id, outside.rest)
    if (outside.in === 'registry') return inRegistry(outside, at, registry, call)
    if (outside.in === 'azure') return aroundWorkspace(outside.id, at, call)
    throw outside.in === 'nowhere'
      ? refused(at, outside.why)
      : refused(at, 'a workspace is not found by its GUID', {
          remedy: 'name the workspace by its ARM id',
        })
  } catch (error) {
    if (error instanceof Refusal && error.code === 'policy_refused') throw error
    throw refused(at, 'what it refers to cannot be told', {
      cause: error,
      remedy: 'name an asset, a datastore, a compute or a job by its id',
    })
  }
}

function isJoining({ action }: Operation): boolean {
  return action.endsWith('/workspaces/hubs/join/action')
}

/** The workspace that a hub takes in, which is beside it; null for any other call. */
function joining({ operation, target }: Classified): Needed | null {
  const { resource } = operation
  if (!isJoining(operation)) return null
  const name = target?.segments.at(-1) ?? ''
  if (!/^[A-Za-z0-9][\w-]{1,254}$/u.test(name))
    throw refused('the end of the path', 'that is no name of a workspace')
  const beside = resource.id.slice(0, resource.id.lastIndexOf('/'))
  return {
    ...question('PUT', `${beside}/${name}`),
    where: `workspace "${name}"`,
    what: 'write there',
    withBody: true,
  }
}

function inWorkspace(id: string, rest: readonly string[]): readonly Needed[] {
  const where = `workspace "${id.split('/').at(-1) ?? ''}"`
  const [type = '', name] = rest
  const word = type.toLowerCase()
  const read = (path: string): Needed => ({
    ...question('GET', path),
    where,
    what: 'read it',
    withBody: false,
  })
  const kind = kindOfSegment(word)
  if (kind !== null) return [read(assetPath(id, kind, rest))]
  if (word === '' || word === 'quotas') return [read(id)]
  if (name === undefined) throw new TypeError('a collection')
  if (word === 'datastores' || word === 'jobs') return [read(`${id}/${word}/${name}`)]
  if (word !== 'computes') return [read([id, ...rest].join('/'))]
  const job = question('PUT', `${id}/jobs/any`)
  // whichever it will be
  const operation = { ...job.operation, resource: { ...job.operation.resource, id: `${id}/jobs` } }
  return [
    read(`${id}/computes/${name}`),
    { ...job, operation, where, what: 'run jobs', withBody: true },
  ]
}

function inRegistry(
  { name, id, rest }: Extract<Outside, { in: 'registry' }>,
  at: string,
  found: string | null,
  call: Operation,
): readonly Needed[] {
  const shown = `registry "${name.slice(0, 64)}"`
  if (found === null) throw refused(at, `there is no ${shown}`)
  if (id !== null && id !== found) throw refused(at, `${shown} is not where the reference says`)
  if (found === call.scope) return []
  const read = (path: string, version?: string): Needed => ({
    ...question('GET', path, version),
    where: shown,
    what: 'read it',
    withBody: false,
  })
  const [type = ''] = rest
  const kind = kindOfSegment(type)
  if (kind !== null) return [read(assetPath(frontEndPath(found), kind, rest), REGISTRY_API_VERSION)]
  if (type !== '') return [read([found, ...rest].join('/'))]
  if (!call.action.endsWith('/publish/action')) return [read(found)]
  // what is published is written there
  const asset = question(
    'PUT',
    `${frontEndPath(found)}/models/any/versions/1`,
    REGISTRY_API_VERSION,
  )
  return [read(found), { ...asset, where: shown, what: 'write there', withBody: false }]
}

/**
 * Policy has no words for what is not Azure ML's. Which identities, networks, vaults and accounts belong to a workspace is
 * decided by whoever may write the workspace.
 */
function aroundWorkspace(id: string, at: string, { scope }: Operation): readonly Needed[] {
  const shown = JSON.stringify(id.split('/').slice(-1)[0]?.slice(0, 64) ?? '')
  if (scope === null) throw refused(at, `${shown} is not a part of azure machine learning`)
  const kind = scope.includes('/registries/') ? 'registry' : 'workspace'
  const where = `${kind} "${scope.split('/').at(-1) ?? ''}", which ${shown} is not a part of`
  return [{ ...question('PUT', scope), where, what: 'choose resources around it', withBody: true }]
}

/** An asset's version; its versions where the reference has a label or none, as labels are looked up. */
function assetPath(base: string, kind: string, [, name, word, value]: readonly string[]): string {
  if (name === undefined) throw new TypeError('a collection')
  const versions = `${base}/${kind}/${name}/versions`
  return word?.toLowerCase() === 'versions' && value !== undefined
    ? `${versions}/${value}`
    : versions
}

function question(
  method: string,
  path: string,
  version = API_VERSION,
): { readonly operation: Operation; readonly target: Target } {
  const target = parseTarget(method, `${path}?api-version=${version}`)
  return { operation: classify(target), target }
}

function refused(at: string, why: string, detail: Refusal['detail'] = {}): Refusal {
  return new Refusal('policy_refused', `the reference at ${at} is refused: ${why}`, {
    remedy: 'use what is in the workspace of the call, or ask for a binding where it is',
    ...detail,
  })
}
