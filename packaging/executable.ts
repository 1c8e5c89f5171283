/**
 * `npm run build:executable [-- FILE]`: the command line as one executable file that needs no Node: all of its code
 * and Cedar's module inside of a copy of the Node that runs this, as Node's "single executable applications" are made.
 *
 * It is for the system and processor that it is built on.
 * @module
 */
import { spawnSync } from 'node:child_process'
import { chmod, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { SINGLE_FILE, WASM, writeSingleFile } from './bundle.ts'

/** Node looks for it in itself, to see whether it is such an executable. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'
const NODE = process.execPath
/** Puts the blob into the file; its functions have no types. */
const POSTJECT = createRequire(import.meta.url).resolve('postject/dist/cli.js')
const isMac = process.platform === 'darwin'
const DEFAULT = `dist/azureml-harness${process.platform === 'win32' ? '.exe' : ''}`

function run(command: string, ...args: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} failed: ${stdout}${stderr}`, { cause: error })
}

/** Writes the executable. */
export async function writeExecutable(file: string): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'azureml-harness-'))
  try {
    await writeSingleFile(directory)
    const [config, blob] = [join(directory, 'sea.json'), join(directory, 'sea.blob')]
    const settings = {
      main: join(directory, SINGLE_FILE),
      output: blob,
      disableExperimentalSEAWarning: true,
      useCodeCache: true,
      assets: { [WASM]: join(directory, WASM) },
    }
    await writeFile(config, JSON.stringify(settings))
    run(NODE, '--experimental-sea-config', config)
    await copyFile(NODE, file)
    await chmod(file, 0o755)
    // a signature does not outlive a change of the file
    if (isMac) run('codesign', '--remove-signature', file)
    const segment = isMac ? ['--macho-segment-name', 'NODE_SEA'] : []
    run(NODE, POSTJECT, file, 'NODE_SEA_BLOB', blob, '--sentinel-fuse', FUSE, ...segment)
    if (isMac) run('codesign', '--sign', '-', file)
  } finally {
    await rm(directory, { recursive: true })
  }
}

if (import.meta.main) {
  const file = resolve(process.argv[2] ?? join(import.meta.dirname, '..', DEFAULT))
  await writeExecutable(file)
  console.log(file)
}
