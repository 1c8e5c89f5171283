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

variable "writer_principal_id" {
  type        = string
  description = "Object id of the identity that ships records."
  nullable    = false

  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.writer_principal_id))
    error_message = "writer_principal_id must be a GUID in lower case."
  }
}

variable "reader_principal_id" {
  type        = string
  description = "Object id of the identity that searches records."
  nullable    = false

  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.reader_principal_id))
    error_message = "reader_principal_id must be a GUID in lower case."
  }
}

variable "retention_in_days" {
  type        = number
  description = "Days in which records can be queried at once."
  nullable    = false

  validation {
    condition     = var.retention_in_days >= 30 && var.retention_in_days <= 730
    error_message = "retention_in_days must be 30 to 730."
  }
}

variable "total_retention_in_days" {
  type        = number
  description = "Days for which records are kept in all."
  nullable    = false

  validation {
    condition     = var.total_retention_in_days >= 30 && var.total_retention_in_days <= 4383
    error_message = "total_retention_in_days must be 30 to 4383."
  }
}

variable "public_network_access" {
  type        = string
  description = "Whether records may be sent and queried from outside of the network."
  nullable    = false

  validation {
    condition     = contains(["Enabled", "Disabled"], var.public_network_access)
    error_message = "public_network_access must be one of Enabled, Disabled."
  }
}
