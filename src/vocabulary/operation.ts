/**
 * What a request means to Azure ML, as policy, audit and forwarding see it.
 * @module
 */

/** What a call does to its resource; also the Cedar action groups. */
export const EFFECTS = ['read', 'write', 'delete', 'invoke'] as const
export type Effect = (typeof EFFECTS)[number]

/**
 * Which of Azure's hosts answers, and so which audience the token needs (clouds.ts has the table); `harness`: the gateway
 * itself, which needs none.
 */
export type Family = (typeof AZURE_FAMILIES)[number] | 'harness'
export const AZURE_FAMILIES = ['arm', 'dataplane', 'mlflow', 'scoring', 'registry'] as const

/** A thing in Azure ML: where it hangs decides which policies it inherits. */
export interface Resource {
  /** Cedar entity type: `Workspace`, `Job`, `ModelVersion`, `OnlineEndpoint`, ... */
  readonly type: string
  /**
   * Lower-cased ARM id, but for asset names, which are case-sensitive. The id of a collection
   * (`.../jobs`) is that of the collection itself, without a trailing slash.
   */
  readonly id: string
  /** From the nearest parent outwards: `[Workspace, ResourceGroup, Subscription]`. */
  readonly ancestors: readonly { readonly type: string; readonly id: string }[]
}

/** Where an answer of the data plane has the documents that it tells: in a list, in a member, or it is one itself. */
export interface Tells {
  readonly list: boolean
  /** The member that has them; empty for the answer as a whole. */
  readonly member: string
}

/** One classified call. */
export interface Operation {
  /** Azure RBAC action in its published spelling, e.g. `Microsoft.MachineLearningServices/workspaces/jobs/write`. */
  readonly action: string
  readonly effect: Effect
  readonly resource: Resource
  readonly family: Family
  /** The answer holds keys, tokens or SAS: refused unless a policy names it. */
  readonly secrets: boolean
  readonly longRunning: boolean
  /** Workspace or registry by lower-cased ARM id, if the call is inside one. */
  readonly scope: string | null
  /** Whether policies may look into this call's body (jobs, deployments, ...). */
  readonly inspectable: boolean
  /** Region that the path itself names (`/_region/{region}/...`); otherwise it is the workspace's. */
  readonly region?: string
  /** The answer is what somebody stored, whatever it is; all others are JSON. */
  readonly bytes?: boolean
  /** Last segment of a path of the data plane, in lower case, if it is a word of the route and not a name. */
  readonly word?: string
  /** What its answer tells of runs, experiments or models, if that can be told from the answer itself. */
  readonly tells?: Tells
}
