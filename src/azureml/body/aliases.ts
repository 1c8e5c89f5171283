/**
 * The other names of a thing: a job of ARM is a run of run history and of MLflow, and a model of the data plane is
 * ARM's model.
 *
 * Whoever may not read a thing under one of its names is not shown it under another.
 * @module
 */
import { PROVIDER } from '../../vocabulary/resource-types.ts'
import { isRunId } from '../dataplane/kinds.ts'
import { memoOf } from '../../lib/memo.ts'
import type { Operation, Resource } from '../../vocabulary/operation.ts'

/** One read operation for each name of a thing; first the name that was asked for. */
export type AliasReads = readonly [Operation, ...Operation[]]

type Chain = Resource['ancestors']

/** Types of the data plane whose answers have facts for policies: not snapshots, discovery or registry assets. */
const DESCRIBED: ReadonlySet<string> = new Set([
  'Run',
  'Trace',
  'Artifact',
  'Experiment',
  'Model',
  'LoggedModel',
  'Data',
  'DataVersion',
  'Dataset',
  'Datastore',
  'EnvironmentVersion',
  'Index',
  'Prompt',
])

/** What is part of a run. */
const OF_RUNS: ReadonlySet<string> = new Set(['Run', 'Trace', 'Artifact'])

/** Whether Azure's answer about this resource has facts that a policy can ask for. */
export function isDescribed({ resource }: Operation): boolean {
  return DESCRIBED.has(resource.type)
}

/** Id of the run that an operation reads or changes, itself or its artifacts; null if it names none. */
export function runOf({ resource, scope }: Operation): string | null {
  const run = [resource, ...resource.ancestors].find(({ type }) => type === 'Run')
  // run history keeps a run's artifacts in a container of this name
  const id =
    run === undefined
      ? after(`${scope}/artifacts/dcid.`, resource.type === 'Artifact' ? resource.id : '')
      : after(`${scope}/runs/`, run.id)
  return id !== null && isRunId(id) ? id : null
}

function after(prefix: string, id: string): string | null {
  return id.startsWith(prefix) ? id.slice(prefix.length) : null
}

/**
 * Reads of a run, as a run and as a job.
 * @param like an operation in the same workspace
 * @param id null for all runs of the workspace
 * @param experiments the experiments that the run is known to be in
 */
export function runReads(like: Operation, id: string | null, experiments: Chain = []): AliasReads {
  const run = named(like, 'Run', 'runs', id)
  return [
    reading(like, 'experiments/runs/read', {
      ...run,
      ancestors: [...experiments, ...run.ancestors],
    }),
    reading(like, 'jobs/read', named(like, 'Job', 'jobs', id)),
  ]
}

/**
 * Reads of a trace: itself, and the job whose run has made it, which may be any.
 * @param id null for all traces of the workspace
 * @param run null if no run is known that has made it
 */
export function traceReads(
  like: Operation,
  id: string | null,
  run: string | null = null,
  experiments: Chain = [],
): AliasReads {
  const [own, ...others] = runReads(like, run !== null && isRunId(run) ? run : null)
  const trace = named(like, 'Trace', 'traces', id)
  const resource = { ...trace, ancestors: [...experiments, ...trace.ancestors] }
  return [{ ...own, resource }, ...others]
}

/** Reads of a logged model: itself, and the model and version that it may be registered as. */
export function loggedModelReads(
  like: Operation,
  id: string | null,
  experiments: Chain = [],
): AliasReads {
  const model = named(like, 'LoggedModel', 'loggedmodels', id)
  const resource = { ...model, ancestors: [...experiments, ...model.ancestors] }
  return [reading(like, 'models/read', resource), ...modelReads(like, null, null)]
}

/** Reads of a data set of MLflow's. */
export function datasetReads(like: Operation, id: string | null): AliasReads {
  const resource = named(like, 'Dataset', 'evaluationdatasets', id)
  return [reading(like, 'datasets/registered/read', resource)]
}

/** Reads of an experiment, by name and by id; a null name stands for all of the workspace. */
export function experimentReads(
  like: Operation,
  name: string | null,
  id: string | null,
): AliasReads {
  const byName = reading(like, 'experiments/read', named(like, 'Experiment', 'experiments', name))
  if (id === null) return [byName]
  return [byName, { ...byName, resource: named(like, 'Experiment', 'experimentids', id) }]
}

/** Reads of a model or of one version; a null name stands for all models, a null version for all versions. */
export function modelReads(
  like: Operation,
  name: string | null,
  version: string | null,
): AliasReads {
  const model = named(like, 'Model', 'models', name)
  const container = reading(like, 'models/read', model)
  if (name !== null && version === null) return [container]
  const resource = {
    type: 'ModelVersion',
    id: version === null ? model.id : `${model.id}/versions/${version}`,
    ancestors: name === null ? model.ancestors : [model, ...model.ancestors],
  }
  return [container, reading(like, 'models/versions/read', resource)]
}

