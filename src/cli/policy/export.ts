/**
 * `policy export`: custom roles, role assignments and managed identities that match the policies.
 * @module
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { azureRoles } from '../../policy/review/export/azure-role.ts'
import { bicepFiles } from '../../policy/review/export/bicep.ts'
import { grantsOf, type Grants } from '../../policy/review/export/grants.ts'
import { terraformFile } from '../../policy/review/export/terraform.ts'
import { PolicyError } from '../../policy/load/faults.ts'
import { EXIT, type Command } from '../io.ts'
import { POLICY_HELP, POLICY_OPTIONS, policyOf } from './options.ts'

export const policyExport: Command = {
  summary:
    'write Azure roles and assignments that match the policies, as ARM JSON, Bicep or Terraform',
  help: `Usage: azureml-harness policy export (--config FILE | --policies DIR) --azure-role | --bicep | --terraform [--out DIR]

Works out what each managed identity needs in Azure so that it can do what the policies permit, and no more.

${POLICY_HELP}
  --azure-role      custom role definitions, one JSON array
  --bicep           identities, roles and assignments; several files, so it needs --out
  --terraform       identities, roles and assignments for the azurerm provider
  --out DIR         write files there instead of to standard output

Exit status: 0 done, 1 faults, 2 wrong arguments.
Example: azureml-harness policy export --config config/harness.yaml --bicep --out deploy/roles`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        ...POLICY_OPTIONS,
        'azure-role': { type: 'boolean' },
        bicep: { type: 'boolean' },
        terraform: { type: 'boolean' },
        out: { type: 'string' },
      },
    })
    const forms = FORMS.filter(([name]) => values[name] === true)
    const [form] = forms
    if (form === undefined || forms.length > 1) {
      io.err('one of --azure-role, --bicep and --terraform is needed')
      return EXIT.usage
    }
    if (form[0] === 'bicep' && values.out === undefined) {
      io.err('--bicep writes several files: say where with --out DIR')
      return EXIT.usage
    }
    try {
      const loaded = await policyOf(values, io)
      if (loaded === null) return EXIT.usage
      const files = form[1](grantsOf(loaded.set))
      if (values.out === undefined) {
        for (const content of files.values()) io.out(content.trimEnd())
        return EXIT.ok
      }
      const directory = resolve(io.cwd, values.out)
      await mkdir(directory, { recursive: true })
      for (const [name, content] of files) {
        await writeFile(join(directory, name), content)
        io.err(join(values.out, name))
      }
      return EXIT.ok
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error
      io.err(error.message)
      return EXIT.failed
    }
  },
}

type Form = readonly [
  name: 'azure-role' | 'bicep' | 'terraform',
  files: (grants: Grants) => ReadonlyMap<string, string>,
]

const FORMS: readonly Form[] = [
  [
    'azure-role',
    (grants) => new Map([['roles.json', `${JSON.stringify(azureRoles(grants), null, 2)}\n`]]),
  ],
  ['bicep', bicepFiles],
  ['terraform', (grants) => new Map([['main.tf', terraformFile(grants)]])],
]
