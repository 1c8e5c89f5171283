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
  nullable    = false
}

variable "node_count" {
  type        = number
  description = "Nodes at least; one in each zone."
  nullable    = false

  validation {
    condition     = var.node_count >= 3 && var.node_count <= 100
    error_message = "node_count must be 3 to 100."
  }
}

variable "max_node_count" {
  type        = number
  description = "Nodes at most."
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

variable "subnet_id" {
  type        = string
  description = "Resource id of the subnet of the nodes."
  nullable    = false

  validation {
    condition     = can(regex("^/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]+/providers/[^/]+/.+$", var.subnet_id))
    error_message = "subnet_id must be a resource id."
  }
}

variable "workspace_id" {
  type        = string
  description = "Resource id of the Log Analytics workspace that has the log of the cluster."
  nullable    = false

  validation {
    condition     = can(regex("^/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]+/providers/[^/]+/.+$", var.workspace_id))
    error_message = "workspace_id must be a resource id."
  }
}
