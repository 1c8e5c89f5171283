# The network of the gateway: its subnet, one for private endpoints that only the gateway and compute reach, and the private DNS
# zones by which the endpoints are found.
resource "azapi_resource" "gateway_group" {
  type      = "Microsoft.Network/networkSecurityGroups@2024-05-01"
  name      = "${var.name_prefix}-gateway"
  parent_id = var.resource_group_id
  location  = var.location
  tags      = var.tags

  body = {
    properties = { securityRules = [] }
  }
}

resource "azapi_resource" "endpoint_group" {
  type      = "Microsoft.Network/networkSecurityGroups@2024-05-01"
  name      = "${var.name_prefix}-endpoints"
  parent_id = var.resource_group_id
  location  = var.location
  tags      = var.tags

  body = {
    properties = {
      securityRules = [
        {
          name = "from-gateway-and-compute"
          properties = {
            priority                 = 100
            direction                = "Inbound"
            access                   = "Allow"
            protocol                 = "Tcp"
            sourceAddressPrefixes    = concat([var.gateway_prefix], var.compute_prefixes)
            sourcePortRange          = "*"
            destinationAddressPrefix = var.endpoint_prefix
            # 2049 is NFS, for the spool of Container Apps
            destinationPortRanges = ["443", "2049"]
          }
        },
        {
          name = "nobody-else"
          properties = {
            priority                 = 4096
            direction                = "Inbound"
            access                   = "Deny"
            protocol                 = "*"
            sourceAddressPrefix      = "*"
            sourcePortRange          = "*"
            destinationAddressPrefix = "*"
            destinationPortRange     = "*"
          }
        },
      ]
    }
  }
}

resource "azapi_resource" "network" {
  type      = "Microsoft.Network/virtualNetworks@2024-05-01"
  name      = "${var.name_prefix}-network"
  parent_id = var.resource_group_id
  location  = var.location
  tags      = var.tags

  body = {
    properties = {
      addressSpace = { addressPrefixes = [var.address_prefix] }
      subnets = [
        {
          name = "gateway"
          properties = {
            addressPrefix        = var.gateway_prefix
            networkSecurityGroup = { id = azapi_resource.gateway_group.id }
            delegations          = local.delegations[var.runtime]
          }
        },
        {
          name = "endpoints"
          properties = {
            addressPrefix        = var.endpoint_prefix
            networkSecurityGroup = { id = azapi_resource.endpoint_group.id }
            # without it the rules do not hold for private endpoints
            privateEndpointNetworkPolicies = "NetworkSecurityGroupEnabled"
          }
        },
      ]
    }
  }
}
