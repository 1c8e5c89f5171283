/**
 * Debian's HAProxy, where it is installed.
 * @module
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'

const HAPROXY = ['haproxy', '/usr/sbin/haproxy'].find(
  (program) => spawnSync(program, ['-v'], { stdio: 'ignore' }).status === 0,
)

/** Why it cannot be started; false if it can. */
export const noHaproxy = (): string | false =>
  HAPROXY === undefined ? 'haproxy is not installed' : false

/** Starts it with this file, until the end of the test; it may take a moment until it listens. */
export function startHaproxy(
  t: Pick<Test, 'teardown'>,
  file: string,
  env: Readonly<Record<string, string>> = {},
): void {
  const child = spawn(HAPROXY ?? '', ['-db', '-f', file], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  t.teardown(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
}

/** What it says of configuration files that are loaded together, and whether it would take them. */
export function checkHaproxy(
  files: readonly string[],
  env: Readonly<Record<string, string>>,
): { readonly ok: boolean; readonly said: string } {
  const args = ['-c', ...files.flatMap((file) => ['-f', file])]
  const { status, stdout, stderr } = spawnSync(HAPROXY ?? '', args, {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  })
  return { ok: status === 0, said: stdout + stderr }
}
