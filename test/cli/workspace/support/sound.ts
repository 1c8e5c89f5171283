/**
 * A workspace in the lab that nobody can use without the gateway, and a gateway that it is bound at.
 * @module
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withGraph, type ConfigFile } from '../../../../lab/gateway/harness-config.ts'
import { ownIdentityOf } from '../../../../lab/azure/arm/around.ts'
import { parseArmPath } from '../../../../lab/azure/arm/paths.ts'
import type { Lab } from '../../../../lab/lab.ts'
import {
  IDENTITIES,
  REGION,
  RESOURCE_GROUP,
  SUBSCRIPTION,
  TENANT,
  workspaceId,
} from '../../../../lab/personas.ts'
import { startGateway, type World } from '../../../support/gateway.ts'

export const SOUND = workspaceId('ws-sound')
export const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/${RESOURCE_GROUP}`
export const STORAGE = `${GROUP}/providers/Microsoft.Storage/storageAccounts/soundstorage`
/** Azure's own, as the resource gets it when it is made. */
function ownIdentity(resource: string): string {
  const path = parseArmPath(resource)
  if (path === null) throw new Error(`${resource} is no id`)
  return ownIdentityOf(path)
}
export const ASSIGNMENT = `${GROUP}/providers/Microsoft.Authorization/policyAssignments/harness`
export const COMPUTE_OID = ownIdentity(`${SOUND}/computes/cluster`)
export const WORKSPACE_OID = ownIdentity(SOUND)
export const ASSIGNMENT_OID = ownIdentity(ASSIGNMENT)
export const SCIENTISTS = `entra/${TENANT}/33333333-3333-4333-8333-333333333301`
const LOGS = `${GROUP}/providers/Microsoft.OperationalInsights/workspaces/logs`
const EVERYBODY = '00000000-0000-0000-0000-000000000000'
const POLICY = `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Authorization`

export type Document = Readonly<Record<string, unknown>>

export const subnet = { id: `${GROUP}/providers/Microsoft.Network/virtualNetworks/v/subnets/ml` }

export const WORKSPACE_DOCUMENT = {
  location: REGION,
  kind: 'Default',
  identity: { type: 'SystemAssigned' },
  properties: {
    storageAccount: STORAGE,
    publicNetworkAccess: 'Disabled',
    managedNetwork: { isolationMode: 'AllowOnlyApprovedOutbound' },
    systemDatastoresAuthMode: 'identity',
    v1LegacyMode: false,
  },
} satisfies Document

export const STORAGE_DOCUMENT = {
  location: REGION,
  properties: {
    allowSharedKeyAccess: false,
    allowBlobPublicAccess: false,
    publicNetworkAccess: 'Disabled',
  },
} satisfies Document

export const CLUSTER_DOCUMENT = {
  location: REGION,
  identity: { type: 'SystemAssigned' },
  properties: {
    computeType: 'AmlCompute',
    disableLocalAuth: true,
    properties: { remoteLoginPortPublicAccess: 'Disabled', subnet },
  },
} satisfies Document

const INSTANCE_DOCUMENT = {
  location: REGION,
  properties: {
    computeType: 'ComputeInstance',
    disableLocalAuth: true,
    properties: { sshSettings: { sshPublicAccess: 'Disabled' }, idleTimeBeforeShutdown: 'PT60M' },
  },
} satisfies Document

const id = (name: string): string => IDENTITIES.find((one) => one.name === name)?.oid ?? ''

export const DENY_DOCUMENT = {
  properties: {
    denyAssignmentName: 'Deny assignment of the stack',
    permissions: [{ actions: ['*/delete', '*/write'], notActions: [] }],
    scope: SOUND,
    principals: [{ id: EVERYBODY, type: 'SystemDefined' }],
    excludePrincipals: [
      { id: id('ml-reader'), type: 'ServicePrincipal' },
      { id: id('ml-writer'), type: 'ServicePrincipal' },
    ],
  },
} satisfies Document

export const ASSIGNMENT_DOCUMENT = {
  location: REGION,
  identity: { type: 'SystemAssigned' },
  properties: {
    policyDefinitionId: `${POLICY}/policySetDefinitions/azureml-harness-workspaces`,
    enforcementMode: 'Default',
    parameters: {},
  },
} satisfies Document

