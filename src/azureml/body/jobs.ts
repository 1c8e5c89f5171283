/**
 * What a resource would run on, as whom and for how long, and whether it would be open to the internet or to keys.
 *
 * A step that says nothing has what its pipeline says, and what nothing says has Azure's default, which is open.
 * @module
 */
import type { Collector } from './collect.ts'
import type { JsonNode, JsonObject } from '../../lib/json/document.ts'
import { plainName } from './names.ts'
import type { DocumentContext, Occurrence } from './walk.ts'

/** One thing that runs: a job, or a step of a pipeline. */
export interface Leaf {
  /** As written; null for none, which is serverless compute. */
  readonly compute: string | null
  /** `managed`, `user_identity` or `aml_token`. */
  readonly identity: string
  /** Null for none. */
  readonly timeLimitSeconds: number | null
}

type Inherited = Pick<Leaf, 'compute' | 'identity'>

const IDENTITIES: ReadonlyMap<string, string> = new Map([
  ['managed', 'managed'],
  ['managedidentity', 'managed'],
  ['useridentity', 'user_identity'],
  ['amltoken', 'aml_token'],
])
const CONTROL = new Set(['ifelse', 'dowhile', 'parallelfor'])
const COMPUTE_NAMES = ['computeid', 'compute', 'target', 'computetarget']
/** ISO 8601 durations without months and years, which have no length. */
const DURATION =
  /^P(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})(?:\.\d+)?S)?)?$/i

/** Types that are open to the internet unless they say otherwise. */
const REACHABLE = new Set(['Workspace', 'Registry', 'OnlineEndpoint', 'ComputeTarget'])
/** Types that take keys unless they say otherwise. */
const WITH_KEYS = new Set(['OnlineEndpoint', 'ComputeTarget'])

/** Everything that runs in the jobs of a document: pipelines are replaced by their steps. */
export function leavesOf(occurrences: readonly Occurrence[]): readonly Leaf[] {
  return occurrences.flatMap(({ node, chain }) => {
    if (node.kind !== 'object') return []
    const isJob = child(node, 'jobtype') !== null || chain.at(-1) === 'jobdefinition'
    // the steps of a pipeline are reached from the pipeline
    const isStep = chain.length >= 2 && chain.at(-2) === 'jobs'
    return isJob && !isStep ? leavesIn(node, { compute: null, identity: 'aml_token' }) : []
  })
}

function leavesIn(job: JsonObject, above: Inherited): readonly Leaf[] {
  const settings = child(job, 'settings')
  const own: Inherited = {
    compute:
      firstText(job, COMPUTE_NAMES) ??
      firstText(settings, ['defaultcompute', 'defaultcomputeid']) ??
      above.compute,
    identity: identityOf(child(job, 'identity')) ?? above.identity,
  }
  const steps = child(job, 'jobs')
  if (steps?.kind === 'object') {
    return steps.members.flatMap(({ value }) =>
      value.kind === 'object' ? leavesIn(value, own) : [],
    )
  }
  if (CONTROL.has(plainName(text(child(job, 'type')) ?? ''))) return []
  return [{ ...own, timeLimitSeconds: limitOf(job) }]
}

function identityOf(identity: JsonNode | null): string | null {
  const written = firstText(identity, ['identitytype', 'type'])
  return written === null ? null : jobIdentity(written)
}

/** One word for each kind of identity; an unknown one is kept, in lower case. */
export function jobIdentity(written: string): string {
  return IDENTITIES.get(plainName(written)) ?? written.toLowerCase()
}

function limitOf(job: JsonObject): number | null {
  const limits = [child(job, 'limits'), child(child(job, 'taskdetails'), 'limitsettings')]
  for (const limit of limits) {
    const timeout = child(limit, 'timeout')
    if (timeout?.kind === 'string') return seconds(timeout.value)
    // steps of a pipeline count in seconds
    if (timeout?.kind === 'number') return positive(Number(timeout.text))
  }
  return null
}

/** Seconds of an ISO 8601 duration or of a plain number; null for what is neither, which limits nothing. */
export function seconds(duration: string): number | null {
  if (/^\d{1,9}$/.test(duration)) return positive(Number(duration))
  const parts = DURATION.exec(duration)
  if (parts === null) return null
  const [weeks, days, hours, minutes, rest] = parts.slice(1).map((part) => Number(part ?? 0))
  const total = (((weeks ?? 0) * 7 + (days ?? 0)) * 24 + (hours ?? 0)) * 3600 + (minutes ?? 0) * 60
  return positive(total + (rest ?? 0))
}

function positive(value: number): number | null {
  return Number.isFinite(value) && value > 0 ? Math.ceil(value) : null
}

/** Adds `publicNetworkAccess` and `localAuth`. */
export function exposure(
  occurrences: readonly Occurrence[],
  { type, whole }: DocumentContext,
  collector: Collector,
): void {
  let reachable: boolean | null = null
  let keys: boolean | null = null
  for (const { node, chain, inert } of occurrences) {
    if (inert) continue
    const name = chain.at(-1) ?? ''
    const open = reachableBy(name, node)
    if (open !== null) reachable = (reachable ?? false) || open
    const local = keysBy(name, node)
    if (local !== null) keys = (keys ?? false) || local
  }
  if (whole && REACHABLE.has(type)) reachable ??= true
  if (whole && WITH_KEYS.has(type)) keys ??= true
  if (reachable !== null) collector.any('publicNetworkAccess', reachable)
  if (keys !== null) collector.any('localAuth', keys)
}

function reachableBy(name: string, node: JsonNode): boolean | null {
  const value = text(node)
  if (name === 'publicnetworkaccess') return value === null ? null : !/^disabled$/i.test(value)
  if (name === 'enablenodepublicip') return flag(node)
  return name === 'allowpublicaccesswhenbehindvnet' ? flag(node) : null
}

function keysBy(name: string, node: JsonNode): boolean | null {
  const value = text(node)
  if (name === 'authmode') return value === null ? null : !/^aadtoken$/i.test(value)
  if (name !== 'disablelocalauth') return null
  const disabled = flag(node)
  return disabled === null ? null : !disabled
}

/** ARM reads `"true"` as true. */
function flag(node: JsonNode): boolean | null {
  const word = node.kind === 'boolean' ? node.text : (text(node)?.toLowerCase() ?? '')
  return word === 'true' ? true : word === 'false' ? false : null
}

/** The member with that plain name. */
export function child(node: JsonNode | null, name: string): JsonNode | null {
  if (node?.kind !== 'object') return null
  return node.members.find(({ key }) => plainName(key) === name)?.value ?? null
}

/** The text of a string; null for anything else, an empty one too. */
export function text(node: JsonNode | null): string | null {
  return node?.kind === 'string' && node.value.trim() !== '' ? node.value.trim() : null
}

function firstText(node: JsonNode | null, names: readonly string[]): string | null {
  for (const name of names) {
    const found = text(child(node, name))
    if (found !== null) return found
  }
  return null
}
