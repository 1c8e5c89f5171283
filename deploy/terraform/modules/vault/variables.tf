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

variable "vault_name" {
  type        = string
  description = "Name of the vault, unique in Azure."
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]$", var.vault_name))
    error_message = "vault_name must be 3 to 24 letters, digits and hyphens."
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

variable "vault_sku" {
  type        = string
  description = "premium keeps the key in hardware."
  nullable    = false

  validation {
    condition     = contains(["standard", "premium"], var.vault_sku)
    error_message = "vault_sku must be one of standard, premium."
  }
}

variable "signer_principal_id" {
  type        = string
  description = "Object id of the identity that signs reviews."
  nullable    = false

  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.signer_principal_id))
    error_message = "signer_principal_id must be a GUID in lower case."
  }
}

variable "reader_principal_id" {
  type        = string
  description = "Object id of the identity that reads secrets."
  nullable    = false

  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.reader_principal_id))
    error_message = "reader_principal_id must be a GUID in lower case."
  }
}

variable "workspace_id" {
  type        = string
  description = "Resource id of the Log Analytics workspace that has the log of the vault."
  nullable    = false

  validation {
    condition     = can(regex("^/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]+/providers/[^/]+/.+$", var.workspace_id))
    error_message = "workspace_id must be a resource id."
  }
}
