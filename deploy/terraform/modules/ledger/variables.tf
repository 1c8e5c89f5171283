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

variable "storage_account_name" {
  type        = string
  description = "Name of the storage account, unique in Azure."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]{3,24}$", var.storage_account_name))
    error_message = "storage_account_name must be 3 to 24 lower-case letters and digits."
  }
}

variable "storage_sku" {
  type        = string
  description = "How many copies there are, and where."
  nullable    = false

  validation {
    condition     = contains(["Standard_ZRS", "Standard_GZRS", "Standard_LRS", "Standard_GRS"], var.storage_sku)
    error_message = "storage_sku must be one of Standard_ZRS, Standard_GZRS, Standard_LRS, Standard_GRS."
  }
}

variable "immutability_in_days" {
  type        = number
  description = "Days for which a document cannot be changed or deleted."
  nullable    = false

  validation {
    condition     = var.immutability_in_days >= 1 && var.immutability_in_days <= 146000
    error_message = "immutability_in_days must be 1 to 146000."
  }
}

variable "writer_principal_id" {
  type        = string
  description = "Object id of the identity that writes documents."
  nullable    = false

  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.writer_principal_id))
    error_message = "writer_principal_id must be a GUID in lower case."
  }
}

variable "workspace_id" {
  type        = string
  description = "Resource id of the Log Analytics workspace that has the log of the account."
  nullable    = false

  validation {
    condition     = can(regex("^/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]+/providers/[^/]+/.+$", var.workspace_id))
    error_message = "workspace_id must be a resource id."
  }
}
