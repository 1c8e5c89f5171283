// A cluster of Azure Kubernetes Service for the Helm chart: no local accounts, tokens of service accounts that Entra ID trusts,
// secrets by CSI, network policies.
@description('What names begin with.')
@minLength(3)
@maxLength(20)
param namePrefix string

@description('The region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Version of Kubernetes, such as 1.33.')
@minLength(4)
@maxLength(10)
param kubernetesVersion string

@description('Size of the nodes.')
param nodeSize string

@description('Nodes at least; one in each zone.')
@minValue(3)
@maxValue(100)
param nodeCount int

@description('Nodes at most.')
@minValue(3)
@maxValue(100)
param maxNodeCount int

@description('Object ids of the groups in Entra ID that administer the cluster.')
@minLength(1)
param adminGroupIds array

@description('Resource id of the subnet of the nodes.')
param subnetId string

@description('Resource id of the Log Analytics workspace that has the log of the cluster.')
param workspaceId string

// Network Contributor: the load balancer takes an address of the subnet
var networkRole = '4d97b98b-1d4f-4787-a291-c67834d212e7'
var networkName = split(subnetId, '/')[8]
var subnetName = split(subnetId, '/')[10]

resource cluster 'Microsoft.ContainerService/managedClusters@2024-09-01' = {
  name: '${namePrefix}-cluster'
  location: location
  tags: tags
  identity: { type: 'SystemAssigned' }
  sku: {
    name: 'Base'
    tier: 'Standard'
  }
  properties: {
    dnsPrefix: namePrefix
    kubernetesVersion: kubernetesVersion
    enableRBAC: true
    disableLocalAccounts: true
    aadProfile: {
      managed: true
      enableAzureRBAC: true
      adminGroupObjectIDs: adminGroupIds
    }
    oidcIssuerProfile: { enabled: true }
    securityProfile: {
      workloadIdentity: { enabled: true }
    }
    addonProfiles: {
      azureKeyvaultSecretsProvider: {
        enabled: true
        config: {
          enableSecretRotation: 'true'
          rotationPollInterval: '2m'
        }
      }
    }
    autoUpgradeProfile: {
      upgradeChannel: 'patch'
      nodeOSUpgradeChannel: 'NodeImage'
    }
    apiServerAccessProfile: { enablePrivateCluster: true }
    networkProfile: {
      networkPlugin: 'azure'
      networkPluginMode: 'overlay'
      networkPolicy: 'cilium'
      networkDataplane: 'cilium'
      loadBalancerSku: 'standard'
      serviceCidr: '172.16.0.0/16'
      dnsServiceIP: '172.16.0.10'
    }
    agentPoolProfiles: [
      {
        name: 'system'
        mode: 'System'
        vmSize: nodeSize
        count: nodeCount
        enableAutoScaling: true
        minCount: nodeCount
        maxCount: maxNodeCount
        availabilityZones: ['1', '2', '3']
        osType: 'Linux'
        osSKU: 'AzureLinux'
        vnetSubnetID: subnetId
        upgradeSettings: { maxSurge: '33%' }
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' existing = {
  name: networkName
}

resource subnet 'Microsoft.Network/virtualNetworks/subnets@2024-05-01' existing = {
  parent: network
  name: subnetName
}

resource balancer 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subnet.id, cluster.id, networkRole)
  scope: subnet
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', networkRole)
    principalId: cluster.identity.principalId
    principalType: 'ServicePrincipal'
  }
}

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: '${namePrefix}-audit'
  scope: cluster
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'kube-audit-admin'
        enabled: true
      }
    ]
  }
}

@description('Name of the cluster.')
output clusterName string = cluster.name

@description('The cluster as an issuer of tokens.')
output issuerUrl string = cluster.properties.oidcIssuerProfile.issuerURL

@description('Object id of the identity that pulls images: give it AcrPull on your registry.')
output kubeletPrincipalId string = cluster.properties.identityProfile.kubeletidentity.objectId
