/** Every operation that returns secrets against every shipped template: permitted is what the template names, and no more. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { classify } from '../../src/azureml/classify.ts'
import { parseTarget } from '../../src/azureml/target.ts'
import { ACTIONS } from '../../src/vocabulary/actions.ts'
import { findType } from '../../src/vocabulary/resource-types.ts'
import { createDecide } from '../../src/policy/decide.ts'
import { loadShipped, principal, SHIPPED, WS } from './support.ts'

/** `workspaces/jobs` in the workspace of the bindings, with a name for each type below it. */
function pathOf(type: string): string {
  const [, ...below] = type.split('/')
  return [WS, ...below.flatMap((kind) => [kind, 'x'])].join('/')
}

const ARM = ACTIONS.filter(({ name, secrets }) => secrets && name.endsWith('/action'))
  .map(({ name }) => name.split('/').slice(1, -1))
  .map((path) => ({ on: path.slice(0, -1).join('/'), verb: path.at(-1) ?? '' }))
  .filter(({ on }) => on.startsWith('workspaces') && findType(on) !== null)
const DATA_PLANE = [
  ['GET', `/datastore/v1.0${WS}/datastores/d`],
  ['GET', `/datastore/v1.0${WS}/default`],
  ['GET', `/history/v1.0${WS}/experiments/e/runs/r/artifacts/contentinfo`],
  ['POST', `/history/v1.0${WS}/experiments/e/runs/r/artifacts/batch/metadata`],
  ['POST', `/modelmanagement/v1.0${WS}/services/s/listkeys`],
  ['POST', `/modelmanagement/v1.0${WS}/services/s/token`],
] as const
const operations = [
  ...ARM.map(({ on, verb }) => ['POST', `${pathOf(on)}/${verb}?api-version=2024-04-01`] as const),
  ...DATA_PLANE,
].map(([method, path]) => ({ path, operation: classify(parseTarget(method, path)) }))

t.ok(operations.length > 20, 'there are many of them')
for (const { path, operation } of operations) t.ok(operation.secrets, path)

for (const file of await readdir(join(SHIPPED, 'templates'))) {
  const template = file.replace('.cedar', '')
  t.test(`${template}: no secrets but those that it names`, async (t) => {
    const set = await loadShipped(
      t,
      `identities: [ml-reader, ml-writer]
bindings:
  - { id: b, template: ${template}, principal: 'User::"entra/t/u"', resource: 'Workspace::"${WS}"' }
`,
    )
    const decide = createDecide(set)
    const text = await readFile(join(SHIPPED, 'templates', file), 'utf8')
    for (const { path, operation } of operations) {
      // reads and writes that return secrets are actions of their own
      const name = operation.action.replace(/\/(read|write)$/, '/$1#secrets')
      const named = text.toLowerCase().includes(`"${name}"`.toLowerCase())
      const verdict = decide(principal({ id: 'entra/t/u' }), operation, {})
      if (verdict.permit !== null) t.ok(named, `${path} is permitted, and named`)
      else t.match(verdict.refusal.code, /^(secrets|policy)_refused$/, path)
    }
  })
}
