/**
 * The data plane's families by the first segment of their paths, and where the routes of each begin.
 * @module
 */
import type { Family as HostFamily } from '../../vocabulary/operation.ts'
import { artifact, content, data, dataset, datastore, environment, genericAsset } from './assets.ts'
import { createFamily, type Family } from './family.ts'
import { mlflow, mlflowServer } from './mlflow.ts'
import { modelManagement, modelRegistry } from './models.ts'
import { execution, historyPrivate, hyperdrive, history, metric, pipelines } from './runs.ts'

/** A family's routes at one place, and the segments around the ARM id of the workspace there. */
export interface Mount {
  readonly family: Family
  readonly host: HostFamily
  /** Segments between the family's name and the ARM id, after the version. */
  readonly before: readonly string[]
  /** Whether a version such as `v1.0` follows the family's name. */
  readonly versioned: boolean
  /** Segments between the ARM id and the routes; one that is a version stands for any. */
  readonly after: readonly string[]
}

/** Routes about the workspace itself: a hub workspace takes another one in. */
const workspace = createFamily(
  'rp',
  `
  PUT    join/{_}                              hubs/join/action    Workspace
`,
)

function mount(family: Family, rest: Partial<Omit<Mount, 'family'>> = {}): Mount {
  return { family, host: 'dataplane', before: [], versioned: true, after: [], ...rest }
}

const MOUNTS: ReadonlyMap<string, readonly Mount[]> = new Map([
  ['history', [mount(history), mount(historyPrivate, { before: ['private'] })]],
  ['metric', [mount(metric)]],
  ['execution', [mount(execution)]],
  ['hyperdrive', [mount(hyperdrive)]],
  ['pipelines', [mount(pipelines)]],
  ['data', [mount(data)]],
  ['dataset', [mount(dataset)]],
  ['datastore', [mount(datastore)]],
  ['environment', [mount(environment)]],
  ['artifact', [mount(artifact)]],
  ['content', [mount(content)]],
  ['genericasset', [mount(genericAsset, { versioned: false })]],
  ['modelregistry', [mount(modelRegistry)]],
  ['modelmanagement', [mount(modelManagement)]],
  // `preview` is where azureml-mlflow has its own routes; MLflow itself leaves out a slash before those of data sets
  [
    'mlflow',
    [
      mount(mlflow, { host: 'mlflow', after: ['api', 'v2.0', 'mlflow'] }),
      mount(mlflow, { host: 'mlflow', after: ['api', 'v2.0', 'preview', 'mlflow'] }),
      mount(mlflow, { host: 'mlflow', after: ['api', '2.0mlflow'] }),
      mount(mlflowServer, { host: 'mlflow' }),
    ],
  ],
  ['rp', [mount(workspace, { before: ['workspaces'], versioned: false })]],
])

/** The mounts under a first segment in lower case; empty if it is no family. */
export function mountsOf(name: string): readonly Mount[] {
  return MOUNTS.get(name) ?? []
}

/** All families, to list what is served. */
export const FAMILIES: readonly Family[] = [...MOUNTS.values()].flat().map(({ family }) => family)
export const FAMILY_NAMES: readonly string[] = [...MOUNTS.keys()]
