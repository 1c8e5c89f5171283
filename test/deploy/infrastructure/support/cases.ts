/**
 * Parameters that the modules are evaluated with, in Bicep's spelling of their names.
 */
import { GROUP, LOCATION, SUBSCRIPTION } from './both.ts'
import type { Document } from './deployment.ts'

const PREFIX = { namePrefix: 'harness', tags: { owner: 'ml-platform' } }
const COMMON = { ...PREFIX, location: LOCATION }
const guid = (n: number): string => `00000000-0000-4000-8000-0000000000${n}`
const LOGS = `${GROUP}/providers/Microsoft.OperationalInsights/workspaces/harness-logs`
const ML = '/providers/Microsoft.MachineLearningServices'
const network = (what: string): string => `${GROUP}/providers/Microsoft.Network/${what}`
const zone = (name: string): string => network(`privateDnsZones/${name}`)

const ROLES = {
  roles: [
    {
      id: 'reader',
      name: 'Azure ML Harness reader',
      guid: guid(51),
      description: 'reads',
      actions: ['Microsoft.MachineLearningServices/workspaces/read'],
    },
  ],
  assignments: [
    `/subscriptions/${SUBSCRIPTION}`,
    GROUP,
    `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-ml${ML}/workspaces/research`,
    `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-ml${ML}/registries/shared`,
  ].map((scope) => ({ role: 'reader', identity: 'ml-reader', scope })),
  subscriptions: [`/subscriptions/${SUBSCRIPTION}`],
}

const NETWORK = {
  ...COMMON,
  addressPrefix: '10.40.0.0/16',
  gatewayPrefix: '10.40.0.0/22',
  endpointPrefix: '10.40.8.0/24',
  computePrefixes: ['10.50.0.0/24'],
  runtime: 'kubernetes',
  cloud: 'AzureCloud',
}
const VAULT = {
  ...COMMON,
  vaultName: 'kv-harness',
  tenantId: guid(10),
  vaultSku: 'standard',
  signerPrincipalId: guid(33),
  readerPrincipalId: guid(34),
  workspaceId: LOGS,
}

/** For each module, by its path without the file's ending, sets of parameters by what they show. */
export const CASES: Readonly<Record<string, Readonly<Record<string, Document>>>> = {
  'modules/identities': { all: COMMON },
  'modules/logs': {
    public: {
      ...COMMON,
      writerPrincipalId: guid(31),
      readerPrincipalId: guid(32),
      retentionInDays: 90,
      totalRetentionInDays: 730,
      publicNetworkAccess: 'Enabled',
    },
  },
  'modules/vault': { software: VAULT, hardware: { ...VAULT, vaultSku: 'premium' } },
  'modules/ledger': {
    all: {
      ...COMMON,
      storageAccountName: 'stharness',
      storageSku: 'Standard_ZRS',
      immutabilityInDays: 365,
      writerPrincipalId: guid(33),
      workspaceId: LOGS,
    },
  },
  'modules/network': {
    kubernetes: NETWORK,
    'container apps': { ...NETWORK, runtime: 'container-apps', computePrefixes: [] },
    government: { ...NETWORK, cloud: 'AzureUSGovernment' },
  },
  'modules/private-endpoints': {
    two: {
      ...COMMON,
      subnetId: network('virtualNetworks/harness-network/subnets/endpoints'),
      endpoints: [
        {
          name: 'research',
          resourceId: `${GROUP}${ML}/workspaces/research`,
          groupId: 'amlworkspace',
          zoneIds: [zone('privatelink.api.azureml.ms'), zone('privatelink.notebooks.azure.net')],
        },
        {
          name: 'ledger',
          resourceId: `${GROUP}/providers/Microsoft.Storage/storageAccounts/stharness`,
          groupId: 'blob',
          zoneIds: [zone('privatelink.blob.core.windows.net')],
        },
      ],
    },
    none: { ...COMMON, subnetId: network('virtualNetworks/n/subnets/e'), endpoints: [] },
  },
  'modules/policy-assignment': {
    changing: {
      location: LOCATION,
      assignmentName: 'ml-workspaces',
      policyDefinitionId: `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Authorization/policySetDefinitions/azureml-harness`,
      policyParameters: { logAnalytics: { value: LOGS } },
      enforcementMode: 'Default',
      roleIds: [guid(61), guid(62)],
    },
  },
  'modules/roles': {
    'every kind of scope': { ...ROLES, principalIds: { 'ml-reader': guid(31) } },
  },
  'modules/federation': {
    all: {
      identityNames: ['harness-ml-reader', 'harness-ml-writer'],
      issuerUrl: 'https://westeurope.oic.prod-aks.azure.com/tenant/cluster/',
      kubernetesNamespace: 'azureml-harness',
      serviceAccount: 'azureml-harness',
    },
  },
  'modules/entry': {
    all: {
      ...PREFIX,
      hostName: 'ml.contoso.example',
      ipAddress: '10.40.3.200',
      networkId: network('virtualNetworks/harness-network'),
    },
  },
}
