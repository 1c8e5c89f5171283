/**
 * The fields of Azure's answers that hold URLs which clients follow, or secrets.
 *
 * Source: the ARM specification's models, ARM RPC v1.0 (async operations, paging), MLflow's REST reference,
 * the run history specification and the 2019-08-01 datastore swagger. Only fields that services fill are
 * listed: a URL in a tag, a description or a user's property is left alone.
 * @module
 */
import type { FieldKind, FieldRule } from './json-plan.ts'

type Rules = readonly FieldRule[]

function rule(kind: FieldKind, ...paths: readonly string[]): Rules {
  return paths.map((path) => ({ path: path === '' ? [] : path.split('.'), kind }))
}

/** The fields of a single resource and of each resource in a list. */
function listed(rules: Rules): Rules {
  return rules.flatMap(({ path, kind }) => [
    { path, kind },
    { path: ['value', '*', ...path], kind },
  ])
}

/** `@odata.nextLink` is one key, so such names are not written with `rule`, which splits at dots. */
export const PAGING: Rules = [
  ...rule('page', 'nextLink', 'next_link', 'nextPageLink', 'resourceLocation', '@nextLink'),
  { path: ['@odata.nextLink'], kind: 'page' },
  { path: ['odata.nextLink'], kind: 'page' },
]

/** Of any resource under ARM: services that clients call with their token. */
export const ARM_SERVICES: Rules = listed(
  rule(
    'scoring',
    'properties.agentsEndpointUri',
    'properties.endpointUri',
    'properties.inferenceEndpoint',
    'properties.inferenceEndpoint.uri',
    'properties.inferenceUri',
    'properties.scoringUri',
    'properties.swaggerUri',
  ),
)

const ENDPOINT = listed([
  // clients post their bearer to whatever stands there
  ...rule('scoring', 'properties.scoringUri', 'properties.swaggerUri'),
  ...rule('link', 'properties.properties.AzureAsyncOperationUri'),
])
const JOB = listed([
  ...rule('url', 'properties.services.Tracking.endpoint'),
  ...rule('link', 'properties.services.*.endpoint'),
  // a page for a browser, not a place to send a token
  ...rule('keep', 'properties.services.Studio.endpoint'),
])

/** By Cedar type, under ARM. */
export const ARM_FIELDS: ReadonlyMap<string, Rules> = new Map([
  ['Workspace', listed(rule('url', 'properties.discoveryUrl', 'properties.mlFlowTrackingUri'))],
  ['Registry', listed(rule('url', 'properties.discoveryUrl', 'properties.mlFlowRegistryUri'))],
  ['Job', JOB],
  ['BatchJob', JOB],
  ['BatchEndpoint', ENDPOINT],
  ['OnlineEndpoint', ENDPOINT],
  ['OnlineDeployment', ENDPOINT],
  ['BatchDeployment', ENDPOINT],
  ['Endpoint', ENDPOINT],
])

/** Plain GETs answer with the `token` of a run, which lets its holder act as the run. */
const RUN: Rules = [
  ...listed([
    ...rule('url', 'services.Tracking.endpoint'),
    ...rule('link', 'services.*.endpoint'),
    ...rule('keep', 'services.Studio.endpoint'),
    ...rule('redact', 'token', 'runMetadata.token'),
  ]),
  ...rule('redact', '*.runMetadata.token', '*.*.runMetadata.token'),
]

/** By Cedar type, on the data plane. */
export const DATA_PLANE_FIELDS: ReadonlyMap<string, Rules> = new Map([
  ['Run', RUN],
  ['WebService', listed(rule('scoring', 'scoringUri', 'swaggerUri'))],
])

/** Service discovery: every value is the base address of a service; `studio` and the like are pages for browsers. */
export const DISCOVERY: Rules = [
  ...rule('link', '*'),
  ...rule('url', 'api', 'history'),
  ...rule(
    'scoring',
    'catalog',
    'experimentation',
    'hyperdrive',
    'labeling',
    'modelmanagement',
    'pipelines',
  ),
]

export const REGISTRY_DISCOVERY: Rules = [
  ...rule('url', 'primaryRegionResourceProviderUri'),
  ...rule('link', 'registryFqdns.*.*'),
]

/** An experiment is made with an `artifact_location` of its maker's choice, and MLflow sends its token to one with HTTP. */
export const MLFLOW: Rules = [
  ...['trace', 'traces.*', 'traces.*.trace_info', 'trace.trace_info', 'trace_infos.*'].map(
    (place) => ({
      path: [...place.split('.'), 'tags', 'mlflow.artifactLocation'],
      kind: 'artifacts' as const,
    }),
  ),
  ...rule(
    'artifacts',
    'run.info.artifact_uri',
    'runs.*.info.artifact_uri',
    'experiment.artifact_location',
    'experiments.*.artifact_location',
    'model.info.artifact_uri',
    'models.*.info.artifact_uri',
    'artifact_uri',
    'upload_uri',
    'model_version.source',
    'model_versions.*.source',
    'registered_model.latest_versions.*.source',
    'registered_models.*.latest_versions.*.source',
  ),
]

const PENDING_UPLOAD: Rules = [
  ...rule('redact', 'blobReferenceForConsumption.*'),
  ...rule(
    'keep',
    'blobReferenceForConsumption.blobUri',
    'blobReferenceForConsumption.storageAccountArmId',
  ),
]

const ARTIFACT_URIS = rule(
  'redact',
  '',
  'contentUri',
  'value.*.contentUri',
  'artifactContentInformation.*.contentUri',
)

const STORE_SECRETS = [
  'accountKey',
  'sasToken',
  'credential',
  'clientCredentials',
  'clientSecret',
  'certificate',
  'userPassword',
]
const STORE_SECTIONS = [
  'azureStorageSection',
  'azureDataLakeSection',
  'azureSqlDatabaseSection',
  'azurePostgreSqlSection',
  'azureMySqlSection',
]

/** What `@redact` removes, by action without the provider, in lower case. */
export const SECRET_FIELDS: ReadonlyMap<string, Rules> = new Map([
  [
    'workspaces/connections/listsecrets/action',
    rule('redact', 'properties.credentials', 'properties.value'),
  ],
  ['workspaces/codes/versions/startpendingupload/action', PENDING_UPLOAD],
  ['workspaces/data/versions/startpendingupload/action', PENDING_UPLOAD],
  ['workspaces/models/versions/startpendingupload/action', PENDING_UPLOAD],
  ['registries/assets/write', PENDING_UPLOAD],
  ['registries/assets/read', PENDING_UPLOAD],
  ['workspaces/metadata/artifacts/read', ARTIFACT_URIS],
  ['workspaces/metadata/artifacts/write', ARTIFACT_URIS],
  [
    'workspaces/datastores/read',
    listed(
      STORE_SECTIONS.flatMap((section) =>
        rule('redact', ...STORE_SECRETS.map((name) => `${section}.${name}`)),
      ),
    ),
  ],
])

/** For every other answer with secrets: everything is removed except what identifies it. */
export const ANY_SECRET: Rules = [
  ...rule('redact', '', '*'),
  ...rule(
    'keep',
    'id',
    'name',
    'type',
    'secretsType',
    'tokenType',
    'computeType',
    'expiryTimeUtc',
    'refreshAfterTimeUtc',
  ),
]
