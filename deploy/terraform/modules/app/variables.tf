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

variable "environment_id" {
  type        = string
  description = "Resource id of the environment."
  nullable    = false

  validation {
    condition     = can(regex("^/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]+/providers/[^/]+/.+$", var.environment_id))
    error_message = "environment_id must be a resource id."
  }
}

variable "identities" {
  type = list(object({
    duty        = string
    id          = string
    name        = string
    clientId    = string
    principalId = string
  }))
  description = "The identities, as the module of them has them."
  nullable    = false

  validation {
    condition     = length(var.identities) >= 7 && length(var.identities) <= 7
    error_message = "identities must have 7 to 7 elements."
  }
}

variable "image" {
  type        = string
  description = "The image of the gateway with its digest: HOST/NAME@sha256:..."
  nullable    = false

  validation {
    condition     = length(var.image) >= 75
    error_message = "image must have 75 or more characters."
  }
}

variable "registry_server" {
  type        = string
  description = "Host of the registry that the secrets reader pulls the image from; empty for one that asks nobody."
  nullable    = false
}

variable "configuration" {
  type        = any
  description = "harness.yaml without what is added here."
  nullable    = false
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

variable "host_name" {
  type        = string
  description = "The name that clients use."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9-]+([.][a-z0-9-]+)+$", var.host_name))
    error_message = "host_name must be a DNS name in lower case."
  }
}

variable "certificate_id" {
  type        = string
  description = "Resource id of the certificate."
  nullable    = false

  validation {
    condition     = can(regex("^/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]+/providers/[^/]+/.+$", var.certificate_id))
    error_message = "certificate_id must be a resource id."
  }
}

variable "operation_key_url" {
  type        = string
  description = "Where the operation key is in the vault (https://VAULT/secrets/NAME)."
  nullable    = false

  validation {
    condition     = length(var.operation_key_url) >= 20
    error_message = "operation_key_url must have 20 or more characters."
  }
}

variable "gateway_prefix" {
  type        = string
  description = "Addresses of the environment, which says where a call comes from."
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]+([.][0-9]+){3}/[0-9]+$", var.gateway_prefix))
    error_message = "gateway_prefix must be a network such as 10.40.0.0/24."
  }
}

variable "min_replicas" {
  type        = number
  description = "Replicas at least."
  nullable    = false

  validation {
    condition     = var.min_replicas >= 1 && var.min_replicas <= 3
    error_message = "min_replicas must be 1 to 3."
  }
}

variable "max_replicas" {
  type        = number
  description = "Replicas at most."
  nullable    = false

  validation {
    condition     = var.max_replicas >= 1 && var.max_replicas <= 3
    error_message = "max_replicas must be 1 to 3."
  }
}

variable "spool_volume" {
  type        = string
  description = "EmptyDir loses records that are not shipped yet when a replica is removed."
  nullable    = false

  validation {
    condition     = contains(["NfsAzureFile", "EmptyDir"], var.spool_volume)
    error_message = "spool_volume must be one of NfsAzureFile, EmptyDir."
  }
}
