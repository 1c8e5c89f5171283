// Where the audit trail is shipped to: a Log Analytics workspace with the table, the data collection rule, the query functions
// and the workbook of deploy/azure-monitor/template.json.
@description('What names begin with.')
@minLength(3)
@maxLength(20)
param namePrefix string

@description('The region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Object id of the identity that ships records.')
@minLength(36)
@maxLength(36)
param writerPrincipalId string

@description('Object id of the identity that searches records.')
@minLength(36)
@maxLength(36)
param readerPrincipalId string

@description('Days in which records can be queried at once.')
@minValue(30)
@maxValue(730)
param retentionInDays int

@description('Days for which records are kept in all.')
@minValue(30)
@maxValue(4383)
param totalRetentionInDays int

@description('Whether records may be sent and queried from outside of the network.')
@allowed(['Enabled', 'Disabled'])
param publicNetworkAccess string

var template = loadJsonContent('../../azure-monitor/template.json')
var tables = filter(template.resources, one => (one.type == 'Microsoft.OperationalInsights/workspaces/tables'))
var columns = any(tables)[0].properties.schema.columns
var searches = filter(template.resources, one => (one.type == 'Microsoft.OperationalInsights/workspaces/savedSearches'))
var workbooks = filter(template.resources, one => (one.type == 'Microsoft.Insights/workbooks'))
// Monitoring Metrics Publisher
var publisherRole = '3913510d-42f4-4e42-8a64-420c390055eb'
// Log Analytics Data Reader
var readerRole = '3b03c2da-16b3-4a49-8834-0f8130efdd3b'

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: '${namePrefix}-logs'
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionInDays
    publicNetworkAccessForIngestion: publicNetworkAccess
    publicNetworkAccessForQuery: publicNetworkAccess
    features: {
      disableLocalAuth: true
      enableLogAccessUsingOnlyResourcePermissions: true
    }
  }
}

resource table 'Microsoft.OperationalInsights/workspaces/tables@2023-09-01' = {
  parent: workspace
  name: 'AmlHarnessAudit_CL'
  properties: {
    plan: 'Analytics'
    retentionInDays: retentionInDays
    totalRetentionInDays: totalRetentionInDays
    schema: {
      name: 'AmlHarnessAudit_CL'
      columns: columns
    }
  }
}

resource rule 'Microsoft.Insights/dataCollectionRules@2023-03-11' = {
  name: '${namePrefix}-audit'
  location: location
  tags: tags
  kind: 'Direct'
  dependsOn: [table]
  properties: {
    streamDeclarations: {
      'Custom-AmlHarnessAudit': { columns: columns }
    }
    destinations: {
      logAnalytics: [
        {
          workspaceResourceId: workspace.id
          name: 'workspace'
        }
      ]
    }
    dataFlows: [
      {
        streams: ['Custom-AmlHarnessAudit']
        destinations: ['workspace']
        transformKql: 'source'
        outputStream: 'Custom-AmlHarnessAudit_CL'
      }
    ]
  }
}

resource publisher 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(rule.id, writerPrincipalId, publisherRole)
  scope: rule
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', publisherRole)
    principalId: writerPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource reader 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(workspace.id, readerPrincipalId, readerRole)
  scope: workspace
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', readerRole)
    principalId: readerPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// rows that the rule drops
resource errors 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'ingestion-errors'
  scope: rule
  properties: {
    workspaceId: workspace.id
    logs: [
      {
        category: 'LogErrors'
        enabled: true
      }
    ]
  }
}

resource query 'Microsoft.OperationalInsights/workspaces/savedSearches@2020-08-01' = [for search in any(searches): {
  parent: workspace
  name: search.properties.functionAlias
  dependsOn: [table]
  properties: search.properties
}]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'azureml-harness-audit')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Azure ML Harness audit'
    category: 'workbook'
    sourceId: workspace.id
    serializedData: any(workbooks)[0].properties.serializedData
  }
}

@description('Resource id of the Log Analytics workspace.')
output workspaceId string = workspace.id

@description('What queries name the workspace by.')
output customerId string = workspace.properties.customerId

@description('Where records are sent.')
output endpoint string = rule.properties.endpoints.logsIngestion

@description('The immutable id of the data collection rule.')
output ruleId string = rule.properties.immutableId
