/** Whatever starts the gateway limits its memory in the same way: what the benches measure is what is deployed. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import { MALLOC_ENV, NODE_FLAGS } from '../../lab/gateway/gateway.ts'
import { readDockerfile } from '../packaging/support/dockerfile.ts'

const read = (file: string): string =>
  readFileSync(resolve(import.meta.dirname, '../..', file), 'utf8')

t.test('the image', async (t) => {
  const stage = readDockerfile(read('Dockerfile')).get('gateway')
  t.match(stage?.env, MALLOC_ENV)
  t.match(stage?.entrypoint.slice(1, -1), NODE_FLAGS)
})

t.test('containers of the image that begin with a script of their own', async (t) => {
  for (const file of ['deploy/bicep/modules/app.bicep', 'deploy/terraform/modules/app/locals.tf'])
    t.ok(read(file).includes(`exec node ${NODE_FLAGS.join(' ')} dist/`), file)
})

t.test('the unit of systemd', async (t) => {
  const variables = [
    ...read('deploy/systemd/azureml-harness.service').matchAll(/^Environment=(.*)$/gm),
  ].flatMap(([, words = '']) => words.split(' '))
  t.ok(variables.includes(`NODE_OPTIONS=${NODE_FLAGS.join(' ')}`))
  for (const [name, value] of Object.entries(MALLOC_ENV))
    t.ok(variables.includes(`${name}=${value}`), name)
})
