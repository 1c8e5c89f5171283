/**
 * The facts: everything besides who, what and where that a policy may ask for, as Cedar's typed context.
 * @module
 */

/** Facts of a call that policies may ask for. Flat, typed, no secrets. */
export type Facts = Readonly<Record<string, string | number | boolean | readonly string[]>>

/** How Cedar sees a fact. `ip` and `datetime` are Cedar's own extension types, given here as strings. */
export type FactKind = 'string' | 'long' | 'boolean' | 'strings' | 'ip' | 'datetime'

/** When a fact counts as told. Of the others, what nobody told may be anything. */
export type Told =
  /** Each call has it, or is known not to: what it would be in was read. */
  | 'always'
  /** Only where it is given. */
  | 'given'
  /** A set that is empty says nothing: a token without `amr` does not say how its owner signed in. */
  | 'unless empty'
  /** The same, but an application is known to have none. */
  | 'unless empty for people'

/** Which calls can have a fact, and when it counts as told. */
interface Source {
  readonly told: Told
  /** Types of resources whose documents can have it; null for a fact that is in no document. */
  readonly types: ReadonlySet<string> | null
  /** Only calls that bring a body can have it. */
  readonly body: boolean
}

const ALWAYS: Source = { told: 'always', types: null, body: false }
const GIVEN: Source = { told: 'given', types: null, body: false }
const IF_ANY: Source = { told: 'unless empty', types: null, body: false }
const IF_DELEGATED: Source = { told: 'unless empty for people', types: null, body: false }
const OF_BODY: Source = { told: 'given', types: null, body: true }

/** A fact of documents: told by a body or by the document that Azure has, and known to be absent if those are whole. */
function of(...types: readonly (readonly string[])[]): Source {
  return { told: 'given', types: new Set([...types.flat(), OTHER]), body: false }
}

/** A type that is newer than the tables: its documents can have every fact. */
const OTHER = 'Other'

const JOBS = ['Job', 'Schedule', 'BatchJob', 'Component', 'ComponentVersion']
// prettier-ignore
const DEPLOYMENTS = [
  'OnlineDeployment', 'BatchDeployment', 'EndpointDeployment', 'ConnectionDeployment', 'WebService',
]
const ENDPOINTS = ['OnlineEndpoint', 'BatchEndpoint', 'ServerlessEndpoint', 'Endpoint']
const MODELS = ['Model', 'ModelVersion']
// prettier-ignore
const DATA = [
  'Data', 'DataVersion', 'Dataset', 'DatasetVersion', 'FeatureSet', 'FeatureSetVersion',
  'FeatureStoreEntity', 'FeatureStoreEntityVersion', 'Index', 'Prompt', 'DataDriftDetector',
]
const ENVIRONMENTS = ['Environment', 'EnvironmentVersion']
const STORES = ['Datastore', 'Code', 'CodeVersion', 'Connection']
const COMPUTES = ['ComputeTarget', 'LinkedService', 'VirtualCluster']
const PLACES = ['Workspace', 'Registry', 'Hub', 'CapabilityHost']
// prettier-ignore
const NETWORKS = [
  'ManagedNetwork', 'OutboundRule', 'PrivateEndpointConnection', 'PrivateEndpointConnectionProxy', 'Connection',
]
const OFFERS = ['MarketplaceSubscription', 'Agent', 'CapabilityHost']
// prettier-ignore
const TAGGED = [
  ...JOBS, ...DEPLOYMENTS, ...ENDPOINTS, ...MODELS, ...DATA, ...ENVIRONMENTS, ...STORES, ...COMPUTES,
  ...PLACES, ...NETWORKS, ...OFFERS, 'Run', 'Trace', 'LoggedModel', 'Artifact', 'Experiment', 'RegistryAsset', 'RaiPolicy', 'RaiBlocklist',
  'RaiBlocklistItem', 'EventGridFilter', 'HubPolicy',
]

/**
 * Each fact with its type, its meaning, and when it counts as told. All are optional: a policy asks `context has x`
 * first, and one that forgets is refused when it is loaded. A fact that no policy asks for is part neither of the
 * decision nor of its cache key.
 */
