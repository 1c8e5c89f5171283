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

variable "subnet_id" {
  type        = string
  description = "Resource id of the subnet, which is delegated to Container Apps."
  nullable    = false

  validation {
    condition     = can(regex("^/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]+/providers/[^/]+/.+$", var.subnet_id))
    error_message = "subnet_id must be a resource id."
  }
}

variable "workspace_id" {
  type        = string
  description = "Resource id of the Log Analytics workspace that has the log of the program."
  nullable    = false

  validation {
    condition     = can(regex("^/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]+/providers/[^/]+/.+$", var.workspace_id))
    error_message = "workspace_id must be a resource id."
  }
}

variable "secrets_reader_id" {
  type        = string
  description = "Resource id of the identity that reads the certificate."
  nullable    = false

  validation {
    condition     = can(regex("^/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]+/providers/[^/]+/.+$", var.secrets_reader_id))
    error_message = "secrets_reader_id must be a resource id."
  }
}

variable "has_certificate" {
  type        = bool
  description = "Whether there is a certificate in the vault."
  nullable    = false
}

variable "certificate_secret_url" {
  type        = string
  description = "Where the certificate is in the vault (https://VAULT/secrets/NAME); empty until there is one."
  nullable    = false
}

variable "has_spool" {
  type        = bool
  description = "Whether there is a share for spools."
  nullable    = false
}

variable "spool_server" {
  type        = string
  description = "Host of the share of spools; empty without one."
  nullable    = false
}

variable "spool_share_name" {
  type        = string
  description = "Path of the share of spools; empty without one."
  nullable    = false
}
