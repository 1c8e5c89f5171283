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
  default     = {}
  nullable    = false
}

variable "cloud" {
  type        = string
  description = "The cloud."
  default     = "AzureCloud"
  nullable    = false

  validation {
    condition     = contains(["AzureCloud", "AzureUSGovernment", "AzureChinaCloud"], var.cloud)
    error_message = "cloud must be one of AzureCloud, AzureUSGovernment, AzureChinaCloud."
  }
}

variable "tenant_id" {
  type        = string
  description = "Id of the tenant."
  nullable    = false

  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.tenant_id))
    error_message = "tenant_id must be a GUID in lower case."
  }
}

variable "workspace_ids" {
  type        = list(string)
  description = "Resource ids of the Azure ML workspaces that are to be reached through private endpoints."
  nullable    = false

  validation {
    condition     = alltrue([for one in var.workspace_ids : can(regex("^/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]+/providers/Microsoft.MachineLearningServices/workspaces/[^/]+$", one))])
    error_message = "workspace_ids must be resource ids of Azure ML workspaces."
  }
}

variable "policy_export" {
  type = object({
    roles = list(object({
      id          = string
      name        = string
      guid        = string
      description = string
      actions     = list(string)
      notActions  = list(string)
    }))
    assignments = list(object({
      role     = string
      identity = string
      scope    = string
    }))
    subscriptions = list(string)
  })
  description = "What `azureml-harness policy export --json` printed."
  nullable    = false
}

variable "vault_name" {
  type        = string
  description = "Name of the vault, unique in Azure."
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]$", var.vault_name))
    error_message = "vault_name must be 3 to 24 letters, digits and hyphens."
  }
}

variable "vault_sku" {
  type        = string
  description = "premium keeps the key that signs reviews in hardware."
  default     = "standard"
  nullable    = false

  validation {
    condition     = contains(["standard", "premium"], var.vault_sku)
    error_message = "vault_sku must be one of standard, premium."
  }
}

variable "storage_account_name" {
  type        = string
  description = "Name of the storage account of reviews, unique in Azure."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]{3,24}$", var.storage_account_name))
    error_message = "storage_account_name must be 3 to 24 lower-case letters and digits."
  }
}

variable "storage_sku" {
  type        = string
  description = "How many copies of reviews there are, and where."
  default     = "Standard_ZRS"
  nullable    = false

  validation {
    condition     = contains(["Standard_ZRS", "Standard_GZRS", "Standard_LRS", "Standard_GRS"], var.storage_sku)
    error_message = "storage_sku must be one of Standard_ZRS, Standard_GZRS, Standard_LRS, Standard_GRS."
  }
}

variable "immutability_in_days" {
  type        = number
  description = "Days for which a document of a review cannot be changed or deleted."
  default     = 365
  nullable    = false

  validation {
    condition     = var.immutability_in_days >= 1 && var.immutability_in_days <= 146000
    error_message = "immutability_in_days must be 1 to 146000."
  }
}

variable "retention_in_days" {
  type        = number
  description = "Days in which records can be queried at once."
  default     = 90
  nullable    = false

  validation {
    condition     = var.retention_in_days >= 30 && var.retention_in_days <= 730
    error_message = "retention_in_days must be 30 to 730."
  }
}

variable "total_retention_in_days" {
  type        = number
  description = "Days for which records are kept in all."
  default     = 730
  nullable    = false

  validation {
    condition     = var.total_retention_in_days >= 30 && var.total_retention_in_days <= 4383
    error_message = "total_retention_in_days must be 30 to 4383."
  }
}

variable "address_prefix" {
  type        = string
  description = "Addresses of the network."
  default     = "10.40.0.0/16"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]+([.][0-9]+){3}/[0-9]+$", var.address_prefix))
    error_message = "address_prefix must be a network such as 10.40.0.0/24."
  }
}

variable "gateway_prefix" {
  type        = string
  description = "Addresses of the gateway."
  default     = "10.40.0.0/22"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]+([.][0-9]+){3}/[0-9]+$", var.gateway_prefix))
    error_message = "gateway_prefix must be a network such as 10.40.0.0/24."
  }
}

