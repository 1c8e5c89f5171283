/**
 * The facts: everything besides who, what and where that a policy may ask for, as Cedar's typed context.
 * @module
 */

/** Facts of a call that policies may ask for. Flat, typed, no secrets. */
export type Facts = Readonly<Record<string, string | number | boolean | readonly string[]>>

/** How Cedar sees a fact. `ip` and `datetime` are Cedar's own extension types, given here as strings. */
export type FactKind = 'string' | 'long' | 'boolean' | 'strings' | 'ip' | 'datetime'

/**
 * Each fact with its type and meaning. All are optional: a policy asks `context has x` first, and one that forgets
 * is refused when it is loaded. A fact that no policy asks for is part neither of the decision nor of its cache key.
 */
export const FACTS = {
  // of the caller's token
  issuer: ['string', "name of the token's issuer in the configuration"],
  tenant: ['string', 'tenant that the token is from'],
  client: ['string', 'client application that the token was issued to'],
  methods: ['strings', 'how the caller authenticated (`amr`)'],
  scopes: ['strings', 'delegated scopes of the token'],
  tokenAgeSeconds: ['long', 'time since the token was issued'],
  signInAgeSeconds: ['long', 'time since its owner signed in'],
  // of the request
  family: [
    'string',
    'which of Azure’s hosts answers: `arm`, `dataplane`, `mlflow`, `scoring`, `registry`',
  ],
  apiVersion: ['string', 'the `api-version` of the query'],
  sourceIp: ['ip', 'address that the call came from'],
  time: ['datetime', 'when the call came, to the minute'],
  ownOperation: ['boolean', 'the call follows an operation that its caller has started'],
  bodyDigest: ['string', 'SHA-256 of the body, in hex'],
  // of the body, or of the document that a read returns: what a job, component, schedule or deployment refers to, in
  // every step of pipelines and sweeps
  jobTypes: ['strings', '`command`, `pipeline`, `sweep`, `automl`, `spark`, ...'],
  experiment: ['string', 'experiment that the job belongs to'],
  environments: ['strings', 'environments, as `name:version`, ARM id or registry id'],
  components: ['strings', 'components, likewise'],
  models: ['strings', 'models, likewise'],
  data: ['strings', 'data assets, likewise'],
  floating: ['strings', 'references that name no version: `@latest`, labels'],
  registries: ['strings', 'Azure ML registries that references name'],
  images: ['strings', 'container images'],
  imageRegistries: ['strings', 'hosts of those images'],
  imagesUnpinned: ['boolean', 'an image is named without a digest'],
  computes: ['strings', 'compute targets by name, in lower case; `serverless` for none'],
  instanceTypes: ['strings', 'VM sizes, in lower case'],
  instanceCount: ['long', 'largest number of instances that one step asks for'],
  timeLimitSeconds: ['long', 'longest time that one step may take; absent if one has no limit'],
  jobIdentities: ['strings', '`managed`, `user_identity`, `aml_token`'],
  datastores: [
    'strings',
    'datastores of inputs and outputs, in lower case; by ARM id if of another workspace',
  ],
  paths: ['strings', '`azureml://`, `https://`, `wasbs://`, ... paths of inputs and outputs'],
  folders: [
    'strings',
    'those paths, each up to its first folder: `azureml://datastores/a/paths/b`',
  ],
  subfolders: ['strings', 'those paths, each up to its second folder'],
  outputs: ['strings', 'paths of outputs alone'],
  tags: ['strings', 'tags, as `name=value`'],
  publicNetworkAccess: ['boolean', 'the resource would be reachable from the internet'],
  localAuth: ['boolean', 'the resource would accept keys besides Entra ID tokens'],
} as const satisfies Readonly<Record<string, readonly [kind: FactKind, meaning: string]>>

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
