/**
 * Metrics of the models in a change beside those of the version that serves now, for people who compare them.
 *
 * They help a reviewer and decide nothing: what cannot be read is said in words, and never keeps a call from its review.
 * @module
 */
import type { Metrics } from '../../approvals/documents.ts'
import { isRunId } from '../../azureml/dataplane/kinds.ts'
import { Refusal } from '../../errors.ts'
import { fieldsOf } from '../../lib/strict-json.ts'

const MAX_METRICS = 100
const MAX_NAME = 200

/** The job that made a version of a model; null if nobody knows. */
export interface Compared {
  readonly model: string
  readonly job: string | null
}

type Side = ReadonlyMap<string, number | null>

/**
 * @param runOf the answer of MLflow's about a run; null if there is none
 * @param serves the version that serves now; null if nothing does, or a text that says why nobody knows
 */
export async function compareMetrics(
  model: Compared,
  serves: Compared | string | null,
  runOf: (run: string) => Promise<unknown>,
): Promise<Metrics> {
  const notes: string[] = []
  const read = async (one: Compared, which: string): Promise<Side> => {
    const found = await metricsOf(one, runOf)
    if (typeof found !== 'string') return found
    notes.push(`${which}: ${found}`)
    return new Map()
  }
  const next = await read(model, 'this version')
  if (serves === null) notes.push('nothing serves now')
  if (typeof serves === 'string') notes.push(`what serves now: ${serves}`)
  const now =
    serves === null || typeof serves === 'string'
      ? new Map<string, number | null>()
      : await read(serves, 'the version that serves now')
  const names = [...new Set([...next.keys(), ...now.keys()])].toSorted()
  if (names.length > MAX_METRICS) notes.push(`${names.length - MAX_METRICS} more metrics`)
  return {
    model: model.model,
    serves: serves === null || typeof serves === 'string' ? null : serves.model,
    values: names
      .slice(0, MAX_METRICS)
      .map((name) => ({ name, now: now.get(name) ?? null, next: next.get(name) ?? null })),
    notes,
  }
}

/** By name; a text that says why there are none. */
async function metricsOf(
  { job }: Compared,
  runOf: (run: string) => Promise<unknown>,
): Promise<Side | string> {
  if (job === null) return 'no job is known that made it'
  if (!isRunId(job)) return 'its job has a name that no run has'
  let answer: unknown
  try {
    answer = await runOf(job)
  } catch (error) {
    if (error instanceof Refusal) return `the metrics of its job cannot be read (${error.code})`
    throw error
  }
  const run = fieldsOf(fieldsOf(answer).get('run'))
  const metrics = fieldsOf(run.get('data')).get('metrics')
  if (answer === null) return 'there is no run of its job'
  const found = new Map<string, number | null>()
  for (const one of Array.isArray(metrics) ? metrics : []) {
    const { key, value } = Object.fromEntries(fieldsOf(one))
    if (typeof key === 'string' && key !== '')
      found.set(
        key.slice(0, MAX_NAME).toWellFormed(),
        typeof value === 'number' && Number.isFinite(value) ? value : null,
      )
  }
  return found.size === 0 ? 'its job has no metrics' : found
}
