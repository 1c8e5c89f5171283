/**
 * Settings that lead clients to the gateway for one workspace: for shells, a notebook and Terraform.
 * @module
 */
import { clientVariables } from '../../../azureml/hosts/client-variables.ts'
import { shellText } from '../../../lib/shell-text.ts'

/** Files by name. @param gateway its public URL @param id ARM id of the workspace */
export function clientFiles(gateway: string, id: string): ReadonlyMap<string, string> {
  const { origin, host } = new URL(gateway)
  const variables = clientVariables(origin, { workspace: id, mlflow: 'https' })
  return new Map([
    ['clients/env.sh', `# . clients/env.sh\n${shellText(variables, 'sh')}\n`],
    ['clients/env.ps1', `# . clients/env.ps1\n${shellText(variables, 'powershell')}\n`],
    [
      'clients/notebook.py',
      `# the first cell of a notebook\n${shellText(variables, 'notebook')}\n`,
    ],
    [
      'clients/terraform.tf',
      `# for resources of Azure Machine Learning alone: keep another provider for all others
provider "azurerm" {
  alias = "azureml"
  features {}
  metadata_host                   = ${JSON.stringify(host)}
  resource_provider_registrations = "none"
}
`,
    ],
  ])
}
