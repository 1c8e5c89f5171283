/**
 * The script that `init` writes, run with a stand-in for `az`.
 */
import { execFile } from 'node:child_process'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

interface Done {
  readonly status: number
  readonly out: string
  readonly err: string
  /** How `az` was called. */
  readonly calls: readonly (readonly string[])[]
}

/**
 * Runs `out/azure.sh` of a directory.
 * @param env what Azure gives (deploy/support/az-stand-in.sh)
 */
export async function runScript(
  directory: string,
  env: Readonly<Record<string, string>>,
): Promise<Done> {
  const place = (name: string): string => join(directory, name)
  await mkdir(place('bin'), { recursive: true })
  await mkdir(place('state'), { recursive: true })
  await symlink(
    join(import.meta.dirname, '../../deploy/support/az-stand-in.sh'),
    place('bin/az'),
  ).catch(() => undefined)
  await writeFile(place('calls'), '')
  const ran = await promisify(execFile)('bash', [place('out/azure.sh')], {
    // not the directory of the script: it finds its own files
    cwd: '/',
    env: {
      PATH: `${place('bin')}:${process.env['PATH'] ?? ''}`,
      AZ_CALLS: place('calls'),
      AZ_STATE: place('state'),
      ...env,
    },
  }).then(
    ({ stdout, stderr }) => ({ status: 0, out: stdout, err: stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      status: error.code,
      out: error.stdout,
      err: error.stderr,
    }),
  )
  const calls = (await readFile(place('calls'), 'utf8')).split('\0\n').slice(0, -1)
  return { ...ran, calls: calls.map((call) => call.split('\0')) }
}