export const FACTS = {
  // of the caller's token
  issuer: ['string', "name of the token's issuer in the configuration", ALWAYS],
  tenant: ['string', 'tenant that the token is from', ALWAYS],
  client: ['string', 'client application that the token was issued to', GIVEN],
  methods: ['strings', 'how the caller authenticated (`amr`)', IF_ANY],
  scopes: ['strings', 'delegated scopes of the token', IF_DELEGATED],
  tokenAgeSeconds: ['long', 'time since the token was issued', GIVEN],
  signInAgeSeconds: ['long', 'time since its owner signed in', GIVEN],
  // of the request
  family: [
    'string',
    'which of Azure’s hosts answers: `arm`, `dataplane`, `mlflow`, `scoring`, `registry`',
    ALWAYS,
  ],
  apiVersion: ['string', 'the `api-version` of the query', ALWAYS],
  sourceIp: ['ip', 'address that the call came from', GIVEN],
  time: ['datetime', 'when the call came, to the minute', GIVEN],
  ownOperation: ['boolean', 'the call follows an operation that its caller has started', GIVEN],
  bodyDigest: ['string', 'SHA-256 of the body, in hex', OF_BODY],
  // of the body, or of the document that a read returns: what a job, component, schedule or deployment refers to, in
  // every step of pipelines and sweeps
  jobTypes: ['strings', '`command`, `pipeline`, `sweep`, `automl`, `spark`, ...', of(JOBS)],
  experiment: ['string', 'experiment that the job belongs to', of(JOBS)],
  environments: [
    'strings',
    'environments, as `name:version`, ARM id or registry id',
    of(JOBS, DEPLOYMENTS, MODELS, ENVIRONMENTS),
  ],
  components: ['strings', 'components, likewise', of(JOBS, DEPLOYMENTS)],
  models: ['strings', 'models, likewise', of(JOBS, DEPLOYMENTS, MODELS, OFFERS)],
  data: ['strings', 'data assets, likewise', of(JOBS, DEPLOYMENTS, DATA, MODELS)],
  codes: ['strings', 'code assets, likewise', of(JOBS, DEPLOYMENTS, MODELS)],
  floating: [
    'strings',
    'references that name no version: `@latest`, labels',
    of(JOBS, DEPLOYMENTS, MODELS, DATA, ENVIRONMENTS),
  ],
  registries: [
    'strings',
    'Azure ML registries that references name',
    of(JOBS, DEPLOYMENTS, MODELS, DATA, ENVIRONMENTS, OFFERS),
  ],
  images: ['strings', 'container images', of(JOBS, DEPLOYMENTS, MODELS, ENVIRONMENTS, COMPUTES)],
  imageRegistries: [
    'strings',
    'hosts of those images',
    of(JOBS, DEPLOYMENTS, MODELS, ENVIRONMENTS, COMPUTES),
  ],
  imagesUnpinned: [
    'boolean',
    'an image is named without a digest',
    of(JOBS, DEPLOYMENTS, MODELS, ENVIRONMENTS, COMPUTES),
  ],
  computes: [
    'strings',
    'compute targets by name, in lower case; `serverless` for none',
    of(JOBS, DEPLOYMENTS, ENDPOINTS, COMPUTES, DATA, PLACES),
  ],
  instanceTypes: [
    'strings',
    'VM sizes, in lower case',
    of(JOBS, DEPLOYMENTS, ENDPOINTS, COMPUTES, DATA, PLACES),
  ],
  instanceCount: [
    'long',
    'largest number of instances that one step asks for',
    of(JOBS, DEPLOYMENTS, ENDPOINTS, COMPUTES, DATA),
  ],
  timeLimitSeconds: [
    'long',
    'longest time that one step may take; absent if one has no limit',
    of(JOBS),
  ],
  jobIdentities: ['strings', '`managed`, `user_identity`, `aml_token`', of(JOBS)],
  datastores: [
    'strings',
    'datastores of inputs and outputs, in lower case; by ARM id if of another workspace',
    of(JOBS, DEPLOYMENTS, DATA, MODELS, STORES, COMPUTES, PLACES),
  ],
  paths: [
    'strings',
    '`azureml://`, `https://`, `wasbs://`, ... paths of inputs and outputs',
    of(JOBS, DEPLOYMENTS, DATA, MODELS, STORES, COMPUTES, ENVIRONMENTS),
  ],
  folders: [
    'strings',
    'those paths, each up to its first folder: `azureml://datastores/a/paths/b`',
    of(JOBS, DEPLOYMENTS, DATA, MODELS, STORES, COMPUTES, ENVIRONMENTS),
  ],
  subfolders: [
    'strings',
    'those paths, each up to its second folder',
    of(JOBS, DEPLOYMENTS, DATA, MODELS, STORES, COMPUTES, ENVIRONMENTS),
  ],
  outputs: ['strings', 'paths of outputs alone', of(JOBS, DEPLOYMENTS)],
  tags: ['strings', 'tags, as `name=value`', of(TAGGED)],
  publicNetworkAccess: [
    'boolean',
    'the resource would be reachable from the internet',
    of(JOBS, ENDPOINTS, DEPLOYMENTS, COMPUTES, PLACES, NETWORKS),
  ],
  localAuth: [
    'boolean',
    'the resource would accept keys besides Entra ID tokens',
    of(ENDPOINTS, DEPLOYMENTS, COMPUTES, PLACES),
  ],
} as const satisfies Readonly<
  Record<string, readonly [kind: FactKind, meaning: string, source: Source]>
