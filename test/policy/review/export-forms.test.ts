/**
 * The forms of `policy export`, evaluated and deployed into the lab's Resource Manager: Bicep, Terraform and templates of ARM
 * make the same roles and assignments, after which `policy drift` finds none; and texts stay texts in each of them.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import t, { type Test } from 'tap'
import { writeGatewayConfig } from '../../../lab/gateway/harness-config.ts'
import { startLab, type Lab } from '../../../lab/lab.ts'
import { IDENTITIES, SUBSCRIPTION } from '../../../lab/personas.ts'
import { bicepFiles } from '../../../src/policy/review/export/bicep.ts'
import { armTemplates } from '../../../src/policy/review/export/arm-template.ts'
import { terraformFile } from '../../../src/policy/review/export/terraform.ts'
import type { Grants } from '../../../src/policy/review/export/grants.ts'
import { environment } from '../../clients/support/published.ts'
import { run } from '../../cli/support/run.ts'
import { deployBicep } from '../../deploy/infrastructure/support/bicep.ts'
import { parseBicep } from '../../deploy/infrastructure/support/bicep-tree.ts'
import type { Resource } from '../../deploy/infrastructure/support/deployment.ts'
import { deployTemplate } from './arm-template.ts'
import { neededBy, objectIdOf, putAtArm } from './deployed-roles.ts'

t.setTimeout(240_000)
const SUB = `/subscriptions/${SUBSCRIPTION}`
const AUTH = 'Microsoft.Authorization'
const python = environment(t, 'bicep')

// HashiCorp's parser as WebAssembly; its own types bring those of browsers along, which are others than Node's
const require = createRequire(import.meta.url)
const { parse } = require('@cdktf/hcl2json') as {
  parse: (name: string, text: string) => Promise<{ resource: Record<string, Blocks> }>
}
type Blocks = Readonly<Record<string, readonly [Readonly<Record<string, unknown>>]>>

interface Role {
  readonly guid: string
  readonly roleName: string
  readonly description: string
  readonly actions: readonly string[]
  readonly notActions: readonly string[]
  readonly assignableScopes: readonly string[]
}
interface Assignment {
  readonly scope: string
  readonly guid: string
  readonly principalId: string
}
interface Made {
  readonly roles: readonly Role[]
  readonly assignments: readonly Assignment[]
}

let lab: Lab
let config = ''
let grants: Grants
t.before(async () => {
  const directory = t.testdir()
  lab = await startLab({ directory: join(directory, 'lab'), port: 0 })
  setDefaultCACertificates([...getCACertificates('default'), lab.certificates.ca])
  Object.assign(process.env, lab.env)
  config = join(directory, 'harness.yaml')
  const spool = join(directory, 'spool')
  await mkdir(spool, { mode: 0o700 })
  await writeGatewayConfig(lab, config, { port: 8443, spool })
  grants = await neededBy(config)
})
t.teardown(() => lab.close())

/** What resources say, in one form. */
function madeOf(resources: readonly Pick<Resource, 'id' | 'type' | 'body'>[]): Made {
  const of = (type: string) => resources.filter((one) => one.type === `${AUTH}/${type}`)
  return sorted({
    roles: of('roleDefinitions').map(({ id, body }) => {
      const properties = body['properties'] as unknown as Omit<
        Role,
        'guid' | 'actions' | 'notActions'
      > & {
        readonly permissions: readonly [Pick<Role, 'actions' | 'notActions'>]
      }
      const { roleName, description, permissions, assignableScopes } = properties
      const [{ actions, notActions }] = permissions
      return {
        guid: id.split('/').at(-1) ?? '',
        roleName,
        description,
        actions,
        notActions,
        assignableScopes,
      }
    }),
    assignments: of('roleAssignments').map(({ id, body }) => {
      const { roleDefinitionId, principalId } = body['properties'] as Record<string, string>
      const [scope = ''] = id.split(`/providers/${AUTH}/roleAssignments/`)
      return {
        scope,
        guid: roleDefinitionId?.split('/').at(-1) ?? '',
        principalId: principalId ?? '',
      }
    }),
  })
}
const sorted = ({ roles, assignments }: Made): Made => ({
  roles: roles.toSorted((a, b) => (a.guid < b.guid ? -1 : 1)),
  assignments: assignments.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
})
/** As the policies say it. */
const wanted = ({ roles, assignments, subscriptions }: Grants): Made =>
  sorted({
    roles: roles.map(({ guid, name, description, actions, notActions }) => ({
      guid,
      roleName: name,
      description,
      actions,
      notActions,
      assignableScopes: subscriptions,
    })),
    assignments: assignments.map(({ role, identity, scope }) => ({
      scope,
      guid: roles.find(({ id }) => id === role)?.guid ?? '',
      principalId: objectIdOf(identity),
    })),
  })

