variable "host_name" {
  type        = string
  description = "The name that clients use."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9-]+([.][a-z0-9-]+)+$", var.host_name))
    error_message = "host_name must be a DNS name in lower case."
  }
}

variable "cloud" {
  type        = string
  description = "The cloud."
  nullable    = false

  validation {
    condition     = contains(["AzureCloud", "AzureUSGovernment", "AzureChinaCloud"], var.cloud)
    error_message = "cloud must be one of AzureCloud, AzureUSGovernment, AzureChinaCloud."
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

variable "runtime" {
  type        = string
  description = "What the gateway runs on."
  nullable    = false

  validation {
    condition     = contains(["kubernetes", "container-apps"], var.runtime)
    error_message = "runtime must be one of kubernetes, container-apps."
  }
}

variable "identities" {
  type = list(object({
    duty        = string
    id          = string
    name        = string
    clientId    = string
    principalId = string
  }))
  description = "The identities, as the module of them has them."
  nullable    = false

  validation {
    condition     = length(var.identities) >= 7 && length(var.identities) <= 7
    error_message = "identities must have 7 to 7 elements."
  }
}

variable "logs" {
  type        = any
  description = "The Log Analytics workspace: customerId, endpoint and ruleId."
  nullable    = false
}

variable "review_key_uri" {
  type        = string
  description = "The key that signs reviews, with its version."
  nullable    = false

  validation {
    condition     = length(var.review_key_uri) >= 20
    error_message = "review_key_uri must have 20 or more characters."
  }
}

variable "ledger_url" {
  type        = string
  description = "Address of the container of reviews."
  nullable    = false

  validation {
    condition     = length(var.ledger_url) >= 12
    error_message = "ledger_url must have 12 or more characters."
  }
}

variable "issuers" {
  type        = any
  description = "issuers of harness.yaml."
  nullable    = false

  validation {
    condition     = length(var.issuers) >= 1
    error_message = "issuers must have 1 or more elements."
  }
}

variable "settings" {
  type        = any
  description = "Further keys of harness.yaml, such as limits, help and console."
  nullable    = false

  validation {
    condition     = length([for key in keys(var.settings) : key if contains(["listen", "cloud", "issuers", "identities", "policies", "operationKey", "approvals", "audit"], key)]) == 0
    error_message = "settings: these keys are made here."
  }
}
