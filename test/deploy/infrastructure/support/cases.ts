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
      notActions: ['Microsoft.MachineLearningServices/workspaces/listKeys/action'],
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

const IDENTITIES = [
  'ml-reader',
  'ml-writer',
  'audit-writer',
  'log-reader',
  'ledger',
  'directory-reader',
  'secrets-reader',
].map((duty, at) => ({
  duty,
  id: `${GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/harness-${duty}`,
  name: `harness-${duty}`,
  clientId: guid(70 + at),
  principalId: guid(80 + at),
}))

const ISSUERS = [
  {
    name: 'entra',
    profile: 'entra',
    issuer: `https://login.microsoftonline.com/${guid(10)}/v2.0`,
    audiences: [guid(11)],
  },
]

const CONFIGURATION = {
  hostName: 'ml.contoso.example',
  cloud: 'AzureCloud',
  tenantId: guid(10),
  runtime: 'kubernetes',
  identities: IDENTITIES,
  logs: {
    workspaceId: LOGS,
    customerId: guid(90),
    endpoint: 'https://harness.westeurope-1.ingest.monitor.azure.com',
    ruleId: 'dcr-00000000000000000000000000000000',
  },
  reviewKeyUri: `https://kv-harness.vault.azure.net/keys/aml-review/${'0'.repeat(32)}`,
  ledgerUrl: 'https://stharness.blob.core.windows.net/approvals',
  issuers: ISSUERS,
  settings: { help: { contact: 'ml-platform@contoso.example' } },
}

const CLUSTER = {
  kubernetesVersion: '1.33',
  nodeSize: 'Standard_D4s_v5',
  nodeCount: 3,
  maxNodeCount: 6,
  adminGroupIds: [guid(12)],
}

const BASE = {
  ...COMMON,
  cloud: 'AzureCloud',
  tenantId: guid(10),
  workspaceIds: [`/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-ml${ML}/workspaces/research`],
  policyExport: ROLES,
  vaultName: 'kv-harness',
  vaultSku: 'standard',
  storageAccountName: 'stharness',
  storageSku: 'Standard_ZRS',
  immutabilityInDays: 365,
  retentionInDays: 90,
  totalRetentionInDays: 730,
  addressPrefix: '10.40.0.0/16',
  gatewayPrefix: '10.40.0.0/22',
  endpointPrefix: '10.40.8.0/24',
  computePrefixes: [],
  policyAssignments: [
    {
      name: 'ml-workspaces',
      resourceGroup: 'rg-ml',
      definitionId: `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Authorization/policySetDefinitions/azureml-harness`,
      parameters: {},
      enforcementMode: 'DoNotEnforce',
      roleIds: [guid(61)],
    },
  ],
}

/** What has no default, for a deployment on Kubernetes. */
const AKS = {
  namePrefix: 'harness',
  location: LOCATION,
  tenantId: guid(10),
  workspaceIds: BASE.workspaceIds,
  policyExport: ROLES,
  vaultName: 'kv-harness',
  storageAccountName: 'stharness',
  hostName: 'ml.contoso.example',
  issuers: ISSUERS,
  kubernetesVersion: '1.33',
  adminGroupIds: [guid(12)],
  serviceIp: '10.40.3.200',
  imageRepository: 'contoso.azurecr.io/azureml-harness',
  imageDigest: `sha256:${'0'.repeat(64)}`,
}

const IMAGE = `contoso.azurecr.io/azureml-harness@sha256:${'0'.repeat(64)}`
const BINDINGS = 'bindings: []\n'
const ENVIRONMENT = `${GROUP}/providers/Microsoft.App/managedEnvironments/harness-environment`

const APP = {
  ...COMMON,
  environmentId: ENVIRONMENT,
  identities: IDENTITIES,
  image: IMAGE,
  registryServer: 'contoso.azurecr.io',
  configuration: {
    listen: { publicUrl: 'https://ml.contoso.example' },
    cloud: { name: 'AzureCloud' },
    issuers: ISSUERS,
    audit: { spool: { durability: 'fsync' }, sinks: [{ name: 'console', kind: 'stdout' }] },
  },
  bindings: BINDINGS,
  hostName: 'ml.contoso.example',
  certificateId: `${ENVIRONMENT}/certificates/gateway`,
  operationKeyUrl: 'https://kv-harness.vault.azure.net/secrets/operation-key',
  gatewayPrefix: '10.40.0.0/22',
  minReplicas: 2,
  maxReplicas: 3,
  spoolVolume: 'NfsAzureFile',
}

const CONTAINER_APPS = {
  namePrefix: 'harness',
  location: LOCATION,
  tenantId: guid(10),
  workspaceIds: BASE.workspaceIds,
  policyExport: ROLES,
  vaultName: 'kv-harness',
  storageAccountName: 'stharness',
  spoolStorageAccountName: 'stharnessspool',
  hostName: 'ml.contoso.example',
  issuers: ISSUERS,
  bindings: BINDINGS,
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
  'modules/configuration': {
    kubernetes: CONFIGURATION,
    'container apps': { ...CONFIGURATION, runtime: 'container-apps', settings: {} },
  },
  'modules/cluster': {
    all: {
      ...COMMON,
      ...CLUSTER,
      subnetId: network('virtualNetworks/harness-network/subnets/gateway'),
      workspaceId: LOGS,
    },
  },
  'modules/base': { all: { ...BASE, runtime: 'kubernetes' } },
  aks: {
    'as little as can be said': AKS,
    more: { ...AKS, ...BASE, ...CLUSTER, settings: CONFIGURATION.settings },
  },
  'modules/spool': {
    all: {
      location: LOCATION,
      tags: PREFIX.tags,
      spoolStorageAccountName: 'stharnessspool',
      spoolQuotaGib: 100,
    },
  },
  'modules/environment': {
    whole: {
      ...COMMON,
      subnetId: network('virtualNetworks/harness-network/subnets/gateway'),
      workspaceId: LOGS,
      secretsReaderId: IDENTITIES[6]?.id ?? '',
      hasCertificate: true,
      certificateSecretUrl: 'https://kv-harness.vault.azure.net/secrets/gateway',
      hasSpool: true,
      spoolServer: 'stharnessspool.file.core.windows.net',
      spoolShareName: '/stharnessspool/spool',
    },
    'no certificate and no share': {
      ...COMMON,
      subnetId: network('virtualNetworks/harness-network/subnets/gateway'),
      workspaceId: LOGS,
      secretsReaderId: IDENTITIES[6]?.id ?? '',
      hasCertificate: false,
      certificateSecretUrl: '',
      hasSpool: false,
      spoolServer: '',
      spoolShareName: '',
    },
  },
  'modules/app': {
    'a share': APP,
    'volumes of replicas, and a registry for everybody': {
      ...APP,
      spoolVolume: 'EmptyDir',
      registryServer: '',
    },
  },
  'container-apps': {
    whole: { ...CONTAINER_APPS, image: IMAGE, registryServer: 'contoso.azurecr.io' },
    'first, without an image': CONTAINER_APPS,
    'volumes of replicas': { ...CONTAINER_APPS, image: IMAGE, spoolVolume: 'EmptyDir' },
  },
}
