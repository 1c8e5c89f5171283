/**
 * Whether the workspace can be reached without the gateway's network, and what its computes can reach.
 * @module
 */
import { lookup } from 'node:dns/promises'
import { BlockList } from 'node:net'
import { findingsOf, type Finding } from '../../../doctor/finding.ts'
import { CLOUDS, type CloudName } from '../../../vocabulary/clouds.ts'
import { inside, inWorkspace, is, text, type Subject } from './subject.ts'

const publicAccess = findingsOf('public-network')
const endpoint = findingsOf('private-endpoint')
const names = findingsOf('dns')
const managed = findingsOf('managed-network')
const legacy = findingsOf('v1-legacy-mode')

export async function checkPublicAccess({ id, properties }: Subject): Promise<Finding[]> {
  if (is(properties, 'publicNetworkAccess', 'Disabled'))
    return [publicAccess.ok(id, 'public network access is disabled')]
  const what = `public network access is ${text(properties, 'publicNetworkAccess') || 'not said, which is enabled'}: its data plane answers from anywhere`
  const next = `first have a private endpoint approved, then: az ml workspace update --ids ${id} --public-network-access Disabled`
  return [publicAccess.failed(id, what, next)]
}

export async function checkPrivateEndpoint({ id, azure }: Subject): Promise<Finding[]> {
  const { ok, failed, warning } = endpoint
  const found = (await azure.list(inWorkspace(id, 'privateEndpointConnections'))).map((one) => {
    const properties = inside(one, 'properties')
    const state = text(inside(properties, 'privateLinkServiceConnectionState'), 'status')
    const target = text(inside(properties, 'privateEndpoint'), 'id') || text(one, 'name')
    return { state: state || 'unknown', target }
  })
  const approved = found.filter(({ state }) => state.toLowerCase() === 'approved')
  const others = found.filter((one) => !approved.includes(one))
  const waiting = others.map(({ target, state }) => {
    const next = 'approve it, or remove it: az network private-endpoint-connection'
    const what = `its connection is ${state}`
    return approved.length === 0 ? failed(target, what, next) : warning(target, what, next)
  })
  const good = approved.map(({ target }) => ok(target, 'is approved'))
  if (found.length > 0) return [...good, ...waiting]
  const next = 'make one in the gateway’s network: azureml-harness workspace onboard writes it'
  return [failed(id, 'has no private endpoint', next)]
}

/** Addresses that no call from the internet reaches. */
const PRIVATE = new BlockList()
for (const [net, bits] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
] as const)
  PRIVATE.addSubnet(net, bits, 'ipv4')
PRIVATE.addSubnet('fc00::', 7, 'ipv6')
PRIVATE.addAddress('::1', 'ipv6')

export async function checkDns(subject: Subject): Promise<Finding[]> {
  const { ok, failed, unverified } = names
  const host = dataPlaneHost(subject)
  const at = await lookup(host, { all: true }).catch(() => [])
  const shown = at.map(({ address }) => address).join(', ')
  if (at.length === 0) {
    const next = 'run this where the gateway runs: other networks may have another DNS'
    return [unverified(host, 'its name cannot be resolved from here', next)]
  }
  const isPrivate = at.every(({ address, family }) =>
    PRIVATE.check(address, family === 6 ? 'ipv6' : 'ipv4'),
  )
  if (isPrivate) return [ok(host, `is ${shown}, asked from here`)]
  const [zone] = privateZones(subject.gateway?.config.cloud.name ?? 'AzureCloud')
  const next = `link the private DNS zone ${zone} to the network of the gateway, and run this there`
  return [failed(host, `is ${shown}, which is public, asked from here`, next)]
}

/** The host that the workspace's data plane is called at: the configured one, or its own for private link. */
function dataPlaneHost({ gateway, workspace, properties }: Subject): string {
  const region = text(workspace, 'location').toLowerCase().replaceAll(' ', '')
  const configured = gateway?.config.cloud.dataPlane
  const cloud = CLOUDS[gateway?.config.cloud.name ?? 'AzureCloud']
  const url = (configured ?? cloud.dataPlane).replaceAll('{region}', region)
  const { hostname } = new URL(url)
  if (configured !== undefined) return hostname.replace(/^\[(.*)\]$/u, '$1')
  const workspaceId = text(properties, 'workspaceId')
  return workspaceId === '' ? hostname : `${workspaceId}.workspace.${hostname}`
}

/** The private DNS zones of notebooks, as Azure documents them for its clouds. */
const NOTEBOOK_ZONES: Readonly<Record<CloudName, string>> = {
  AzureCloud: 'privatelink.notebooks.azure.net',
  AzureUSGovernment: 'privatelink.notebooks.usgovcloudapi.net',
  AzureChinaCloud: 'privatelink.notebooks.chinacloudapi.cn',
}

/** The private DNS zones of the workspaces of a cloud: of the API, and of notebooks. */
export function privateZones(cloud: CloudName): readonly [api: string, notebooks: string] {
  const host = new URL(CLOUDS[cloud].dataPlane.replace('{region}', 'region')).hostname
  return [`privatelink.${host.split('.').slice(1).join('.')}`, NOTEBOOK_ZONES[cloud]]
}

export async function checkManagedNetwork(subject: Subject): Promise<Finding[]> {
  const { ok, warning, failed } = managed
  const { id, properties } = subject
  const mode = text(inside(properties, 'managedNetwork'), 'isolationMode')
  const next = 'set managedNetwork.isolationMode to AllowOnlyApprovedOutbound'
  if (mode.toLowerCase() === 'allowonlyapprovedoutbound')
    return [ok(id, 'computes reach only what is approved')]
  if (mode.toLowerCase() === 'allowinternetoutbound')
    return [warning(id, 'computes reach the whole internet from its managed network', next)]
  const computes = await subject.computes()
  const outside = computes.filter(({ own }) => text(inside(own, 'subnet'), 'id') === '')
  if (computes.length > 0 && outside.length === 0)
    return [ok(id, 'has no managed network; every compute is in a subnet of its own')]
  const named = outside.map(({ name }) => name).join(', ')
  const who = named === '' ? 'computes that are made there' : named
  return [failed(id, `has no managed network, and no network holds ${who}`, next)]
}

export async function checkLegacyMode({ id, properties }: Subject): Promise<Finding[]> {
  if (properties.get('v1LegacyMode') !== true) return [legacy.ok(id, 'is off')]
  const what = 'is on: Azure refuses most calls of the present API'
  return [legacy.failed(id, what, 'set v1LegacyMode to false')]
}
