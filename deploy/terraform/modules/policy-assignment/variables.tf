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
  description = "The region of the identity of the assignment."
  nullable    = false
}

variable "assignment_name" {
  type        = string
  description = "Name of the assignment."
  nullable    = false

  validation {
    condition     = length(var.assignment_name) >= 1 && length(var.assignment_name) <= 64
    error_message = "assignment_name must have 1 to 64 characters."
  }
}

variable "policy_definition_id" {
  type        = string
  description = "Resource id of the definition or of the initiative."
  nullable    = false

  validation {
    condition     = can(regex("^/.*providers/Microsoft.Authorization/policy(Set)?Definitions/[^/]+$", var.policy_definition_id))
    error_message = "policy_definition_id must be the id of a definition or of an initiative."
  }
}

variable "policy_parameters" {
  type        = any
  description = "Values of the parameters of the policy: {name: {value: ...}}."
  nullable    = false
}

variable "enforcement_mode" {
  type        = string
  description = "DoNotEnforce evaluates and changes nothing."
  nullable    = false

  validation {
    condition     = contains(["Default", "DoNotEnforce"], var.enforcement_mode)
    error_message = "enforcement_mode must be one of Default, DoNotEnforce."
  }
}

variable "role_ids" {
  type        = list(string)
  description = "Names (GUIDs) of the roles that the definitions ask for to change resources."
  nullable    = false
}
