/**
 * What a resource would run on, as whom and for how long.
 *
 * A step that says nothing has what its pipeline says, and what nothing says has Azure's default. What takes the place
 * of a default is read from its published place alone: a limit where Azure knows none limits nothing.
 * @module
 */
import type { JsonNode, JsonObject } from '../../lib/json/document.ts'
import { plainName } from './names.ts'
import { text } from './nodes.ts'
import { exactly, jobPlaces, objectAt } from './places.ts'
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
const IDENTITY_TYPES = ['identitytype', 'identity_type', 'type']
const JOB_TYPE = 'jobtype'
const CONTROL = new Set(['ifelse', 'dowhile', 'parallelfor'])
const COMPUTES = ['computeid', 'compute']
const DEFAULT_COMPUTES = [
  'default_compute',
  'defaultcompute',
  'default_compute_id',
  'defaultcomputeid',
]
/** Where a job of each type has its time limit, as a job and as a step; jobs of other types have none. */
const LIMITS: ReadonlyMap<string, readonly string[]> = new Map([
  ['command', ['limits']],
  ['sweep', ['limits']],
  ['automl', ['taskdetails', 'limitsettings']],
])
/** ISO 8601 durations without months and years, which have no length. */
const DURATION =
  /^P(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})(?:\.\d+)?S)?)?$/i

/** Everything that runs in the jobs of a document: pipelines are replaced by their steps. */
export function leavesOf(
  root: JsonNode,
  occurrences: readonly Occurrence[],
  { type }: DocumentContext,
): readonly Leaf[] {
  // the job of a batch endpoint runs on the compute of its deployment, which has its own document
  const places = type === 'BatchJob' ? [] : jobPlaces(type)
  const jobs = new Set<JsonObject>()
  for (const place of places) {
    const job = objectAt(root, place)
    if (job !== null) jobs.add(job)
  }
  // one at a place that nobody published still counts: what it runs on can only refuse more;
  // the steps of a pipeline are reached from the pipeline
  for (const occurrence of occurrences) {
    const { node, step, chain } = occurrence
    const parent = typeof step === 'string' && isJobType(step) ? occurrence.parent : null
    if (parent !== null && chain.at(-3) !== 'jobs') jobs.add(parent)
    const isOfSchedule = node.kind === 'object' && chain.at(-1) === 'jobdefinition'
    if (isOfSchedule && chain.at(-2) !== 'jobs') jobs.add(node)
  }
  const leaves: Leaf[] = []
  for (const job of jobs) leavesIn(job, TOP, 'jobtype', leaves)
  return leaves
}

/** Asked of every name in a document: most are told by how long they are and how they begin. */
function isJobType(key: string): boolean {
  if (key.length < JOB_TYPE.length) return false
  const first = key.charCodeAt(0)
  return (first === 0x6a || first === 0x4a || first === 0x5f) && plainName(key) === JOB_TYPE
}

const TOP: Inherited = { compute: null, identity: 'aml_token' }

/** Adds what runs in a job or step, steps before what they are steps of. */
function leavesIn(
  job: JsonObject,
  above: Inherited,
  typeName: 'jobtype' | 'type',
  leaves: Leaf[],
): void {
  const compute =
    firstText(job, COMPUTES) ??
    firstText(exactly(job, 'settings'), DEFAULT_COMPUTES) ??
    above.compute
  const identity = identityOf(exactly(job, 'identity')) ?? above.identity
  const type = plainName(text(exactly(job, typeName)) ?? '')
  const steps = exactly(job, 'jobs')
  if (steps?.kind === 'object') {
    const own = { compute, identity }
    for (const { value } of steps.members)
      if (value.kind === 'object') leavesIn(value, own, 'type', leaves)
    // what has steps without being a pipeline runs itself: Azure ignores its steps
    if (type === 'pipeline') return
  }
  if (typeName === 'type' && CONTROL.has(type)) return
  leaves.push({ compute, identity, timeLimitSeconds: limitOf(job, type) })
}

function identityOf(identity: JsonNode | null): string | null {
  const written = firstText(identity, IDENTITY_TYPES)
  return written === null ? null : jobIdentity(written)
}

/** One word for each kind of identity; an unknown one is kept, in lower case. */
export function jobIdentity(written: string): string {
  return IDENTITIES.get(plainName(written)) ?? written.toLowerCase()
}

function limitOf(job: JsonObject, type: string): number | null {
  const path = LIMITS.get(type)
  if (path === undefined) return null
  const timeout = exactly(objectAt(job, path), 'timeout')
  if (timeout?.kind === 'string') return seconds(timeout.value)
  // steps of a pipeline count in seconds
  return timeout?.kind === 'number' ? positive(Number(timeout.text)) : null
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

function firstText(node: JsonNode | null, names: readonly string[]): string | null {
  if (node === null) return null
  for (const name of names) {
    const found = text(exactly(node, name))
    if (found !== null) return found
  }
  return null
}
