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

variable "kubernetes_version" {
  type        = string
  description = "Version of Kubernetes, such as 1.33."
  nullable    = false

  validation {
    condition     = length(var.kubernetes_version) >= 4 && length(var.kubernetes_version) <= 10
    error_message = "kubernetes_version must have 4 to 10 characters."
  }
}

variable "node_size" {
  type        = string
  description = "Size of the nodes."
  default     = "Standard_D4s_v5"
  nullable    = false
}

variable "node_count" {
  type        = number
  description = "Nodes at least; one in each zone."
  default     = 3
  nullable    = false

  validation {
    condition     = var.node_count >= 3 && var.node_count <= 100
    error_message = "node_count must be 3 to 100."
  }
}

variable "max_node_count" {
  type        = number
  description = "Nodes at most."
  default     = 6
  nullable    = false

  validation {
    condition     = var.max_node_count >= 3 && var.max_node_count <= 100
    error_message = "max_node_count must be 3 to 100."
  }
}

variable "admin_group_ids" {
  type        = list(string)
  description = "Object ids of the groups in Entra ID that administer the cluster."
  nullable    = false

  validation {
    condition     = length(var.admin_group_ids) >= 1
    error_message = "admin_group_ids must have 1 or more elements."
  }
}

variable "kubernetes_namespace" {
  type        = string
  description = "Namespace that the chart is installed in."
  default     = "azureml-harness"
  nullable    = false

  validation {
    condition     = length(var.kubernetes_namespace) >= 1 && length(var.kubernetes_namespace) <= 63
    error_message = "kubernetes_namespace must have 1 to 63 characters."
  }
}

variable "service_account" {
  type        = string
  description = "Name of the service account of the gateway."
  default     = "azureml-harness"
  nullable    = false

  validation {
    condition     = length(var.service_account) >= 1 && length(var.service_account) <= 63
    error_message = "service_account must have 1 to 63 characters."
  }
}

variable "service_ip" {
  type        = string
  description = "Address of the load balancer: a free one of gatewayPrefix, not of its first four."
  nullable    = false

  validation {
    condition     = length(var.service_ip) >= 7 && length(var.service_ip) <= 15
    error_message = "service_ip must have 7 to 15 characters."
  }
}

variable "image_repository" {
  type        = string
  description = "Where the image of the gateway is, without tag."
  nullable    = false

  validation {
    condition     = length(var.image_repository) >= 3
    error_message = "image_repository must have 3 or more characters."
  }
}

variable "image_digest" {
  type        = string
  description = "Digest of the image, sha256:..."
  nullable    = false

  validation {
    condition     = length(var.image_digest) >= 71 && length(var.image_digest) <= 71
    error_message = "image_digest must have 71 to 71 characters."
  }
}
