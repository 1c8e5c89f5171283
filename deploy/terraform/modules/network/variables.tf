variable "resource_group_id" {
  type        = string
  description = "Resource id of the resource group that everything is made in."
  nullable    = false

  validation {
    condition     = can(regex("^/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]{1,90}$", var.resource_group_id))
    error_message = "resource_group_id must be /subscriptions/ID/resourceGroups/NAME."
  }
}

variable "name_prefix" {
  type        = string
  description = "What names begin with."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name_prefix))
    error_message = "name_prefix must be 3 to 20 lower-case letters, digits and hyphens."
  }
}

variable "location" {
  type        = string
  description = "The region."
  nullable    = false
}

variable "tags" {
  type        = map(string)
  description = "Tags of every resource."
  nullable    = false
}

variable "address_prefix" {
  type        = string
  description = "Addresses of the network."
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]+([.][0-9]+){3}/[0-9]+$", var.address_prefix))
    error_message = "address_prefix must be a network such as 10.40.0.0/24."
  }
}

variable "gateway_prefix" {
  type        = string
  description = "Addresses of the gateway."
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]+([.][0-9]+){3}/[0-9]+$", var.gateway_prefix))
    error_message = "gateway_prefix must be a network such as 10.40.0.0/24."
  }
}

variable "endpoint_prefix" {
  type        = string
  description = "Addresses of the private endpoints."
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]+([.][0-9]+){3}/[0-9]+$", var.endpoint_prefix))
    error_message = "endpoint_prefix must be a network such as 10.40.0.0/24."
  }
}

variable "compute_prefixes" {
  type        = list(string)
  description = "Addresses from which compute of the workspaces reaches the private endpoints."
  nullable    = false
}

variable "runtime" {
  type        = string
  description = "What the subnet of the gateway is for."
  nullable    = false

  validation {
    condition     = contains(["kubernetes", "container-apps"], var.runtime)
    error_message = "runtime must be one of kubernetes, container-apps."
  }
}

variable "cloud" {
  type        = string
  description = "The cloud."
  nullable    = false

  validation {
    condition     = contains(["AzureCloud", "AzureUSGovernment", "AzureChinaCloud"], var.cloud)
    error_message = "cloud must be one of AzureCloud, AzureUSGovernment, AzureChinaCloud."
  }
}
