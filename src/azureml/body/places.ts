/**
 * Where the documents of each type have what identifies them: tags, the experiment, the jobs that they describe.
 *
 * What an allow-list checks (computes, sizes, images, references) is collected from wherever Azure could read it, since
 * finding too much refuses too much. What a policy asks for before it permits is taken from its published place alone:
 * found anywhere else, a caller could write it where Azure ignores it. Azure compares names there without regard to
 * case, but `t_ags` is not `tags` to it.
 *
 * Source: the provider's ARM specification (api-version 2026-07-01): what has a `location` is a tracked resource with its
 * tags at the top, all else has them in its properties. Data-plane bodies have them at the top.
 * @module
 */
import type { JsonNode, JsonObject } from '../../lib/json/document.ts'

type Path = readonly string[]

const TOP: Path = []
const PROPERTIES: Path = ['properties']
const JOB_OF_SCHEDULE: Path = ['properties', 'action', 'jobDefinition']
const CALL_OF_SCHEDULE: Path = ['properties', 'action', 'endpointInvocationDefinition']

/** Types with their tags at the top. */
const TRACKED: ReadonlySet<string> = new Set([
  'Workspace',
  'Registry',
  'ComputeTarget',
  'OnlineEndpoint',
  'OnlineDeployment',
  'BatchEndpoint',
  'BatchDeployment',
  'ServerlessEndpoint',
  'PrivateEndpointConnection',
])
/** Types with their tags in their properties. */
const IN_PROPERTIES: ReadonlySet<string> = new Set([
  'Job',
  'BatchJob',
  'Schedule',
  'Model',
  'ModelVersion',
  'Data',
  'DataVersion',
  'Dataset',
  'DatasetVersion',
  'Environment',
  'EnvironmentVersion',
  'Component',
  'ComponentVersion',
  'Code',
  'CodeVersion',
  'FeatureSet',
  'FeatureSetVersion',
  'FeatureStoreEntity',
  'FeatureStoreEntityVersion',
  'Datastore',
  'CapabilityHost',
])
/** Jobs that a document of the type describes; the tags of a schedule's job are those of each job that it starts. */
const JOBS: ReadonlyMap<string, readonly Path[]> = new Map([
  ['Job', [PROPERTIES]],
  ['BatchJob', [PROPERTIES]],
  ['Schedule', [JOB_OF_SCHEDULE, CALL_OF_SCHEDULE]],
])
/** Where jobs name their experiment; azure-ai-ml writes that of a batch job among the job's own properties. */
const EXPERIMENTS: ReadonlyMap<string, readonly Path[]> = new Map([
  ['Job', [PROPERTIES]],
  ['BatchJob', [PROPERTIES, ['properties', 'properties']]],
  ['Schedule', [JOB_OF_SCHEDULE]],
])
/** ARM's, of jobs and of everything else. */
export const ARM_TAGS: readonly string[] = ['tags']
/** The first SDK's API has tags under two names. */
const DATA_PLANE_TAGS = ['tags', 'kvtags']

/** Whose schema a document follows; the management front end answers with ARM's. */
export type Api = 'arm' | 'data plane'

/** An object that has tags, and the names under which it has them. */
interface Holder {
  readonly path: Path
  readonly names: readonly string[]
}

const AT_TOP: Holder = { path: TOP, names: ARM_TAGS }
const OF_PROPERTIES: Holder = { path: PROPERTIES, names: ARM_TAGS }
const OF_DATA_PLANE: Holder = { path: TOP, names: DATA_PLANE_TAGS }

/** Where a document of the type has its own tags; null for a type that has none. */
export function tagHolder(type: string, api: Api): Holder | null {
  if (api === 'data plane') return OF_DATA_PLANE
  if (TRACKED.has(type)) return AT_TOP
  return IN_PROPERTIES.has(type) ? OF_PROPERTIES : null
}

/** Where a document of the type describes jobs. */
export function jobPlaces(type: string): readonly Path[] {
  return JOBS.get(type) ?? []
}

/** Objects with an `experimentName` that Azure reads. */
export function experimentPlaces(type: string): readonly Path[] {
  return EXPERIMENTS.get(type) ?? []
}

/** The object at a path, whatever the case of its names; null if there is none. */
export function objectAt(root: JsonNode, path: Path): JsonObject | null {
  let node: JsonNode | null = root
  for (const name of path) node = exactly(node, name)
  return node?.kind === 'object' ? node : null
}

/** The member of that name, in any case of letters but in no other spelling. */
export function exactly(node: JsonNode | null, name: string): JsonNode | null {
  if (node?.kind !== 'object') return null
  const wanted = name.toLowerCase()
  for (const { key, value } of node.members)
    // the names that are asked for are ASCII, of which no other spelling has another length
    if (key.length === wanted.length && key.toLowerCase() === wanted) return value
  return null
}