type Files = Awaited<ReturnType<typeof parseBicep>>
/** All files of Bicep below the folders, by both parsers at once. */
async function parsed(t: Test, folders: readonly string[]): Promise<Files> {
  const names = await Promise.all(
    folders.map(async (folder) => (await readdir(folder)).map((name) => join(folder, name))),
  )
  const files = await parseBicep(
    python ?? '',
    names.flat().filter((name) => name.endsWith('.bicep')),
  )
  for (const [file, { faults }] of files) t.same(faults, [], file)
  return files
}

/** Bicep's files, evaluated for the one subscription of the lab. */
async function byBicep(directory: string, known: Files): Promise<Made> {
  const paths = [...known.keys()].filter((path) => path.startsWith(`${directory}/`))
  const made: Resource[] = []
  for (const main of paths.filter((path) => path.includes('main-')))
    await deployBicep(
      main,
      { identityResourceGroup: 'rg-identities', location: 'westeurope' },
      {
        files: known,
        place: { scope: SUB, location: 'westeurope' },
        async put(resource) {
          made.push(resource)
          const principalId = objectIdOf(resource.id.split('/').at(-1) ?? '')
          return { ...resource.body, properties: { principalId, clientId: principalId } }
        },
      },
    )
  return madeOf(made)
}

/** Terraform's file, by HashiCorp's parser; references are to resources of the same file. */
async function byTerraform(text: string): Promise<Made> {
  const { resource } = await parse('main.tf', text)
  const {
    azurerm_role_definition: roles = {},
    azurerm_role_assignment: assignments = {},
    azurerm_user_assigned_identity: identities = {},
  } = resource
  // templates are given back as they are escaped
  const plain = (value: unknown): string => String(value).replaceAll(/([$%])\1\{/gu, '$1{')
  const named = (value: unknown): string =>
    /^\$\{\w+\.([\w-]+)\.\w+\}$/u.exec(String(value))?.[1] ?? ''
  return sorted({
    roles: Object.values(roles).map(([one]) => ({
      guid: plain(one['role_definition_id']),
      roleName: plain(one['name']),
      description: plain(one['description']),
      actions: (one['permissions'] as [{ actions: string[] }])[0].actions,
      notActions: (one['permissions'] as [{ not_actions: string[] }])[0].not_actions,
      assignableScopes: one['assignable_scopes'] as string[],
    })),
    assignments: Object.values(assignments).map(([one]) => ({
      scope: plain(one['scope']),
      guid: plain(roles[named(one['role_definition_id'])]?.[0]['role_definition_id']),
      principalId: objectIdOf(plain(identities[named(one['principal_id'])]?.[0]['name'])),
    })),
  })
}

function byTemplates(files: Iterable<string>): Made {
  const principalIds = Object.fromEntries(IDENTITIES.map(({ name, oid }) => [name, oid]))
  return madeOf([...files].flatMap((text) => deployTemplate(text, SUB, { principalIds })))
}

/** Replaces all that the lab's Resource Manager has of roles. */
async function deploy({ roles, assignments }: Made): Promise<void> {
  lab.roles.assign([])
  for (const { guid, roleName, description, actions, notActions, assignableScopes } of roles)
    await putAtArm(lab, `${SUB}/providers/${AUTH}/roleDefinitions/${guid}`, {
      properties: {
        roleName,
        description,
        permissions: [{ actions, notActions }],
        assignableScopes,
      },
    })
  for (const [at, { scope, guid, principalId }] of assignments.entries())
    await putAtArm(lab, `${scope}/providers/${AUTH}/roleAssignments/deployed-${at}`, {
      properties: {
        roleDefinitionId: `${SUB}/providers/${AUTH}/roleDefinitions/${guid}`,
        principalId,
      },
    })
}

const FORMS: readonly (readonly [
  option: string,
  made: (directory: string, t: Test) => Promise<Made>,
  skip: string | false,
])[] = [
  [
    '--bicep',
    async (at, t) => byBicep(at, await parsed(t, [at])),
    python === null ? 'the parsers of Bicep are not installed' : false,
  ],
  ['--terraform', async (at) => byTerraform(await readFile(join(at, 'main.tf'), 'utf8')), false],
  [
    '--arm-template',
    async (at) => byTemplates([await readFile(join(at, `main-${SUBSCRIPTION}.json`), 'utf8')]),
    false,
  ],
]
for (const [option, made, skip] of FORMS)
  t.test(`${option}: what it makes is what the policies need`, { skip }, async (t) => {
    const out = t.testdir()
    const where = ['--config', config, '--out', out]
    const { status, err } = await run(['policy', 'export', option, ...where])
    t.equal(status, 0, err)
    const found = await made(out, t)
    t.same(found, wanted(grants))
    await deploy(found)
    const drift = await run(['policy', 'drift', '--config', config])
    t.equal(drift.status, 0, drift.out + drift.err)
    lab.roles.assign(lab.roles.assignments().slice(1))
    t.equal(
      (await run(['policy', 'drift', '--config', config])).status,
      1,
      'it was this that made it so',
    )
  })

/** What would be more than a text in one of the languages, if it were not escaped. */
const TEXTS = [
  "it's",
  "'; resource x 'a@b' = {}",
  '"quoted" and "',
  '${subscription().id}',
  '$${a} $$${b} ${',
  '%{ for x in y }',
  '%%{x} %{',
  '\\ \\\\ \\n \\${a} \\u0041 C:\\b\\f',
  'two\nlines\r\nand\ta tab',
  '\b\f\u0000\u007f\u0085\u2028\u2029',
  "'''",
  '<<EOT',
  // tree-sitter takes one at the beginning of a string for a comment
  'https://x.example // no comment /* nor this */ # nor this',
  "[concat('a', 'b')]",
  '[[x]',
  '[',
  'Größe 模型 \u{1F680}',
]
/** One role, with the text as what is free in it. */
function withText(text: string): Grants {
  const [role] = grants.roles
  if (role === undefined) throw new Error('there is no role')
  const { id, actions } = role
  return {
    ...grants,
    roles: [{ ...role, name: `${text} ${id}`, description: text, actions: actions.slice(0, 2) }],
    assignments: grants.assignments.filter((one) => one.role === id),
  }
}
t.test('texts stay texts', async (t) => {
  const top = t.testdir()
  const folders = TEXTS.map((_, at) => join(top, String(at)))
  for (const [at, text] of TEXTS.entries()) {
    const given = withText(text)
    const what = `text ${at}`
    t.same(await byTerraform(terraformFile(given)), wanted(given), `Terraform: ${what}`)
    t.same(byTemplates(armTemplates(given).values()), wanted(given), `ARM: ${what}`)
    const folder = folders[at] ?? ''
    await mkdir(folder)
    for (const [name, file] of bicepFiles(given)) await writeFile(join(folder, name), file)
  }
  if (python === null) return
  const files = await parsed(t, folders)
  for (const [at, text] of TEXTS.entries())
    t.same(await byBicep(folders[at] ?? '', files), wanted(withText(text)), `Bicep: text ${at}`)
})

t.test('roles of several subscriptions can be assigned in each of them', async (t) => {
  const other = `/subscriptions/${SUBSCRIPTION.replaceAll('2', '3')}`
  const [first] = grants.assignments
  if (first === undefined) throw new Error('nothing is assigned')
  const two = {
    ...grants,
    subscriptions: [SUB, other],
    assignments: [...grants.assignments, { ...first, scope: other }],
  }
  const all = [...armTemplates(two).values()]
  t.equal(all.length, 2)
  const { roles, assignments } = byTemplates(all)
  t.same(
    [...new Set(roles.map(({ assignableScopes }) => assignableScopes.join(' ')))],
    [`${SUB} ${other}`],
  )
  t.same(assignments, wanted(two).assignments)
  for (const text of bicepFiles(two).values())
    if (text.includes('assignableScopes'))
      t.match(text, `assignableScopes: [\n      '${SUB}'\n      '${other}'\n    ]`)
})
