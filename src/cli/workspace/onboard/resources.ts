/**
 * What Azure has to have for a workspace, as resources that Bicep and Terraform both are written from.
 * @module
 */
import { azureRoles } from '../../../policy/review/export/azure-role.ts'
import { grantsOf, guidOf } from '../../../policy/review/export/grants.ts'
import type { PolicySet } from '../../../policy/load/rules.ts'
import { INITIATIVE } from '../initiative.ts'
import { grantsAt } from '../checks/roles.ts'

/** A value that is known when the template is deployed: a parameter, or something of another resource. */
export class Given {
  readonly parameter: string
  constructor(parameter: string) {
    this.parameter = parameter
  }
}
export class Of {
  readonly symbol: string
  readonly what: 'id' | 'principalId'
  constructor(symbol: string, what: 'id' | 'principalId') {
    this.symbol = symbol
    this.what = what
  }
}
export type Value =
  string | boolean | Given | Of | readonly Value[] | { readonly [name: string]: Value }

export interface Parameter {
  /** In camel case. */
  readonly name: string
  readonly about: string
  /** Null: it has to be given. */
  readonly default: string | null
}

export interface Resource {
  /** In camel case. */
  readonly symbol: string
  /** `Provider/type@api-version`. */
  readonly type: string
  readonly name: string
  /** What it is in, or assigned on: ARM id, or a resource of the same template. */
  readonly scope: string | Of
  readonly location?: Value
  /** It has an identity of its own. */
  readonly hasIdentity?: true
  readonly properties: Value
  /** Resources that have to be there before, besides those that it names. */
  readonly after?: readonly string[]
}

export interface Template {
  readonly parameters: readonly Parameter[]
  readonly resources: readonly Resource[]
}

/** Which parts are lacking. */
export interface Parts {
  /** Identities and where they lack a role, as `IDENTITY on SCOPE`. */
  readonly roles: ReadonlySet<string>
  readonly privateEndpoint: boolean
  readonly policy: boolean
}

export interface About {
  /** ARM id of the workspace. */
  readonly id: string
  readonly region: string
  /** With the bindings that are added. */
  readonly policies: PolicySet
  /** Object ids of the gateway's identities, as far as they are known. */
  readonly ids: ReadonlyMap<string, string>
}

const camel = (text: string): string =>
  text.replaceAll(/[^a-zA-Z0-9]+(.)?/gu, (_, next: string | undefined) =>
    (next ?? '').toUpperCase(),
  )