/** Reads of what a data-plane call is about, under each name; of all such things if it names none or lists them. */
export const aliasReads = memoOf((operation: Operation): readonly Operation[] => {
  const { resource, tells } = operation
  const { type } = resource
  if (type === 'Experiment') return experimentReads(operation, null, null)
  if (type === 'Model') return modelReads(operation, null, null)
  if (type === 'Trace') return traceReads(operation, null).slice(1)
  if (type === 'LoggedModel') return modelReads(operation, null, null)
  if (type !== 'Run' && type !== 'Artifact') return []
  return runReads(operation, tells?.list === true ? null : runOf(operation))
})

/**
 * The reads that a read of ARM's is as well: a job is a run, a job of a batch endpoint is a job, and a schedule holds one.
 * Empty for anything else.
 */
export const jobReads = memoOf((operation: Operation): readonly Operation[] => {
  const { type, id } = operation.resource
  if (type === 'Job') return runReads(operation, jobOf(operation)).slice(0, 1)
  // which job a schedule starts is known when it starts it
  if (type === 'Schedule') return runReads(operation, null)
  if (type !== 'BatchJob') return []
  const name = /\/jobs\/([^/]+)$/.exec(id)?.[1] ?? ''
  return runReads(operation, isRunId(name) ? name : null)
})

/** What each change of a job is to the run that the job is. */
const RUN_CHANGES: ReadonlyMap<string, string> = new Map([
  [`${PROVIDER}/workspaces/jobs/write`, 'write'],
  [`${PROVIDER}/workspaces/jobs/delete`, 'delete'],
  [`${PROVIDER}/workspaces/jobs/cancel/action`, 'write'],
])

/**
 * The same change under the other names of what is changed: a job is a run, and a model of the data plane stands for its
 * versions.
 */
export const changesAs = memoOf((operation: Operation): readonly Operation[] => {
  const { resource, family } = operation
  if (resource.type === 'Model' && family !== 'arm') return [changeOfVersions(operation, resource)]
  if (resource.type === 'LoggedModel') {
    const model = named(operation, 'Model', 'models', null)
    return [{ ...operation, resource: model }, changeOfVersions(operation, model)]
  }
  const verb = RUN_CHANGES.get(operation.action)
  const job = jobOf(operation)
  if (verb === undefined || job === null) return []
  const [run] = runReads(operation, job)
  return [
    {
      ...run,
      action: `${PROVIDER}/workspaces/experiments/runs/${verb}`,
      effect: verb === 'delete' ? 'delete' : 'write',
    },
  ]
})

function changeOfVersions(operation: Operation, model: Resource): Operation {
  return {
    ...operation,
    action: operation.action.replace(/\/models\/(write|delete)$/, '/models/versions/$1'),
    resource: {
      type: 'ModelVersion',
      id: `${model.id}/versions`,
      ancestors: [link(model), ...model.ancestors],
    },
  }
}

/**
 * The same change as one of the job that a run is; nothing for what changes neither a run nor what one has made.
 * @param operation of the data plane; if it names no run, the job is any of the workspace
 */
export const jobChanges = memoOf((operation: Operation): readonly Operation[] => {
  const { resource, effect } = operation
  if (effect === 'read' || !OF_RUNS.has(resource.type)) return []
  const [, job] = runReads(operation, runOf(operation))
  if (job === undefined) return []
  const verb = effect === 'delete' && resource.type !== 'Artifact' ? 'delete' : 'write'
  return [{ ...job, action: `${PROVIDER}/workspaces/jobs/${verb}`, effect: verb }]
})

/**
 * The write of the job that a schedule or a call of a batch endpoint starts, which has no name yet; null for what starts
 * none.
 */
export function startedJob(operation: Operation): Operation | null {
  const { resource, effect } = operation
  const starts = resource.type === 'Schedule' || resource.type === 'BatchJob'
  if (!starts || effect === 'read' || effect === 'delete') return null
  const job = reading(operation, 'jobs/write', named(operation, 'Job', 'jobs', null))
  return { ...job, effect: 'write', inspectable: true }
}

/** Name of the job that an operation is about, which is also the id of its run; null for anything else. */
export function jobOf({ resource, scope }: Operation): string | null {
  const name = resource.type === 'Job' ? after(`${scope}/jobs/`, resource.id) : null
  return name !== null && isRunId(name) ? name : null
}

function named(like: Operation, type: string, collection: string, name: string | null): Resource {
  const above = [like.resource, ...like.resource.ancestors]
  const ancestors = above.slice(above.findIndex(({ id }) => id === like.scope))
  const base = `${like.scope}/${collection}`
  return { type, id: name === null ? base : `${base}/${name}`, ancestors: ancestors.map(link) }
}

function link({ type, id }: Chain[number]): Chain[number] {
  return { type, id }
}

function reading(like: Operation, action: string, resource: Resource): Operation {
  const { family, scope } = like
  return {
    action: `${PROVIDER}/workspaces/${action}`,
    effect: 'read',
    resource,
    family,
    secrets: false,
    longRunning: false,
    scope,
    inspectable: false,
  }
}
