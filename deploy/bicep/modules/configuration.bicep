// harness.yaml, as far as what was made here decides it.
@description('The name that clients use.')
@minLength(4)
@maxLength(253)
param hostName string

@description('The cloud.')
@allowed(['AzureCloud', 'AzureUSGovernment', 'AzureChinaCloud'])
param cloud string

@description('Id of the tenant.')
@minLength(36)
@maxLength(36)
param tenantId string

@description('What the gateway runs on.')
@allowed(['kubernetes', 'container-apps'])
param runtime string

@description('The identities, as the module of them has them.')
@minLength(7)
@maxLength(7)
param identities array

@description('The Log Analytics workspace: customerId, endpoint and ruleId.')
param logs object

@description('The key that signs reviews, with its version.')
@minLength(20)
param reviewKeyUri string

@description('Address of the container of reviews.')
@minLength(12)
param ledgerUrl string

@description('issuers of harness.yaml.')
@minLength(1)
param issuers array

@description('Further keys of harness.yaml, such as limits, help and console.')
param settings object

var made = ['listen', 'cloud', 'issuers', 'identities', 'policies', 'operationKey', 'approvals', 'audit']
var clash = filter(made, key => (contains(settings, key)))
var further = empty(clash) ? settings : fail('settings: these keys are made here')

// the secrets reader is the platform's and no identity of the gateway
var own = filter(identities, one => (one.duty != 'secrets-reader'))
var workload = toObject(own, one => (one.duty), one => {
  kind: 'workload-identity'
  tenantId: tenantId
  clientId: one.clientId
  tokenFile: '/var/run/secrets/azure/tokens/azure-identity-token'
})
var managed = toObject(own, one => (one.duty), one => {
  kind: 'managed-identity'
  clientId: one.clientId
  objectId: one.principalId
})
var isKubernetes = runtime == 'kubernetes'

@description('harness.yaml without what the runtime adds: ports, certificate, policies and the directory of the spool.')
output configuration object = union(further, {
  listen: { publicUrl: 'https://${hostName}' }
  cloud: { name: cloud }
  issuers: issuers
  identities: isKubernetes ? workload : managed
  operationKey: isKubernetes ? { fromFile: '/etc/azureml-harness/secrets/operation-key' } : { fromEnv: 'HARNESS_OPERATION_KEY' }
  approvals: {
    keys: [
      {
        keyVault: reviewKeyUri
        identity: 'ledger'
      }
    ]
    ledger: {
      container: ledgerUrl
      identity: 'ledger'
    }
  }
  audit: {
    spool: { durability: 'fsync' }
    search: {
      kind: 'azure-monitor'
      workspaceId: logs.customerId
      identity: 'log-reader'
    }
    sinks: [
      {
        name: 'monitor'
        kind: 'azure-monitor'
        endpoint: logs.endpoint
        ruleId: logs.ruleId
        stream: 'Custom-AmlHarnessAudit'
        identity: 'audit-writer'
        required: true
      }
    ]
  }
})
