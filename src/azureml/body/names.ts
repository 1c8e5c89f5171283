/**
 * Names of fields by what they mean, in every spelling that Azure ML's clients use for them.
 *
 * ARM reads names without regard to case, and the steps of a pipeline are written in snake_case: `instanceCount`,
 * `InstanceCount` and `instance_count` are one name here.
 * @module
 */
import type { AssetKind } from './reference.ts'

/** One spelling for all: lower case, without underscores. */
export function plainName(key: string): string {
  const lower = key.toLowerCase()
  return lower.includes('_') ? lower.replaceAll('_', '') : lower
}

/** Objects whose own names are the caller's: what they are called says nothing about what they hold. */
const NAMED_BY_CALLER = new Set([
  'tags',
  'inputs',
  'outputs',
  'inputdata',
  'outputdata',
  'jobs',
  'environmentvariables',
  'userassignedidentities',
  'searchspace',
  'traffic',
  'mirrortraffic',
])

/** Whether the names in the object at `chain` are the caller's. `properties` is the API's only once. */
export function isNamedByCaller(chain: readonly string[]): boolean {
  const last = chain.at(-1) ?? ''
  if (NAMED_BY_CALLER.has(last)) return true
  return last === 'properties' && (chain.includes('resources') || chain.at(-2) === 'properties')
}

/** Text for people, and what Azure itself puts into a document and reads back from none: nothing in it is followed. */
const NOT_FOLLOWED = new Set([
  'description',
  'displayname',
  'tags',
  'services',
  'scoringuri',
  'swaggeruri',
  'systemdata',
])

/** Whether what stands at `chain` cannot make Azure read or run anything. */
export function isNotFollowed(chain: readonly string[]): boolean {
  return NOT_FOLLOWED.has(chain.at(-1) ?? '')
}

const INSTANCE_TYPES = new Set(['instancetype', 'instancetypes', 'vmsize', 'defaultinstancetype'])
const INSTANCE_COUNTS = new Set([
  'instancecount',
  'nodecount',
  'maxnodecount',
  'maxinstances',
  'capacity',
  'spark.executor.instances',
  'spark.dynamicallocation.maxexecutors',
])
const IMAGES = new Set([
  'image',
  'baseimage',
  'dockerimage',
  'containerimage',
  'imagename',
  'imageuri',
])
const COMPUTES = new Set([
  'compute',
  'computeid',
  'computename',
  'computetarget',
  'defaultcompute',
  'defaultcomputeid',
  'target',
])
const DATASTORES = new Set(['datastore', 'datastoreid', 'datastorename', 'defaultdatastore'])
const BARE: ReadonlyMap<string, AssetKind> = new Map([
  ['environment', 'environments'],
  ['environmentid', 'environments'],
  ['component', 'components'],
  ['componentid', 'components'],
  ['model', 'models'],
  ['modelid', 'models'],
])

/** What a scalar at a name of the API's own says. */
export type Meaning =
  | 'experiment'
  | 'jobType'
  | 'instanceType'
  | 'instanceCount'
  | 'image'
  | 'compute'
  | 'datastore'
  | 'identity'
  | 'publicNetworkAccess'

/** The meaning of a name; null if it has none besides what its value is shaped like. */
export function meaningOf(name: string): Meaning | null {
  if (name === 'experimentname') return 'experiment'
  if (name === 'jobtype') return 'jobType'
  if (name === 'identitytype') return 'identity'
  if (name === 'publicnetworkaccess') return 'publicNetworkAccess'
  if (INSTANCE_TYPES.has(name)) return 'instanceType'
  if (INSTANCE_COUNTS.has(name)) return 'instanceCount'
  if (IMAGES.has(name)) return 'image'
  if (COMPUTES.has(name)) return 'compute'
  return DATASTORES.has(name) ? 'datastore' : null
}

/** The kind of asset that stands at a name even without `azureml:` before it. */
export function bareKind(name: string): AssetKind | null {
  return BARE.get(name) ?? null
}

/** The kind of asset that a name speaks of. */
export function kindByName(name: string): AssetKind | null {
  if (name.includes('environment') && name !== 'environmentvariables') return 'environments'
  if (name.includes('component')) return 'components'
  if (name.includes('model')) return 'models'
  if (/^code(?:id|assetid|uri)?$/.test(name)) return 'codes'
  return /^(?:data|dataset)(?:id|assetid)?$/.test(name) ? 'data' : null
}

/** The kind of asset that an input's type speaks of: `uri_folder`, or `UriFolder` as jobs of batch endpoints have it. */
export function kindByInputType(type: string): AssetKind | null {
  const plain = type.toLowerCase()
  if (plain.endsWith('_model') || /^(?:custom|mlflow|triton)model$/.test(plain)) return 'models'
  return /^(?:uri_?file|uri_?folder|mltable)$/.test(plain) ? 'data' : null
}

/** Whether two members of one object with this plain name would be read differently by different readers. */
export function isRead(name: string): boolean {
  return READ.has(name) || meaningOf(name) !== null || BARE.has(name)
}

const READ = new Set([
  'properties',
  'type',
  'identity',
  'limits',
  'limitsettings',
  'timeout',
  'settings',
  'sku',
  'tags',
  'inputs',
  'outputs',
  'jobs',
  'uri',
  'path',
  'value',
  'jobinputtype',
  'authmode',
  'disablelocalauth',
  'enablenodepublicip',
  'action',
  'jobdefinition',
  'trial',
  'resources',
  'assetid',
])
