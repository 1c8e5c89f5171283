# A cluster of Azure Kubernetes Service for the Helm chart: no local accounts, tokens of service accounts that Entra ID trusts,
# secrets by CSI, network policies.
resource "azapi_resource" "cluster" {
  type      = "Microsoft.ContainerService/managedClusters@2024-09-01"
  name      = "${var.name_prefix}-cluster"
  parent_id = var.resource_group_id
  location  = var.location
  tags      = var.tags
  response_export_values = [
    "identity.principalId",
    "properties.identityProfile.kubeletidentity.objectId",
    "properties.oidcIssuerProfile.issuerURL",
  ]

  identity {
    type = "SystemAssigned"
  }

  body = {
    sku = {
      name = "Base"
      tier = "Standard"
    }
    properties = {
      dnsPrefix            = var.name_prefix
      kubernetesVersion    = var.kubernetes_version
      enableRBAC           = true
      disableLocalAccounts = true
      aadProfile = {
        managed             = true
        enableAzureRBAC     = true
        adminGroupObjectIDs = var.admin_group_ids
      }
      oidcIssuerProfile = { enabled = true }
      securityProfile = {
        workloadIdentity = { enabled = true }
      }
      addonProfiles = {
        azureKeyvaultSecretsProvider = {
          enabled = true
          config = {
            enableSecretRotation = "true"
            rotationPollInterval = "2m"
          }
        }
      }
      autoUpgradeProfile = {
        upgradeChannel       = "patch"
        nodeOSUpgradeChannel = "NodeImage"
      }
      apiServerAccessProfile = { enablePrivateCluster = true }
      networkProfile = {
        networkPlugin     = "azure"
        networkPluginMode = "overlay"
        networkPolicy     = "cilium"
        networkDataplane  = "cilium"
        loadBalancerSku   = "standard"
        serviceCidr       = "172.16.0.0/16"
        dnsServiceIP      = "172.16.0.10"
      }
      agentPoolProfiles = [{
        name              = "system"
        mode              = "System"
        vmSize            = var.node_size
        count             = var.node_count
        enableAutoScaling = true
        minCount          = var.node_count
        maxCount          = var.max_node_count
        availabilityZones = ["1", "2", "3"]
        osType            = "Linux"
        osSKU             = "AzureLinux"
        vnetSubnetID      = var.subnet_id
        upgradeSettings   = { maxSurge = "33%" }
      }]
    }
  }
}

resource "azapi_resource" "balancer" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = uuidv5(local.guid_namespace, join("-", [var.subnet_id, azapi_resource.cluster.id, local.network_role]))
  parent_id = var.subnet_id
  # a new identity is known everywhere after some minutes only
  retry = { error_message_regex = ["PrincipalNotFound"] }

  body = {
    properties = {
      roleDefinitionId = "${local.role_ids}/${local.network_role}"
      principalId      = azapi_resource.cluster.output.identity.principalId
      principalType    = "ServicePrincipal"
    }
  }
}

resource "azapi_resource" "audit" {
  type      = "Microsoft.Insights/diagnosticSettings@2021-05-01-preview"
  name      = "${var.name_prefix}-audit"
  parent_id = azapi_resource.cluster.id

  body = {
    properties = {
      workspaceId = var.workspace_id
      logs = [{
        category = "kube-audit-admin"
        enabled  = true
      }]
    }
  }
}
