// The gateway as a container app. TLS ends before it: a token that is bound to a client's certificate does not work here.
@description('What names begin with.')
@minLength(3)
@maxLength(20)
param namePrefix string

@description('The region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Resource id of the environment.')
param environmentId string

@description('The identities, as the module of them has them.')
@minLength(7)
@maxLength(7)
param identities array

@description('The image of the gateway with its digest: HOST/NAME@sha256:...')
@minLength(75)
param image string

@description('Host of the registry that the secrets reader pulls the image from; empty for one that asks nobody.')
param registryServer string

@description('harness.yaml without what is added here.')
param configuration object

@description('bindings.yaml, its text.')
@minLength(1)
param bindings string

@description('The name that clients use.')
@minLength(4)
@maxLength(253)
param hostName string

@description('Resource id of the certificate.')
@minLength(1)
param certificateId string

@description('Where the operation key is in the vault (https://VAULT/secrets/NAME).')
@minLength(20)
param operationKeyUrl string

@description('Addresses of the environment, which says where a call comes from.')
@minLength(9)
@maxLength(18)
param gatewayPrefix string

@description('Replicas at least.')
@minValue(1)
@maxValue(3)
param minReplicas int

@description('Replicas at most.')
@minValue(1)
@maxValue(3)
param maxReplicas int

@description('EmptyDir loses records that are not shipped yet when a replica is removed.')
@allowed(['NfsAzureFile', 'EmptyDir'])
param spoolVolume string

var secretsReader = first(filter(identities, one => (one.duty == 'secrets-reader')))
var complete = union(configuration, {
  listen: {
    host: '0.0.0.0'
    port: 8443
    dangerouslyPlainHttpBehindATlsTerminatingProxy: true
    trustedProxies: {
      addresses: [gatewayPrefix]
      by: 'x-forwarded-for'
    }
  }
  policies: {
    directory: '/app/policies'
    bindings: '/etc/azureml-harness/bindings.yaml'
  }
  audit: {
    spool: { directory: '/spool/REPLICA' }
  }
})
// each replica has a spool of its own, and the name of a replica is known in it only
var script = 'sed "s,/spool/REPLICA,/spool/$CONTAINER_APP_REPLICA_NAME," /etc/azureml-harness/harness.yaml >/tmp/harness.yaml && exec node --max-semi-space-size=16 dist/azureml-harness.mjs serve --config /tmp/harness.yaml'
var volumes = {
  NfsAzureFile: {
    name: 'spool'
    storageType: 'NfsAzureFile'
    storageName: 'spool'
  }
  EmptyDir: {
    name: 'spool'
    storageType: 'EmptyDir'
  }
}
var registry = {
  server: registryServer
  identity: secretsReader.id
}
var spool = volumes[spoolVolume]

resource app 'Microsoft.App/containerApps@2025-01-01' = {
  name: '${namePrefix}-gateway'
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: toObject(identities, one => (one.id), one => ({}))
  }
  properties: {
    environmentId: environmentId
    workloadProfileName: 'Consumption'
    configuration: {
      activeRevisionsMode: 'Single'
      // the platform alone takes its tokens
      identitySettings: [
        {
          identity: secretsReader.id
          lifecycle: 'None'
        }
      ]
      registries: empty(registryServer) ? [] : [registry]
      secrets: [
        {
          name: 'harness-yaml'
          value: string(complete)
        }
        {
          name: 'bindings-yaml'
          value: bindings
        }
        {
          name: 'operation-key'
          keyVaultUrl: operationKeyUrl
          identity: secretsReader.id
        }
      ]
      ingress: {
        external: true
        targetPort: 8443
        transport: 'http'
        allowInsecure: false
        clientCertificateMode: 'ignore'
        customDomains: [
          {
            name: hostName
            certificateId: certificateId
            bindingType: 'SniEnabled'
          }
        ]
      }
    }
    template: {
      terminationGracePeriodSeconds: 60
      containers: [
        {
          name: 'gateway'
          image: image
          command: ['/bin/sh']
          args: ['-euc', script]
          env: [
            {
              name: 'HARNESS_OPERATION_KEY'
              secretRef: 'operation-key'
            }
          ]
          resources: {
            cpu: 1
            memory: '2Gi'
          }
          probes: [
            {
              type: 'Startup'
              httpGet: {
                path: '/_harness/livez'
                port: 8443
                scheme: 'HTTP'
              }
              periodSeconds: 6
              failureThreshold: 10
            }
            {
              type: 'Liveness'
              httpGet: {
                path: '/_harness/livez'
                port: 8443
                scheme: 'HTTP'
              }
              periodSeconds: 10
              timeoutSeconds: 5
              failureThreshold: 6
            }
            {
              type: 'Readiness'
              httpGet: {
                path: '/_harness/readyz'
                port: 8443
                scheme: 'HTTP'
              }
              periodSeconds: 5
              timeoutSeconds: 3
              failureThreshold: 2
            }
          ]
          volumeMounts: [
            {
              volumeName: 'configuration'
              mountPath: '/etc/azureml-harness'
            }
            {
              volumeName: 'spool'
              mountPath: '/spool'
            }
          ]
        }
      ]
      volumes: [
        {
          name: 'configuration'
          storageType: 'Secret'
          secrets: [
            {
              secretRef: 'harness-yaml'
              path: 'harness.yaml'
            }
            {
              secretRef: 'bindings-yaml'
              path: 'bindings.yaml'
            }
          ]
        }
        spool
      ]
      scale: {
        minReplicas: minReplicas
        maxReplicas: maxReplicas
        rules: [
          {
            name: 'calls'
            http: {
              metadata: { concurrentRequests: '100' }
            }
          }
        ]
      }
    }
  }
}

@description('Name of the container app.')
output appName string = app.name

@description('harness.yaml as the gateway has it; REPLICA is the name of the replica.')
output configuration object = complete
