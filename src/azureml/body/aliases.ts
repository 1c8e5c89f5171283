/**
 * Reading one thing under each of its names: a job is a run, of run history and of MLflow, and a model of the data plane
 * is ARM's.
 *
 * Who is forbidden to read it under one name is not shown it under another.
 * @module
 */
import { PROVIDER } from '../../vocabulary/resource-types.ts'
import { isRunId } from '../dataplane/kinds.ts'
import type { Operation, Resource } from '../../vocabulary/operation.ts'

/** Reading a thing: first by the name that it was asked for, then by its others. */
export type Readings = readonly [Operation, ...Operation[]]

type Chain = Resource['ancestors']

/** What of the data plane says something of itself. Snapshots, discovery and the assets of registries do not. */
const DESCRIBED: ReadonlySet<string> = new Set([
  'Run',
  'Artifact',
  'Experiment',
  'Model',
  'Data',
  'DataVersion',
  'Dataset',
  'Datastore',
  'EnvironmentVersion',
  'Index',
  'Prompt',
])

/** Whether policy can tell apart what the operation is about by what Azure says of it. */
export function isDescribed({ resource }: Operation): boolean {
  return DESCRIBED.has(resource.type)
}

/** The run that an operation is about, or whose artifacts it is about; null if it names none. */
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
 * Reading runs, as runs and as jobs.
 * @param like an operation in the same workspace
 * @param id null for all of the workspace
 * @param experiments that the run is known to be in
 */
export function runReadings(like: Operation, id: string | null, experiments: Chain = []): Readings {
  const run = named(like, 'Run', 'runs', id)
  return [
    reading(like, 'experiments/runs/read', {
      ...run,
      ancestors: [...experiments, ...run.ancestors],
    }),
    reading(like, 'jobs/read', named(like, 'Job', 'jobs', id)),
  ]
}

/** Reading experiments, which go by a name and by an id; null for all of the workspace. */
export function experimentReadings(
  like: Operation,
  name: string | null,
  id: string | null,
): Readings {
  const byName = reading(like, 'experiments/read', named(like, 'Experiment', 'experiments', name))
  if (id === null) return [byName]
  return [byName, { ...byName, resource: named(like, 'Experiment', 'experimentids', id) }]
}

/** Reading models, or versions of one; null for all of the workspace. */
export function modelReadings(
  like: Operation,
  name: string | null,
  version: string | null,
): Readings {
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

/** Every way to read what a call of the data plane is about; all of its kind if it names none or lists them. */
export function readingsOf(operation: Operation): readonly Operation[] {
  const { resource, tells } = operation
  const { type } = resource
  if (type === 'Experiment') return experimentReadings(operation, null, null)
  if (type === 'Model') return modelReadings(operation, null, null)
  if (type !== 'Run' && type !== 'Artifact') return []
  return runReadings(operation, tells?.list === true ? null : runOf(operation))
}

/** A job of ARM's, or all of them, as the runs that they are; nothing for anything else. */
export function jobAsRun(operation: Operation): readonly Operation[] {
  return operation.resource.type === 'Job'
    ? runReadings(operation, jobOf(operation)).slice(0, 1)
    : []
}

/** The name of the job that an operation is about, which is also its run's; null for anything else. */
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
