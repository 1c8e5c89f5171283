/**
 * What a packaged command line is tried with: something of each part that is loaded late.
 * @module
 */
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import type { Test } from 'tap'
import { workspaceId } from '../../../lab/personas.ts'
import { VERSION } from '../../../src/cli/version.ts'
import type { World } from '../../support/gateway.ts'
import { signIn } from '../../cli/support/signed-in.ts'

/** The repository. */
export const ROOT = resolve(import.meta.dirname, '../../..')

/** What the scientist may ask. */
export const JOBS = `${workspaceId()}/jobs?api-version=2024-04-01`

const CALL = `
  const url = process.env.AZUREML_HARNESS_GATEWAY + '/_harness/whoami'
  const headers = { authorization: 'Bearer ' + process.argv[1] }
  process.stdout.write(String((await fetch(url, { headers })).status))`

/** Runs commands of `program`, an executable file, with nothing in its environment but `env`, which names a home. */
export async function tryOut(
  t: Test,
  program: string,
  env: Readonly<Record<string, string>>,
  world: World,
): Promise<void> {
  const run = (...args: readonly string[]) => {
    const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', env })
    if (error !== undefined) throw error
    return { status, stdout, stderr }
  }
  t.match(run('--version'), { status: 0, stdout: `${VERSION}\n`, stderr: '' })
  t.match(run('policy', 'propose', '--help'), { status: 0, stdout: /Exit status/ })
  // Cedar's module, YAML, the schema of the configuration
  t.match(run('policy', 'schema').stdout, /^type Facts/)
  const config = ['--config', world.gateway.configFile]
  t.match(run('policy', 'check', ...config), { status: 0, stderr: '' })
  t.match(run('config', 'check', ...config), { status: 0, stderr: '' })
  const answer = await world.send(JOBS, {
    headers: { authorization: `Bearer ${await world.lab.token('scientist')}` },
  })
  await world.settled(answer)
  const id = String(answer.headers['x-harness-decision-id'])
  t.match(run('explain', ...config, '--decision', id), { status: 0, stdout: /permit/ })
  t.match(run('audit', 'verify', world.gateway.config.audit.spool.directory), { status: 0 })
  t.match(run('health', ...config), { status: 0 })
  // a session, the network, a child
  await signIn(String(env['AZUREML_HARNESS_HOME']), world)
  const token = run('token')
  t.match(token, { status: 0, stdout: /^eyJ/ })
  t.match(run('whoami'), { status: 0, stdout: /^user entra/ })
  const child = [process.execPath, '--input-type=module', '-e', CALL, token.stdout.trim()]
  t.match(run('exec', '--', ...child), { status: 0, stdout: '200' })
  t.match(run('no-such-command'), { status: 2 })
}
