# The gateway as a container app. TLS ends before it: a token that is bound to a client's certificate does not work here.
resource "azapi_resource" "app" {
  type      = "Microsoft.App/containerApps@2025-01-01"
  name      = "${var.name_prefix}-gateway"
  parent_id = var.resource_group_id
  location  = var.location
  tags      = var.tags

  identity {
    type         = "UserAssigned"
    identity_ids = [for one in var.identities : one.id]
  }

  body = {
    properties = {
      environmentId       = var.environment_id
      workloadProfileName = "Consumption"
      configuration = {
        activeRevisionsMode = "Single"
        # the platform alone takes its tokens
        identitySettings = [{
          identity  = local.secrets_reader.id
          lifecycle = "None"
        }]
        registries = local.registries
        secrets = [
          {
            name  = "harness-yaml"
            value = jsonencode(local.complete)
          },
          {
            name  = "bindings-yaml"
            value = var.bindings
          },
          {
            name        = "operation-key"
            keyVaultUrl = var.operation_key_url
            identity    = local.secrets_reader.id
          },
        ]
        ingress = {
          external              = true
          targetPort            = 8443
          transport             = "http"
          allowInsecure         = false
          clientCertificateMode = "ignore"
          customDomains = [{
            name          = var.host_name
            certificateId = var.certificate_id
            bindingType   = "SniEnabled"
          }]
        }
      }
      template = {
        terminationGracePeriodSeconds = 60
        containers = [{
          name    = "gateway"
          image   = var.image
          command = ["/bin/sh"]
          args    = ["-euc", local.script]
          env = [{
            name      = "HARNESS_OPERATION_KEY"
            secretRef = "operation-key"
          }]
          resources = {
            cpu    = 1
            memory = "2Gi"
          }
          probes = [
            {
              type = "Startup"
              httpGet = {
                path   = "/_harness/livez"
                port   = 8443
                scheme = "HTTP"
              }
              periodSeconds    = 6
              failureThreshold = 10
            },
            {
              type = "Liveness"
              httpGet = {
                path   = "/_harness/livez"
                port   = 8443
                scheme = "HTTP"
              }
              periodSeconds    = 10
              timeoutSeconds   = 5
              failureThreshold = 6
            },
            {
              type = "Readiness"
              httpGet = {
                path   = "/_harness/readyz"
                port   = 8443
                scheme = "HTTP"
              }
              periodSeconds    = 5
              timeoutSeconds   = 3
              failureThreshold = 2
            },
          ]
          volumeMounts = [
            {
              volumeName = "configuration"
              mountPath  = "/etc/azureml-harness"
            },
            {
              volumeName = "spool"
              mountPath  = "/spool"
            },
          ]
        }]
        volumes = [
          {
            name        = "configuration"
            storageType = "Secret"
            secrets = [
              {
                secretRef = "harness-yaml"
                path      = "harness.yaml"
              },
              {
                secretRef = "bindings-yaml"
                path      = "bindings.yaml"
              },
            ]
          },
          local.volumes[var.spool_volume],
        ]
        scale = {
          minReplicas = var.min_replicas
          maxReplicas = var.max_replicas
          rules = [{
            name = "calls"
            http = {
              metadata = { concurrentRequests = "100" }
            }
          }]
        }
      }
    }
  }
}