/** The id of each thing that a sound workspace has, and its document. */
export async function soundDocuments(): Promise<ReadonlyMap<string, Document>> {
  const initiative = JSON.parse(
    (await readFile('deploy/policy/initiative.json', 'utf8')).replaceAll(
      '{scope}',
      `/subscriptions/${SUBSCRIPTION}`,
    ),
  ) as Document
  const endpoint = {
    location: REGION,
    properties: { authMode: 'AADToken', publicNetworkAccess: 'Disabled' },
  }
  return new Map<string, Document>([
    [STORAGE, STORAGE_DOCUMENT],
    [SOUND, WORKSPACE_DOCUMENT],
    [
      `${SOUND}/privateEndpointConnections/gateway`,
      {
        properties: {
          privateEndpoint: { id: `${GROUP}/providers/Microsoft.Network/privateEndpoints/gateway` },
          privateLinkServiceConnectionState: { status: 'Approved' },
        },
      },
    ],
    [`${SOUND}/datastores/data`, { properties: { credentials: { credentialsType: 'None' } } }],
    [`${SOUND}/datastores/more`, { properties: { credentials: { credentialsType: 'None' } } }],
    [`${SOUND}/datastores/most`, { properties: { credentials: { credentialsType: 'None' } } }],
    [`${SOUND}/computes/cluster`, CLUSTER_DOCUMENT],
    [`${SOUND}/computes/instance`, INSTANCE_DOCUMENT],
    [`${SOUND}/onlineEndpoints/sound-online`, endpoint],
    [`${SOUND}/batchEndpoints/sound-batch`, endpoint],
    [
      `${SOUND}/providers/Microsoft.Insights/diagnosticSettings/all`,
      { properties: { workspaceId: LOGS, logs: [{ categoryGroup: 'allLogs', enabled: true }] } },
    ],
    [`${POLICY}/policySetDefinitions/azureml-harness-workspaces`, initiative],
    [ASSIGNMENT, ASSIGNMENT_DOCUMENT],
    [`${SOUND}/providers/Microsoft.Authorization/denyAssignments/stack`, DENY_DOCUMENT],
  ])
}

/** PUTs and DELETEs at the lab's Resource Manager, as an operator does. */
export function operatorOf(lab: Lab): {
  put: (id: string, document: Document) => Promise<void>
  remove: (id: string) => Promise<void>
} {
  async function call(method: string, resource: string, body?: string): Promise<void> {
    const writer = IDENTITIES.find(({ name }) => name === 'ml-writer')
    if (writer === undefined) throw new Error('the lab has no writer')
    const token = await lab.identities.mint(writer, 'https://management.azure.com')
    const answer = await fetch(`${lab.urls.upstream}${resource}?api-version=2024-10-01`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body }),
    })
    if (!answer.ok)
      throw new Error(`${method} ${resource}: ${answer.status} ${await answer.text()}`)
    await answer.arrayBuffer()
  }
  return {
    put: (resource, document) => call('PUT', resource, JSON.stringify(document)),
    remove: (resource) => call('DELETE', resource),
  }
}

const BINDINGS = `identities: [ml-reader, ml-writer]
bindings:
  - id: scientists-on-ws-sound
    template: data-scientist
    principal: Group::"${SCIENTISTS}"
    resource: Workspace::"${SOUND.toLowerCase()}"
  - id: cluster-on-ws-sound
    template: compute
    principal: Compute::"entra/${TENANT}/${COMPUTE_OID}"
    resource: Workspace::"${SOUND.toLowerCase()}"
`

export interface SoundWorld extends World {
  readonly documents: ReadonlyMap<string, Document>
  readonly put: (id: string, document: Document) => Promise<void>
  readonly remove: (id: string) => Promise<void>
  /** A folder of the test's own. */
  readonly directory: string
}

/** A lab with a sound workspace, and a gateway for it; this process is where the gateway runs. */
export async function startSound(
  options: {
    readonly bindings?: string
    readonly change?: (config: ConfigFile) => ConfigFile
  } = {},
): Promise<SoundWorld> {
  const directory = await mkdtemp(join(tmpdir(), 'azureml-harness-workspace-'))
  const bindings = join(directory, 'bindings.yaml')
  await writeFile(bindings, options.bindings ?? BINDINGS)
  const world = await startGateway({
    lab: { polls: 0 },
    gateway: (lab) => ({
      bindings,
      change: (config) => {
        const graphed = withGraph(lab)(config)
        return options.change?.(graphed) ?? graphed
      },
    }),
  })
  Object.assign(process.env, world.lab.env)
  const operator = operatorOf(world.lab)
  const documents = await soundDocuments()
  for (const [resource, document] of documents) await operator.put(resource, document)
  const closeWorld = world.close.bind(world)
  const close = async (): Promise<void> => {
    await closeWorld()
    await rm(directory, { recursive: true, force: true })
  }
  return Object.assign(world, { documents, ...operator, directory, close })
}
