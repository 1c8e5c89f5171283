/**
 * Parameters that cannot be right are refused by both languages, before anything is made.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { environment } from '../../clients/support/published.ts'
import { parseBicep } from './support/bicep-tree.ts'
import { BICEP, byBicep, byTerraform, GROUP } from './support/both.ts'
import { CASES } from './support/cases.ts'
import type { Document } from './support/deployment.ts'

const role = (scope: string): Document => ({
  assignments: [{ role: 'reader', identity: 'ml-reader', scope }],
})

/** What is changed in a module's first case. */
const WRONG: readonly (readonly [string, Document])[] = [
  ['modules/identities', { namePrefix: 'ab' }],
  ['modules/identities', { namePrefix: 'a'.repeat(21) }],
  ['modules/logs', { retentionInDays: 10 }],
  ['modules/logs', { totalRetentionInDays: 5000 }],
  ['modules/logs', { publicNetworkAccess: 'Maybe' }],
  ['modules/logs', { writerPrincipalId: 'audit-writer' }],
  ['modules/vault', { vaultName: 'kv' }],
  ['modules/vault', { vaultSku: 'gold' }],
  ['modules/vault', { tenantId: 'contoso.onmicrosoft.com' }],
  ['modules/ledger', { storageAccountName: 'a'.repeat(25) }],
  ['modules/ledger', { immutabilityInDays: 0 }],
  ['modules/ledger', { storageSku: 'Premium_LRS' }],
  ['modules/network', { cloud: 'AzureGermanCloud' }],
  ['modules/network', { runtime: 'machines' }],
  ['modules/network', { gatewayPrefix: '10.0.0.0' }],
  ['modules/policy-assignment', { enforcementMode: 'Sometimes' }],
  ['modules/policy-assignment', { policyDefinitionId: 'azureml-harness-workspaces' }],
  ['modules/roles', role('/subscriptions/00000000-0000-4000-8000-000000000099')],
  ['modules/roles', role(`${GROUP}/providers/Microsoft.Compute/virtualMachines/vm`)],
  ['modules/configuration', { settings: { audit: {} } }],
  ['modules/configuration', { settings: { help: {}, listen: {} } }],
  ['modules/configuration', { issuers: [] }],
  ['modules/configuration', { identities: [] }],
  ['modules/cluster', { nodeCount: 2 }],
  ['modules/cluster', { adminGroupIds: [] }],
  ['modules/spool', { spoolQuotaGib: 10 }],
  ['modules/app', { maxReplicas: 4 }],
  ['modules/app', { minReplicas: 0 }],
  ['modules/app', { spoolVolume: 'AzureFile' }],
  ['modules/app', { image: 'contoso.azurecr.io/azureml-harness:latest' }],
  ['modules/app', { bindings: '' }],
  ['aks', { imageDigest: 'latest' }],
  ['aks', { hostName: 'ml' }],
  ['aks', { settings: { identities: {} } }],
  ['aks', { noSuchParameter: 1 }],
  ['container-apps', { maxReplicas: 4 }],
]

const python = environment(t, 'bicep')

if (python !== null) {
  const all = (await readdir(BICEP, { recursive: true })).filter((file) => file.endsWith('.bicep'))
  const files = await parseBicep(
    python,
    all.map((file) => join(BICEP, file)),
  )
  const refusal = (deployed: Promise<unknown>): Promise<string> =>
    deployed.then(
      () => 'not refused',
      (error: unknown) => (error instanceof Error ? error.message : ''),
    )

  for (const [name, change] of WRONG)
    t.test(`${name}: ${JSON.stringify(change).slice(0, 120)}`, async (t) => {
      const params = { ...Object.values(CASES[name] ?? {})[0], ...change }
      const bicep = await refusal(byBicep(name, params, files))
      t.match(bicep, /^parameter "|: "\w+" is no parameter$|^settings: |^assignments |^a role is /)
      const terraform = await refusal(byTerraform(name, params))
      t.match(terraform, /^variable "|: "\w+" is no variable$/)
    })

  t.test('what has no default has to be given', async (t) => {
    const { hostName: _, ...rest } = Object.values(CASES['aks'] ?? {})[0] as Record<string, string>
    t.match(await refusal(byBicep('aks', rest, files)), /parameter "hostName" is missing/)
    t.match(await refusal(byTerraform('aks', rest)), /variable "host_name" is missing/)
  })
}
