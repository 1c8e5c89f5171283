/**
 * The script that compiles the infrastructure in a CI: every file is compiled, and a fault of any fails it. The compilers are
 * stand-ins that write down what they are called with.
 */
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'

const run = promisify(execFile)

/** Runs it with commands that fail for what `fails` matches; resolves with what they were called with. */
async function compile(t: Test, fails = 'nothing'): Promise<{ ok: boolean; calls: string[] }> {
  const command = (name: string): string =>
    `#!/bin/sh\necho "${name} $*" >>"$CALLS"\ncase "$*" in *${fails}*) exit 1 ;; esac\n`
  const folder = t.testdir({ calls: '', az: command('az'), terraform: command('terraform') })
  await run('chmod', ['+x', join(folder, 'az'), join(folder, 'terraform')])
  const calls = join(folder, 'calls')
  const env = { PATH: `${folder}:${process.env['PATH'] ?? ''}`, CALLS: calls }
  const ok = await run('sh', ['deploy/ci/compile-infrastructure.sh', 'deploy'], { env }).then(
    () => true,
    () => false,
  )
  return { ok, calls: (await readFile(calls, 'utf8')).split('\n') }
}

t.test('every Bicep file is compiled, and both roots of Terraform are validated', async (t) => {
  const { ok, calls } = await compile(t)
  t.ok(ok)
  const files = (await readdir('deploy/bicep', { recursive: true })).filter((file) =>
    file.endsWith('.bicep'),
  )
  const compiled = calls.flatMap((call) => /^az bicep build --file (\S+)/.exec(call)?.[1] ?? [])
  t.same(compiled.map((file) => relative('deploy/bicep', file)).sort(), files.sort())
  const validated = calls.filter((call) => call.endsWith(' validate'))
  t.equal(validated.length, 2)
})

t.test('what does not compile, is not formatted or not valid fails', async (t) => {
  for (const fails of ['build*vault.bicep', 'lint*aks.bicep', 'fmt', 'container-apps*validate'])
    t.notOk((await compile(t, fails)).ok, fails)
})
