/**
 * Who and what lives in the lab: fixed ids, so that bindings, tests and documents can name them.
 *
 * Nothing here is a secret of anybody's: these credentials open the lab on this machine only.
 * @module
 */

export const TENANT = '11111111-1111-4111-8111-111111111111'
export const SUBSCRIPTION = '22222222-2222-4222-8222-222222222222'
export const RESOURCE_GROUP = 'rg-lab'
export const WORKSPACE = 'ws-lab'
export const OTHER_WORKSPACE = 'ws-other'
export const REGION = 'eastus'

/** The gateway as Entra ID and Okta know it. Entra v2 tokens carry the GUID, never the URI. */
export const AUDIENCE_URI = 'api://azureml-harness'
export const AUDIENCE_GUID = '99999999-9999-4999-8999-999999999999'

/** The public client of the command line: Entra calls it `azp`, Okta `cid`. */
export const ENTRA_CLI = 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaa01'
export const OKTA_CLI = '0oa1labcli'
/** The console of the gateway, which people sign in to with a browser. */
export const ENTRA_CONSOLE = 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaa02'
export const OKTA_CONSOLE = '0oa1labconsole'
/** The same, where it has a secret. */
export const OKTA_CONSOLE_WITH_SECRET = {
  id: '0oa1labconsole-secret',
  secret: 'lab-only-0oa1labconsole',
} as const
/** The client under which the lab itself asks both issuers for a persona's token. */
export const LAB_CLIENT = 'azureml-harness-lab'

/** The gateway's application in Entra ID that exchanges callers' tokens. */
export const ON_BEHALF_OF_CLIENT = 'bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbb01'

/** ARM id of a workspace of the lab. */
export function workspaceId(name: string = WORKSPACE): string {
  return (
    `/subscriptions/${SUBSCRIPTION}/resourceGroups/${RESOURCE_GROUP}` +
    `/providers/Microsoft.MachineLearningServices/workspaces/${name}`
  )
}

/** Where Microsoft keeps its own registries. */
export const MICROSOFT_SUBSCRIPTION = '77777777-7777-4777-8777-777777777777'

/** ARM id of a registry of the lab: `azureml`, which is Microsoft's, or `shared`. */
export function registryId(name: 'azureml' | 'shared'): string {
  const group =
    name === 'azureml'
      ? `/subscriptions/${MICROSOFT_SUBSCRIPTION}/resourceGroups/rg-registries`
      : `/subscriptions/${SUBSCRIPTION}/resourceGroups/${RESOURCE_GROUP}`
  return `${group}/providers/Microsoft.MachineLearningServices/registries/${name}`
}

interface EntraUser {
  readonly kind: 'entra-user'
  readonly oid: string
  readonly groups: readonly string[]
  readonly name: string
  readonly upn: string
}
interface EntraCompute {
  readonly kind: 'entra-compute'
  readonly oid: string
  readonly clientId: string
  readonly resourceId: string
}
interface OktaUser {
  readonly kind: 'okta-user'
  readonly uid: string
  readonly login: string
  readonly groups: readonly string[]
}
interface OktaService {
  readonly kind: 'okta-service'
  readonly cid: string
  readonly secret: string
}
export type Persona = (EntraUser | EntraCompute | OktaUser | OktaService) & {
  /** One line for people. */
  readonly about: string
}

const oid = (n: number): string => `44444444-4444-4444-8444-44444444440${n}`
const group = (n: number): string => `33333333-3333-4333-8333-33333333330${n}`

export const PERSONAS: ReadonlyMap<string, Persona> = new Map<string, Persona>([
  [
    'scientist',
    {
      kind: 'entra-user',
      about: 'Entra ID user, data scientist on ws-lab',
      oid: oid(1),
      groups: [group(1)],
      name: 'Sofia Scientist',
      upn: 'sofia.scientist@lab.example',
    },
  ],
  [
    'reader',
    {
      kind: 'okta-user',
      about: 'Okta user, reads ws-lab',
      uid: '00u1reader',
      login: 'rui.reader@lab.example',
      groups: ['Everyone', 'ml-readers'],
    },
  ],
  [
    'reviewer',
    {
      kind: 'entra-user',
      about: 'Entra ID user, reviews models in ws-lab',
      oid: oid(2),
      groups: [group(2)],
      name: 'Renata Reviewer',
      upn: 'renata.reviewer@lab.example',
    },
  ],
  [
    'service',
    {
      kind: 'okta-service',
      about: 'Okta service by client credentials, runs pipelines in ws-lab',
      cid: '0oa1service',
      secret: 'lab-only-0oa1service',
    },
  ],
  [
    'cluster',
    {
      kind: 'entra-compute',
      about: 'managed identity of the compute cluster cpu-cluster in ws-lab',
      oid: oid(5),
      clientId: '55555555-5555-4555-8555-555555555505',
      resourceId: `${workspaceId()}/computes/cpu-cluster`,
    },
  ],
  [
    'outsider',
    {
      kind: 'entra-user',
      about: 'valid Entra ID user without any access',
      oid: oid(6),
      groups: [],
      name: 'Otto Outsider',
      upn: 'otto.outsider@lab.example',
    },
  ],
])

/** A managed identity of the gateway, and what the lab lets it do (its role assignments, so to speak). */
export interface LabIdentity {
  readonly name: string
  readonly clientId: string
  readonly oid: string
  /** Methods that ARM and the data plane of the lab permit to it. */
  readonly may: 'read' | 'write' | 'nothing'
}

const identity = (name: string, n: number, may: LabIdentity['may']): LabIdentity => ({
  name,
  clientId: `77777777-7777-4777-8777-77777777770${n}`,
  oid: `88888888-8888-4888-8888-88888888880${n}`,
  may,
})

/** The one of these that may read the Log Analytics workspace. */
export const LOG_READER = 'log-reader'

export const IDENTITIES: readonly LabIdentity[] = [
  identity('ml-reader', 1, 'read'),
  identity('ml-writer', 2, 'write'),
  identity('audit-writer', 3, 'nothing'),
  identity(LOG_READER, 4, 'nothing'),
  identity('ledger', 5, 'nothing'),
  identity('directory-reader', 6, 'nothing'),
]

/** Those that every gateway of the lab has; a test names the others itself. */
export const USED_IDENTITIES = IDENTITIES.slice(0, 3)

/** Where the gateway's records go: a data collection rule and its stream. */
export const RULE_ID = 'dcr-1ab1ab1ab1ab41ab81ab1ab1ab1ab1ab'
export const STREAM = 'Custom-AmlHarnessAudit'
/** The Log Analytics workspace that they end up in. */
export const LOGS_WORKSPACE = '12121212-1212-4121-8121-121212121212'