>

const KINDS: ReadonlyMap<string, FactKind> = new Map(
  Object.entries(FACTS).map(([name, [kind]]) => [name, kind]),
)

/** A fact's kind, or undefined if there is no such fact. */
export function factKind(name: string): FactKind | undefined {
  return KINDS.get(name)
}

/** Facts that are known before a body is read and before Azure is asked. One that is not named here is not known. */
export const CALL_FACTS: ReadonlySet<string> = new Set([
  'issuer',
  'tenant',
  'client',
  'methods',
  'scopes',
  'tokenAgeSeconds',
  'signInAgeSeconds',
  'family',
  'apiVersion',
  'sourceIp',
  'time',
  'ownOperation',
] satisfies (keyof typeof FACTS)[])

/** Names of all facts. */
export const FACT_NAMES: readonly string[] = Object.freeze([...KINDS.keys()])

const SOURCES: ReadonlyMap<string, Source> = new Map(
  Object.entries(FACTS).map(([name, [, , source]]) => [name, source]),
)

/** Names of the facts that documents have. */
export const DOCUMENT_FACTS: readonly string[] = FACT_NAMES.filter(
  (name) => (SOURCES.get(name)?.types ?? null) !== null,
)

/** Whether the documents of a type of resource can have a fact. */
export function canHave(type: string, name: string): boolean {
  const types = SOURCES.get(name)?.types ?? null
  return types === null || types.has(type)
}

/**
 * Not a fact, but among them: names of facts that are known to be absent, because what would have them was read as a
 * whole. It is no part of Cedar's context.
 */
export const ABSENT = 'absent'

/** Names of the facts that are known to be absent. */
export function absentIn(facts: Facts): readonly string[] {
  const names = Object.hasOwn(facts, ABSENT) ? facts[ABSENT] : undefined
  return typeof names === 'object' ? names : []
}

/** What a call is about, and who makes it, as far as it decides which facts there can be. */
export interface AboutCall {
  /** Cedar type of the resource. */
  readonly type: string
  readonly effect: 'read' | 'write' | 'delete' | 'invoke'
  /** Cedar type of the principal. */
  readonly caller: string
}

/** Whether a call can have a fact and nobody said what it is, nor that there is none. */
export function isUnknown(
  name: string,
  facts: Facts,
  { type, effect, caller }: AboutCall,
): boolean {
  const source = SOURCES.get(name)
  if (source === undefined) return true
  const { told, types, body } = source
  if (types !== null && !types.has(type)) return false
  if (body && effect === 'read') return false
  if (told === 'always' || absentIn(facts).includes(name)) return false
  const value = Object.hasOwn(facts, name) ? facts[name] : undefined
  if (value === undefined) return true
  const isEmpty = typeof value === 'object' && value.length === 0
  if (told === 'unless empty') return isEmpty
  return told === 'unless empty for people' && isEmpty && caller === 'User'
}