const capital = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`

/** The resources of the parts that are lacking. */
export function templateOf(about: About, parts: Parts): Template {
  const all = [
    ...(parts.roles.size > 0 ? [rolesFor(about, parts.roles)] : []),
    ...(parts.privateEndpoint ? [privateEndpointFor(about)] : []),
    ...(parts.policy ? [policyFor(about)] : []),
  ]
  const parameters = new Map(
    all.flatMap((one) => one.parameters).map((one) => [one.name, one] as const),
  )
  return {
    parameters: [...parameters.values()],
    resources: all.flatMap(({ resources }) => resources),
  }
}

/** The custom roles of `policy export`, and their assignments for this workspace. */
function rolesFor({ id, policies, ids }: About, lacking: ReadonlySet<string>): Template {
  const here = grantsAt(policies, id)
  const assigned = here.assignments.filter(({ identity, scope }) =>
    lacking.has(`${identity} on ${scope}`),
  )
  const needed = here.roles.filter((one) => assigned.some(({ role }) => role === one.id))
  const subscription = id.split('/').slice(0, 3).join('/')
  // a role is one in the whole tenant: where it may be assigned is what all bindings need
  const { subscriptions } = grantsOf(policies)
  const definitions = azureRoles({ ...here, roles: needed, subscriptions })
  const roles = needed.map((role, at): Resource => {
    const definition: { properties?: Value } = definitions[at] ?? {}
    return {
      symbol: `role${capital(camel(role.id))}`,
      type: 'Microsoft.Authorization/roleDefinitions@2022-04-01',
      name: role.guid,
      scope: subscription,
      properties: definition.properties ?? {},
    }
  })
  const assignments = assigned.map(({ role, identity, scope }): Resource => {
    const guid = here.roles.find((one) => one.id === role)?.guid ?? ''
    const where = isSame(scope, id) ? '' : `On${capital(scopeKind(scope))}`
    return {
      symbol: `assign${capital(camel(role))}${where}`,
      type: 'Microsoft.Authorization/roleAssignments@2022-04-01',
      name: guidOf(`assignment ${identity} ${role} ${scope.toLowerCase()}`),
      scope: isSame(scope, id) ? id : scope,
      properties: {
        roleDefinitionId: `${subscription}/providers/Microsoft.Authorization/roleDefinitions/${guid}`,
        principalId: new Given(`${camel(identity)}PrincipalId`),
        principalType: 'ServicePrincipal',
      },
      after: [`role${capital(camel(role))}`],
    }
  })
  const identities = [...new Set(assigned.map(({ identity }) => identity))].sort()
  const parameters = identities.map((name) => ({
    name: `${camel(name)}PrincipalId`,
    about: `Object id of the identity ${name} of the gateway.`,
    default: ids.get(name) ?? null,
  }))
  return { parameters, resources: [...roles, ...assignments] }
}

const isSame = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()
const scopeKind = (scope: string): string =>
  scope.split('/').length === 3 ? 'subscription' : 'resourceGroup'
const groupOf = (id: string): string => id.split('/').slice(0, 5).join('/')
const nameOf = (id: string): string => id.slice(id.lastIndexOf('/') + 1)

const SUBNET: Parameter = {
  name: 'privateEndpointSubnetId',
  about: 'Resource id of the subnet for private endpoints, in the network of the gateway.',
  default: null,
}
const ZONES: readonly Parameter[] = [
  {
    name: 'apiDnsZoneId',
    about: 'Resource id of the private DNS zone of the API.',
    default: null,
  },
  {
    name: 'notebooksDnsZoneId',
    about: 'Resource id of the private DNS zone of notebooks.',
    default: null,
  },
]
const location = (region: string): Parameter => ({
  name: 'location',
  about: 'The region of what is made; a private endpoint is in that of its network.',
  default: region,
})

function privateEndpointFor({ id, region }: About): Template {
  const name = `pe-${nameOf(id)}`
  const zone = (zoneName: string, parameter: string): Value => ({
    name: zoneName,
    properties: { privateDnsZoneId: new Given(parameter) },
  })
  return {
    parameters: [location(region), SUBNET, ...ZONES],
    resources: [
      {
        symbol: 'privateEndpoint',
        type: 'Microsoft.Network/privateEndpoints@2024-05-01',
        name,
        scope: groupOf(id),
        location: new Given('location'),
        properties: {
          subnet: { id: new Given(SUBNET.name) },
          privateLinkServiceConnections: [
            { name, properties: { privateLinkServiceId: id, groupIds: ['amlworkspace'] } },
          ],
        },
      },
      {
        symbol: 'privateDns',
        type: 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01',
        name: 'default',
        scope: new Of('privateEndpoint', 'id'),
        properties: {
          privateDnsZoneConfigs: [
            zone('api', 'apiDnsZoneId'),
            zone('notebooks', 'notebooksDnsZoneId'),
          ],
        },
      },
    ],
  }
}

/** Azure's role Contributor, which the definitions of the initiative ask for. */
const CONTRIBUTOR = 'b24988ac-6180-42a0-ab88-20f7382dd24c'

/** The initiative on the resource group: private endpoints of workspaces are made there. */
function policyFor({ id, region }: About): Template {
  const group = groupOf(id)
  const subscription = id.split('/').slice(0, 3).join('/')
  const value = (parameter: string): Value => ({ value: new Given(parameter) })
  return {
    parameters: [
      location(region),
      SUBNET,
      ...ZONES,
      {
        name: 'logAnalyticsId',
        about: 'Resource id of the Log Analytics workspace for diagnostics.',
        default: null,
      },
      {
        name: 'initiativeId',
        about: 'Resource id of the initiative of deploy/policy.',
        default: `${subscription}/providers/Microsoft.Authorization/policySetDefinitions/${INITIATIVE}`,
      },
      {
        name: 'denyEffect',
        about: 'Audit reports what is open, Deny refuses it.',
        default: 'Audit',
      },
    ],
    resources: [
      {
        symbol: 'policyAssignment',
        type: 'Microsoft.Authorization/policyAssignments@2024-04-01',
        name: 'azureml-harness',
        scope: group,
        location: new Given('location'),
        hasIdentity: true,
        properties: {
          displayName: 'Azure Machine Learning through the gateway only',
          policyDefinitionId: new Given('initiativeId'),
          enforcementMode: 'Default',
          parameters: {
            denyEffect: value('denyEffect'),
            privateEndpointSubnetId: value('privateEndpointSubnetId'),
            privateDnsZoneId: value('apiDnsZoneId'),
            secondPrivateDnsZoneId: value('notebooksDnsZoneId'),
            logAnalytics: value('logAnalyticsId'),
          },
        },
      },
      {
        symbol: 'policyRole',
        type: 'Microsoft.Authorization/roleAssignments@2022-04-01',
        name: guidOf(`policy ${group.toLowerCase()}`),
        scope: group,
        properties: {
          roleDefinitionId: `${subscription}/providers/Microsoft.Authorization/roleDefinitions/${CONTRIBUTOR}`,
          principalId: new Of('policyAssignment', 'principalId'),
          principalType: 'ServicePrincipal',
        },
      },
    ],
  }
}
