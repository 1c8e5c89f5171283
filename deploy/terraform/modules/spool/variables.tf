variable "resource_group_id" {
  type        = string
  description = "Resource id of the resource group that everything is made in."
  nullable    = false

  validation {
    condition     = can(regex("^/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]{1,90}$", var.resource_group_id))
    error_message = "resource_group_id must be /subscriptions/ID/resourceGroups/NAME."
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

variable "spool_storage_account_name" {
  type        = string
  description = "Name of the storage account, unique in Azure."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]{3,24}$", var.spool_storage_account_name))
    error_message = "spool_storage_account_name must be 3 to 24 lower-case letters and digits."
  }
}

variable "spool_quota_gib" {
  type        = number
  description = "Size of the share."
  nullable    = false

  validation {
    condition     = var.spool_quota_gib >= 100 && var.spool_quota_gib <= 102400
    error_message = "spool_quota_gib must be 100 to 102400."
  }
}
