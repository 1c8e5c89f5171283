/**
 * `policy export`: custom roles, role assignments and managed identities that match the policies.
 * @module
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { armTemplates } from '../../policy/review/export/arm-template.ts'
import { azureRoles } from '../../policy/review/export/azure-role.ts'
import { bicepFiles } from '../../policy/review/export/bicep.ts'
import { grantsOf, type Grants } from '../../policy/review/export/grants.ts'
import { terraformFile } from '../../policy/review/export/terraform.ts'
import { EXIT, type Io } from '../io.ts'
import { UsageError } from '../problem.ts'
import { policyOf, type PolicyValues } from './options.ts'

export interface ExportOptions extends PolicyValues {
  readonly azureRole?: true | undefined
  readonly json?: true | undefined
  readonly armTemplate?: true | undefined
  readonly bicep?: true | undefined
  readonly terraform?: true | undefined
  readonly out?: string | undefined
}

export async function policyExport(options: ExportOptions, io: Io): Promise<number> {
  const form = FORMS.find(([name]) => options[name] === true)
  if (form === undefined)
    throw new UsageError(
      'one of --azure-role, --json, --arm-template, --bicep and --terraform is needed',
    )
  const [name] = form
  if ((name === 'bicep' || name === 'armTemplate') && options.out === undefined)
    throw new UsageError(
      `${name === 'bicep' ? '--bicep' : '--arm-template'} writes several files: say where with --out DIR`,
    )
  const { set } = await policyOf(options, io)
  const files = form[1](grantsOf(set))
  if (options.out === undefined) {
    for (const content of files.values()) io.out(content.trimEnd())
    return EXIT.ok
  }
  const directory = resolve(io.cwd, options.out)
  await mkdir(directory, { recursive: true })
  for (const [file, content] of files) {
    await writeFile(join(directory, file), content)
    io.err(join(options.out, file))
  }
  return EXIT.ok
}

type Form = readonly [
  name: 'azureRole' | 'json' | 'armTemplate' | 'bicep' | 'terraform',
  files: (grants: Grants) => ReadonlyMap<string, string>,
]

const FORMS: readonly Form[] = [
  [
    'azureRole',
    (grants) => new Map([['roles.json', `${JSON.stringify(azureRoles(grants), null, 2)}\n`]]),
  ],
  ['json', (grants) => new Map([['grants.json', `${JSON.stringify(grants, null, 2)}\n`]])],
  ['armTemplate', armTemplates],
  ['bicep', bicepFiles],
  ['terraform', (grants) => new Map([['main.tf', terraformFile(grants)]])],
]
