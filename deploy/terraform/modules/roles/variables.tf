variable "resource_group_id" {
  type        = string
  description = "Resource id of the resource group that everything is made in."
  nullable    = false

  validation {
    condition     = can(regex("^/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]{1,90}$", var.resource_group_id))
    error_message = "resource_group_id must be /subscriptions/ID/resourceGroups/NAME."
  }
}

variable "roles" {
  type = list(object({
    id          = string
    name        = string
    guid        = string
    description = string
    actions     = list(string)
    notActions  = list(string)
  }))
  description = "Roles of the export: name, guid, description, actions and notActions."
  nullable    = false
}

variable "assignments" {
  type = list(object({
    role     = string
    identity = string
    scope    = string
  }))
  description = "Assignments of the export that are in this subscription: role, identity and scope."
  nullable    = false

  validation {
    condition     = alltrue([for one in var.assignments : startswith("${one.scope}/", "${join("/", [for at, part in split("/", var.resource_group_id) : part if at < 3])}/")])
    error_message = "assignments of another subscription: deploy them there."
  }

  validation {
    condition     = alltrue([for one in var.assignments : can(regex("^/subscriptions/[^/]+(/resourceGroups/[^/]+(/providers/Microsoft.MachineLearningServices/(workspaces|registries)/[^/]+)?)?$", one.scope))])
    error_message = "a role is for a subscription, a resource group, a workspace or a registry."
  }
}

variable "subscriptions" {
  type        = list(string)
  description = "Subscriptions that the roles can be assigned in, as the export has them."
  nullable    = false
}

variable "principal_ids" {
  type        = map(string)
  description = "Object ids of the identities, by their names in the policies."
  nullable    = false
}
