/**
 * The kinds of things that routes of the data plane name, and the resource that each is under its workspace.
 *
 * An id is the same as ARM's where ARM has the same thing, so that one policy covers both.
 * @module
 */
import type { Resource } from '../../vocabulary/operation.ts'

interface Kind {
  /** Cedar entity type. */
  readonly cedar: string
  /** Collection under the workspace, or under the kind it belongs to. */
  readonly segment: string
  /** The kind whose id it hangs under, if the route names one. */
  readonly under?: string
  /** Names are not case-sensitive. */
  readonly anyCase?: true
}

// prettier-ignore
const KINDS = {
  Experiment: { cedar: 'Experiment', segment: 'experiments' },
  ExperimentId: { cedar: 'Experiment', segment: 'experimentids' },
  Run: { cedar: 'Run', segment: 'runs' },
  Trace: { cedar: 'Trace', segment: 'traces' },
  Artifact: { cedar: 'Artifact', segment: 'artifacts', under: 'Run' },
  Snapshot: { cedar: 'Snapshot', segment: 'snapshots' },
  Data: { cedar: 'Data', segment: 'data' },
  DataVersion: { cedar: 'DataVersion', segment: 'versions', under: 'Data' },
  Dataset: { cedar: 'Dataset', segment: 'datasets' },
  /** Of MLflow, not registered by the first SDK: ids of the two are told apart. */
  EvaluationDataset: { cedar: 'Dataset', segment: 'evaluationdatasets' },
  Datastore: { cedar: 'Datastore', segment: 'datastores', anyCase: true },
  Model: { cedar: 'Model', segment: 'models' },
  /** What MLflow keeps of a run under an id that it makes itself: no model of the registry, though one may be named so. */
  LoggedModel: { cedar: 'LoggedModel', segment: 'loggedmodels' },
  WebService: { cedar: 'WebService', segment: 'services', anyCase: true },
  Environment: { cedar: 'Environment', segment: 'environments' },
  EnvironmentVersion: { cedar: 'EnvironmentVersion', segment: 'versions', under: 'Environment' },
  Index: { cedar: 'Index', segment: 'indexes' },
  Prompt: { cedar: 'Prompt', segment: 'prompts' },
  Workspace: { cedar: 'Workspace', segment: '' },
  /** In a registry whose subscription the path does not name: no binding on a workspace covers it. */
  RegistryAsset: { cedar: 'RegistryAsset', segment: 'registries', anyCase: true },
} as const satisfies Record<string, Kind>

export type KindName = keyof typeof KINDS

export function isKind(name: string): name is KindName {
  return Object.hasOwn(KINDS, name)
}

/** Whether run history, MLflow and jobs take this as the id of a run: no part of it may be taken for more of a path. */
export function isRunId(id: string): boolean {
  return /^[\w-][\w.-]{0,254}$/.test(id)
}

/** Whether a text can name one thing: nothing in it may be taken for another part of a path or query. */
export function isName(text: string): boolean {
  return /^[^/\\?#%\p{Cc}]{1,255}$/u.test(text) && text !== '.' && text !== '..'
}

/** Cedar entity types of all kinds. */
export const DATA_PLANE_TYPES: readonly string[] = Object.values(KINDS).map(({ cedar }) => cedar)

/** The Cedar entity type of a kind. */
export function cedarOf(kind: KindName): string {
  return KINDS[kind].cedar
}

/**
 * The resource that a route is about.
 *
 * @param names what the route named, outermost first
 * @param workspace the chain of the workspace, nearest first
 */
export function toResource(
  kind: KindName,
  names: readonly (readonly [KindName, string])[],
  workspace: Resource['ancestors'],
): Resource {
  const [root, ...above] = workspace
  if (kind === 'Workspace' && root !== undefined) return { ...root, ancestors: above }
  const base = kind === 'RegistryAsset' ? '' : (root?.id ?? '')
  let chain: Resource['ancestors'] = kind === 'RegistryAsset' ? [] : workspace
  let parent: { name: KindName; id: string } | null = null
  for (const [name, value] of names) {
    const { cedar, segment, under, anyCase }: Kind = KINDS[name]
    const start: string = parent !== null && under === parent.name ? parent.id : base
    const id = `${start}/${segment}/${anyCase === true ? value.toLowerCase() : value}`
    if (name === kind) return { type: cedar, id, ancestors: chain }
    chain = [{ type: cedar, id }, ...chain]
    parent = { name, id }
  }
  const { cedar, segment, under }: Kind = KINDS[kind]
  const start: string = parent !== null && under === parent.name ? parent.id : base
  // `dataversion/...` without a data asset's name is about the versions of all of them
  const collection =
    under !== undefined && start === base ? `${under.toLowerCase()}-${segment}` : segment
  return { type: cedar, id: `${start}/${under === 'Run' ? segment : collection}`, ancestors: chain }
}
