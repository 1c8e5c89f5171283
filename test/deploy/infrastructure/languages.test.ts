/**
 * The infrastructure in Bicep and in Terraform: files that their parsers read, and resources that are the same in both.
 */
import { execFile } from 'node:child_process'
import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { isDeepStrictEqual, promisify } from 'node:util'
import t from 'tap'
import { environment } from '../../clients/support/published.ts'
import { parseBicep } from './support/bicep-tree.ts'
import {
  BICEP,
  byBicep,
  byTerraform,
  comparable,
  comparableOutputs,
  TERRAFORM,
} from './support/both.ts'
import { CASES } from './support/cases.ts'

const MAKES_NOTHING = new Set([
  'modules/private-endpoints, none',
  'modules/configuration, kubernetes',
  'modules/configuration, container apps',
])

const run = promisify(execFile)
const python = environment(t, 'bicep')

async function filesOf(folder: string, end: string): Promise<string[]> {
  const all = await readdir(folder, { recursive: true })
  return all.filter((file) => file.endsWith(end)).map((file) => join(folder, file))
}

if (python !== null) {
  const files = await parseBicep(python, await filesOf(BICEP, '.bicep'))

  t.test('both parsers of Bicep read every file', async (t) => {
    for (const [file, { faults }] of files) t.same(faults, [], file)
  })

  t.test('each module makes the same resources in both languages', async (t) => {
    for (const [name, cases] of Object.entries(CASES))
      for (const [what, params] of Object.entries(cases)) {
        const bicep = await byBicep(name, params, files)
        const terraform = await byTerraform(name, params)
        t.ok(
          bicep.resources.length > 0 || MAKES_NOTHING.has(`${name}, ${what}`),
          `${name}, ${what}: something is made`,
        )
        t.same(comparable(terraform.resources), comparable(bicep.resources), `${name}, ${what}`)
        t.same(
          comparableOutputs(terraform.outputs),
          comparableOutputs(bicep.outputs),
          `${name}, ${what}: outputs`,
        )
      }
  })

  t.test('there is a case for every file, in both languages', async (t) => {
    const modules = (await filesOf(BICEP, '.bicep')).map((file) =>
      file.slice(BICEP.length + 1, -'.bicep'.length),
    )
    // what Terraform needs no module of its own for
    const own = modules.filter((name) => name !== 'modules/role-assignment')
    t.same(Object.keys(CASES).sort(), own.sort())
    const folders = new Set(
      (await filesOf(TERRAFORM, '.tf')).map((file) =>
        file.slice(TERRAFORM.length + 1).replace(/\/[^/]+$/, ''),
      ),
    )
    t.same([...folders].sort(), own.sort())
  })

  t.test('Terraform formats its files as they are', async (t) => {
    const there = await run('terraform', ['version']).then(
      () => true,
      () => false,
    )
    if (!there) {
      t.comment('skipped: there is no terraform here')
      return
    }
    // what is not formatted is listed, and the status is 3
    await t.resolves(run('terraform', ['fmt', '-check', '-recursive', TERRAFORM]))
  })

  /** A change of one language only: the file below deploy, what is changed, and to what. */
  const DRIFT: readonly [string, string, string][] = [
    ['bicep/modules/identities.bicep', "'ml-writer'", "'ml-writers'"],
    ['bicep/modules/identities.bicep', '2024-11-30', '2023-01-31'],
    ['bicep/modules/logs.bicep', "transformKql: 'source'", "transformKql: 'source | take 1'"],
    ['bicep/modules/logs.bicep', 'scope: rule', 'scope: workspace'],
    ['terraform/modules/logs/main.tf', 'disableLocalAuth                            = true', ''],
    ['terraform/modules/logs/locals.tf', '3b03c2da', '3b03c2db'],
    ['terraform/modules/logs/outputs.tf', 'properties.immutableId', 'id'],
    ['bicep/modules/vault.bicep', 'enablePurgeProtection: true', 'enablePurgeProtection: false'],
    ['bicep/modules/ledger.bicep', 'scope: container', 'scope: account'],
    ['terraform/modules/network/main.tf', 'priority                 = 100', 'priority = 200'],
    ['terraform/modules/private-endpoints/main.tf', '"default"', '"standard"'],
    ['terraform/modules/roles/main.tf', 'one.parts == 5', 'one.parts == 4'],
    ['bicep/modules/role-assignment.bicep', 'scope: registry', 'scope: workspace'],
    ['terraform/modules/policy-assignment/main.tf', 'var.enforcement_mode', '"Default "'],
    ['terraform/modules/federation/main.tf', 'serviceaccount:', 'serviceAccount:'],
    ['bicep/modules/entry.bicep', 'ttl: 300', 'ttl: 3600'],
    ['bicep/modules/base.bicep', "byDuty['log-reader']", "byDuty['audit-writer']"],
    ['terraform/modules/base/locals.tf', 'amlworkspace', 'workspace'],
    ['terraform/modules/configuration/outputs.tf', '"audit-writer"', '"ml-writer"'],
    ['bicep/modules/cluster.bicep', 'disableLocalAccounts: true', 'disableLocalAccounts: false'],
    ['bicep/aks.bicep', 'param nodeCount int = 3', 'param nodeCount int = 4'],
    ['terraform/aks/outputs.tf', 'secrets-reader', 'ml-reader'],
    ['bicep/modules/spool.bicep', "'NFS'", "'SMB'"],
    ['terraform/modules/environment/main.tf', 'internal               = true', 'internal = false'],
    ['terraform/modules/app/locals.tf', 'azureml-harness.mjs serve', 'azureml-harness.mjs'],
    ['bicep/modules/app.bicep', "lifecycle: 'None'", "lifecycle: 'All'"],
    ['bicep/container-apps.bicep', 'maxReplicas int = 3', 'maxReplicas int = 2'],
  ]
  t.test('a change of one language only is found', async (t) => {
    const folder = t.testdir()
    const folderOf = (at: number): string => join(folder, String(at))
    for (const [at, [file, from, to]] of DRIFT.entries()) {
      for (const part of ['bicep', 'terraform', 'azure-monitor'])
        await cp(join('deploy', part), join(folderOf(at), part), { recursive: true })
      const text = await readFile(join(folderOf(at), file), 'utf8')
      t.ok(text.includes(from), `${file} has ${from}`)
      await writeFile(join(folderOf(at), file), text.replace(from, to))
    }
    const changed = DRIFT.map(([file], at) => join(folderOf(at), file))
    const again = await parseBicep(
      python,
      changed.filter((file) => file.endsWith('.bicep')),
    )
    for (const [at, [file, from, to]] of DRIFT.entries()) {
      const bicepFolder = join(folderOf(at), 'bicep')
      // all but the changed file are as they were
      const unchanged = [...files].map(
        ([path, one]) => [join(bicepFolder, relative(BICEP, path)), one] as const,
      )
      const named = /modules\/[a-z-]+|aks|container-apps/.exec(file)?.[0] ?? ''
      // a part of it
      const name = named === 'modules/role-assignment' ? 'modules/roles' : named
      const params = Object.values(CASES[name] ?? {})[0] ?? {}
      const same = async (): Promise<boolean> => {
        const trees = new Map([...unchanged, ...again])
        const bicep = await byBicep(name, params, trees, bicepFolder)
        const terraform = await byTerraform(name, params, join(folderOf(at), 'terraform'))
        return (
          isDeepStrictEqual(comparable(bicep.resources), comparable(terraform.resources)) &&
          isDeepStrictEqual(comparableOutputs(bicep.outputs), comparableOutputs(terraform.outputs))
        )
      }
      const found = await same().then(
        (equal) => (equal ? 'nothing' : 'a difference'),
        () => 'an error',
      )
      t.not(found, 'nothing', `${file}: ${from} -> ${to}`)
    }
  })

  t.test('a file that is no Bicep, and one that only one parser reads, are found', async (t) => {
    const folder = t.testdir({
      'none.bicep': "param a string = \nresource b 'x'",
      'spread.bicep': 'var a = {\n  ...b\n}\n',
    })
    const parsed = await parseBicep(python, await filesOf(folder, '.bicep'))
    t.equal(parsed.size, 2)
    for (const [file, { faults }] of parsed) t.not(faults.length, 0, file)
  })
}