variable "endpoint_prefix" {
  type        = string
  description = "Addresses of the private endpoints."
  default     = "10.40.8.0/24"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]+([.][0-9]+){3}/[0-9]+$", var.endpoint_prefix))
    error_message = "endpoint_prefix must be a network such as 10.40.0.0/24."
  }
}

variable "compute_prefixes" {
  type        = list(string)
  description = "Addresses from which compute of the workspaces reaches the private endpoints."
  default     = []
  nullable    = false
}

variable "policy_assignments" {
  # a list of objects whose parameters differ in their types
  type        = any
  description = "Azure Policy on resource groups of this subscription: name, resourceGroup, definitionId, parameters, enforcementMode and roleIds of each."
  default     = []
  nullable    = false
}

variable "host_name" {
  type        = string
  description = "The name that clients use; its certificate is yours."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9-]+([.][a-z0-9-]+)+$", var.host_name))
    error_message = "host_name must be a DNS name in lower case."
  }
}

variable "issuers" {
  type        = any
  description = "issuers of harness.yaml."
  nullable    = false

  validation {
    condition     = length(var.issuers) >= 1
    error_message = "issuers must have 1 or more elements."
  }
}

variable "settings" {
  type        = any
  description = "Further keys of harness.yaml, such as limits, help and console."
  default     = {}
  nullable    = false

  validation {
    condition     = length([for key in keys(var.settings) : key if contains(["listen", "cloud", "issuers", "identities", "policies", "operationKey", "approvals", "audit"], key)]) == 0
    error_message = "settings: these keys are made here."
  }
}

variable "spool_volume" {
  type        = string
  description = "EmptyDir loses records that are not shipped yet when a replica is removed."
  default     = "NfsAzureFile"
  nullable    = false

  validation {
    condition     = contains(["NfsAzureFile", "EmptyDir"], var.spool_volume)
    error_message = "spool_volume must be one of NfsAzureFile, EmptyDir."
  }
}

variable "spool_storage_account_name" {
  type        = string
  description = "Name of the storage account of spools, unique in Azure; not used with EmptyDir."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]{3,24}$", var.spool_storage_account_name))
    error_message = "spool_storage_account_name must be 3 to 24 lower-case letters and digits."
  }
}

variable "spool_quota_gib" {
  type        = number
  description = "Size of the share of spools."
  default     = 100
  nullable    = false

  validation {
    condition     = var.spool_quota_gib >= 100 && var.spool_quota_gib <= 102400
    error_message = "spool_quota_gib must be 100 to 102400."
  }
}

variable "image" {
  type        = string
  description = "The image of the gateway with its digest, HOST/NAME@sha256:...; empty for everything but the app."
  default     = ""
  nullable    = false
}

variable "registry_server" {
  type        = string
  description = "Host of the registry that the secrets reader pulls the image from; empty for one that asks nobody."
  default     = ""
  nullable    = false
}

variable "certificate_name" {
  type        = string
  description = "Name of the certificate in the vault; not used without an image."
  default     = "gateway"
  nullable    = false

  validation {
    condition     = length(var.certificate_name) >= 1 && length(var.certificate_name) <= 127
    error_message = "certificate_name must have 1 to 127 characters."
  }
}

variable "bindings" {
  type        = string
  description = "bindings.yaml, its text."
  nullable    = false

  validation {
    condition     = length(var.bindings) >= 1
    error_message = "bindings must have 1 or more characters."
  }
}

variable "min_replicas" {
  type        = number
  description = "Replicas at least."
  default     = 2
  nullable    = false

  validation {
    condition     = var.min_replicas >= 1 && var.min_replicas <= 3
    error_message = "min_replicas must be 1 to 3."
  }
}

variable "max_replicas" {
  type        = number
  description = "Replicas at most."
  default     = 3
  nullable    = false

  validation {
    condition     = var.max_replicas >= 1 && var.max_replicas <= 3
    error_message = "max_replicas must be 1 to 3."
  }
}
