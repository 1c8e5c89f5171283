variable "resource_group_id" {
  type        = string
  description = "Resource id of the resource group that everything is made in."
  nullable    = false

  validation {
    condition     = can(regex("^/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]{1,90}$", var.resource_group_id))
    error_message = "resource_group_id must be /subscriptions/ID/resourceGroups/NAME."
  }
}

variable "identity_names" {
  type        = list(string)
  description = "Names of the identities."
  nullable    = false
}

variable "issuer_url" {
  type        = string
  description = "The cluster as an issuer of tokens."
  nullable    = false

  validation {
    condition     = length(var.issuer_url) >= 12
    error_message = "issuer_url must have 12 or more characters."
  }
}

variable "kubernetes_namespace" {
  type        = string
  description = "Namespace of the service account."
  nullable    = false

  validation {
    condition     = length(var.kubernetes_namespace) >= 1 && length(var.kubernetes_namespace) <= 63
    error_message = "kubernetes_namespace must have 1 to 63 characters."
  }
}

variable "service_account" {
  type        = string
  description = "Name of the service account."
  nullable    = false

  validation {
    condition     = length(var.service_account) >= 1 && length(var.service_account) <= 63
    error_message = "service_account must have 1 to 63 characters."
  }
}
