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

variable "tags" {
  type        = map(string)
  description = "Tags of every resource."
  nullable    = false
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

variable "ip_address" {
  type        = string
  description = "The address that it stands for."
  nullable    = false

  validation {
    condition     = length(var.ip_address) >= 7 && length(var.ip_address) <= 15
    error_message = "ip_address must have 7 to 15 characters."
  }
}

variable "network_id" {
  type        = string
  description = "Resource id of the network."
  nullable    = false

  validation {
    condition     = can(regex("^/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]+/providers/[^/]+/.+$", var.network_id))
    error_message = "network_id must be a resource id."
  }
}
