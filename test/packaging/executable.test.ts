/** `npm run build:executable` gives one file that runs without Node, with an empty PATH. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startGateway } from '../support/gateway.ts'
import { ROOT, tryOut } from './support/smoke.ts'

t.setTimeout(300_000)

t.test('the executable runs', async (t) => {
  const world = await startGateway()
  t.teardown(() => world.close())
  const directory = t.testdir()
  const built = join(directory, 'built')
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, 'packaging/executable.ts'), built],
    { encoding: 'utf8' },
  )
  t.equal(status, 0, stderr)
  t.match(stdout, built)
  // elsewhere, and alone
  const alone = join(directory, 'alone')
  mkdirSync(alone)
  const program = join(alone, 'azureml-harness')
  copyFileSync(built, program)
  await tryOut(t, program, { PATH: '', AZUREML_HARNESS_HOME: join(directory, 'home') }, world)
})
