/**
 * What the names of fields mean, in every spelling that clients of Azure ML use.
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

/** What the name of a field says. */
export interface Name {
  readonly plain: string
  readonly meaning: Meaning | null
  readonly bare: AssetKind | null
  /** It matters so much that an object may have it only once, in whatever spelling. */
  readonly isRead: boolean
}

/** Names that were met, by their spelling: documents have few different ones, and all of them the same. */
const met = new Map<string, Name>()
const MAX_MET = 4_096
const MAX_LENGTH = 64

/** What a key says of its value, where the caller does not choose the keys. */
export function nameOf(key: string): Name {
  const known = met.get(key)
  if (known !== undefined) return known
  const plain = plainName(key)
  const [meaning, bare] = [meaningOf(plain), BARE.get(plain) ?? null]
  const isRead = READ.has(plain) || meaning !== null || bare !== null
  const name = { plain, meaning, bare, isRead }
  if (key.length > MAX_LENGTH) return name
  if (met.size >= MAX_MET) met.clear()
  met.set(key, name)
  return name
}

/** Of a key that the caller chose, and of the root: nothing. */
export const NO_NAME: Name = { plain: '', meaning: null, bare: null, isRead: false }

/** The names that lead to a value; see walk.ts. */
interface Names {
  readonly at: (position: -1 | -2) => string | undefined
  readonly includes: (name: string) => boolean
}

/** Objects whose keys the caller chooses: such a key says nothing about its value. */
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

/** Types whose inner `properties` Azure reads: those of a compute are its size, its nodes and its network. */
const TYPED_INSIDE = new Set(['ComputeTarget'])

/** Whether the caller chooses the keys of the object at `chain`, in a document of that Cedar type. */
export function isNamedByCaller(chain: Names, type: string): boolean {
  const last = chain.at(-1) ?? ''
  if (NAMED_BY_CALLER.has(last)) return true
  if (last !== 'properties') return false
  return chain.includes('resources') || (chain.at(-2) === 'properties' && !TYPED_INSIDE.has(type))
}

/** Text for people, and fields that Azure writes but never reads: Azure follows no reference in them. */
const NOT_FOLLOWED = new Set([
  'description',
  'displayname',
  'tags',
  'services',
  'scoringuri',
  'swaggeruri',
  'systemdata',
])
/** What has such fields: a document, its properties, the job of a schedule; an empty name is a step or an input. */
const WITH_TEXT = new Set([undefined, 'properties', 'jobdefinition', 'componentspec', ''])

/** Whether what stands at `chain` cannot make Azure read or run anything. */
export function isNotFollowed(chain: Names): boolean {
  return NOT_FOLLOWED.has(chain.at(-1) ?? '') && WITH_TEXT.has(chain.at(-2))
}

const INSTANCE_TYPES = new Set([
  'instancetype',
  'instancetypes',
  'vmsize',
  'agentvmsize',
  'targetvmsize',
  'virtualmachinesize',
  'nodesize',
  'defaultinstancetype',
])
const INSTANCE_COUNTS = new Set([
  'instancecount',
  'nodecount',
  'maxnodecount',
  'maxinstances',
  'agentcount',
  'targetnodecount',
  'maxreplicas',
  'numreplicas',
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
  'virtualmachineimage',
  'imageid',
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
/** Names that refer to an asset of one kind even without `azureml:` before it. */
const BARE: ReadonlyMap<string, AssetKind> = new Map([
  ['environment', 'environments'],
  ['environmentid', 'environments'],
  ['component', 'components'],
  ['componentid', 'components'],
  ['model', 'models'],
  ['modelid', 'models'],
])

/** What a single value at one of the API's names means. */
export type Meaning =
  'jobType' | 'instanceType' | 'instanceCount' | 'image' | 'compute' | 'datastore' | 'identity'

/** The meaning of a name; null if only the shape of the value says what it is. */
function meaningOf(name: string): Meaning | null {
  if (name === 'jobtype') return 'jobType'
  if (name === 'identitytype' || name === 'computeidentitytype') return 'identity'
  if (INSTANCE_TYPES.has(name)) return 'instanceType'
  if (INSTANCE_COUNTS.has(name)) return 'instanceCount'
  if (IMAGES.has(name)) return 'image'
  if (COMPUTES.has(name)) return 'compute'
  return DATASTORES.has(name) ? 'datastore' : null
}

/** The kind of asset that a name suggests. */
export function kindByName(name: string): AssetKind | null {
  if (name.includes('environment') && name !== 'environmentvariables') return 'environments'
  if (name.includes('component')) return 'components'
  if (name.includes('model')) return 'models'
  if (/^code(?:id|assetid|uri)?$/.test(name)) return 'codes'
  return /^(?:data|dataset)(?:id|assetid)?$/.test(name) ? 'data' : null
}

/** The kind of asset that an input's type means: `uri_folder`, or `UriFolder` in jobs of batch endpoints. */
export function kindByInputType(type: string): AssetKind | null {
  const plain = type.toLowerCase()
  if (plain.endsWith('_model') || /^(?:custom|mlflow|triton)model$/.test(plain)) return 'models'
  return /^(?:uri_?file|uri_?folder|mltable)$/.test(plain) ? 'data' : null
}

/** Names that are read here besides those with a meaning. */
const READ = new Set([
  'experimentname',
  'publicnetworkaccess',
  'computetype',
  'address',
  'loadbalancertype',
  'remoteloginportpublicaccess',
  'sshpublicaccess',
  'serverlesscomputenopublicip',
  'allowpublicaccesswhenbehindvnet',
  'allowblobpublicaccess',
  'authenabled',
  'kvtags',
  'build',
  'taskdetails',
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
