locals {
  secrets_reader = [for one in var.identities : one if one.duty == "secrets-reader"][0]
  complete = merge(var.configuration, {
    listen = merge(var.configuration.listen, {
      host                                           = "0.0.0.0"
      port                                           = 8443
      dangerouslyPlainHttpBehindATlsTerminatingProxy = true
      trustedProxies = {
        addresses = [var.gateway_prefix]
        by        = "x-forwarded-for"
      }
    })
    policies = {
      directory = "/app/policies"
      bindings  = "/etc/azureml-harness/bindings.yaml"
    }
    audit = merge(var.configuration.audit, {
      spool = merge(var.configuration.audit.spool, { directory = "/spool/REPLICA" })
    })
  })
  # each replica has a spool of its own, and the name of a replica is known in it only
  script = "sed \"s,/spool/REPLICA,/spool/$CONTAINER_APP_REPLICA_NAME,\" /etc/azureml-harness/harness.yaml >/tmp/harness.yaml && exec node --max-semi-space-size=16 dist/azureml-harness.mjs serve --config /tmp/harness.yaml"
  volumes = {
    NfsAzureFile = {
      name        = "spool"
      storageType = "NfsAzureFile"
      storageName = "spool"
    }
    EmptyDir = {
      name        = "spool"
      storageType = "EmptyDir"
    }
  }
  registries = var.registry_server == "" ? [] : [{
    server   = var.registry_server
    identity = local.secrets_reader.id
  }]
}
