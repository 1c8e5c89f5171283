/**
 * Conventions of Azure Verified Modules that the infrastructure keeps: names of files, descriptions, one provider, nothing that is
 * fetched from a registry of modules, no telemetry.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { environment } from '../../clients/support/published.ts'
import { childOf, parseBicep, sourceOf } from './support/bicep-tree.ts'
import { BICEP, TERRAFORM } from './support/both.ts'
import { asArray, type Document } from './support/deployment.ts'
import { readModule } from './support/hcl.ts'

const FILES = /^(terraform|variables|outputs|locals|main(\.[a-z]+)?)\.tf$/
const SNAKE = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/
const CAMEL = /^[a-z][a-zA-Z0-9]*$/
const PROVIDERS = { azapi: { source: 'Azure/azapi', version: '>= 2.12, < 3.0' } }

t.test('Terraform', async (t) => {
  const modules = (await readdir(join(TERRAFORM, 'modules'))).map((name) => `modules/${name}`)
  t.ok(modules.length > 10)
  for (const folder of ['aks', 'container-apps', ...modules]) {
    const names = await readdir(join(TERRAFORM, folder))
    t.same(
      names.filter((name) => !FILES.test(name)),
      [],
      `${folder}: files`,
    )
    const document = await readModule(join(TERRAFORM, folder))
    const [terraform] = asArray(document['terraform'], 'terraform') as Document[]
    t.equal(terraform?.['required_version'], '>= 1.9, < 2.0', folder)
    t.same(terraform?.['required_providers'], [PROVIDERS], `${folder}: one provider`)
    const kinds = Object.keys((document['resource'] ?? {}) as Document)
    t.same(
      kinds.filter((kind) => kind !== 'azapi_resource'),
      [],
      `${folder}: azapi alone`,
    )
    for (const kind of ['variable', 'output', 'module'])
      for (const [name, blocks] of Object.entries((document[kind] ?? {}) as Document)) {
        const [block] = blocks as Document[]
        t.match(name, SNAKE, `${folder}: ${kind}.${name}`)
        if (kind === 'module') t.match(block?.['source'], /^\.\.\//, `${folder}: ${name} is a file`)
        else t.type(block?.['description'], 'string', `${folder}: ${kind}.${name} is described`)
        if (kind === 'variable') {
          t.type(block?.['type'], 'string', `${folder}: ${name} has a type`)
          t.equal(block?.['nullable'], false, `${folder}: ${name}`)
        }
      }
  }
})

const python = environment(t, 'bicep')
if (python !== null)
  t.test('Bicep', async (t) => {
    const all = (await readdir(BICEP, { recursive: true })).filter((file) =>
      file.endsWith('.bicep'),
    )
    const files = await parseBicep(
      python,
      all.map((file) => join(BICEP, file)),
    )
    for (const [file, { tree }] of files)
      for (const [at, node] of tree.children.entries()) {
        const name = childOf(node, 'identifier')?.text ?? ''
        if (name !== '') t.match(name, CAMEL, `${file}: ${name}`)
        if (node.type === 'module_declaration')
          t.match(sourceOf(childOf(node, 'string') ?? node), /^'(modules\/)?[a-z-]+\.bicep'$/, name)
        if (node.type === 'parameter_declaration' || node.type === 'output_declaration') {
          const before = tree.children[at - 1]
          const described =
            before?.type === 'decorators' && sourceOf(before).includes('@description(')
          t.ok(described, `${file}: ${name} is described`)
        }
      }
  })

t.test('nothing reports its use, and nothing is named of a registry of modules', async (t) => {
  for (const folder of [BICEP, TERRAFORM])
    for (const file of await readdir(folder, { recursive: true }))
      if (/\.(tf|bicep)$/.test(file)) {
        const text = await readFile(join(folder, file), 'utf8')
        t.notMatch(text, /telemetry|modtm|br\/public|br:|registry\.terraform\.io/i, file)
      }
})
