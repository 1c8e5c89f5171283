locals {
  is_complete = var.image != ""
  is_shared   = var.spool_volume == "NfsAzureFile"
  by_duty     = { for one in module.base.identities : one.duty => one }
}
