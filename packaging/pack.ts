/**
 * Before and after `npm pack`: builds the bundle, and leaves out of the packed package.json what it does not need: the
 * packages that are in the bundle already, and the scripts of this repository.
 *
 * npm has no other way to pack something else than what the repository's package.json says.
 * @module
 */
import { copyFile, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { writeBundle } from './bundle.ts'

const ROOT = resolve(import.meta.dirname, '..')
const FILE = join(ROOT, 'package.json')
const KEPT = join(ROOT, 'dist/package.json.kept')
const LEFT_OUT = ['private', 'dependencies', 'devDependencies', 'allowScripts', 'scripts']

async function restore(): Promise<void> {
  await rename(KEPT, FILE)
}

async function prepare(): Promise<void> {
  await mkdir(dirname(KEPT), { recursive: true })
  // the last time may have been interrupted
  if (await stat(KEPT).catch(() => null)) await restore()
  await writeBundle(join(ROOT, 'dist'))
  const members = Object.entries(JSON.parse(await readFile(FILE, 'utf8')) as object)
  const packed = Object.fromEntries(members.filter(([name]) => !LEFT_OUT.includes(name)))
  await copyFile(FILE, KEPT)
  await writeFile(FILE, `${JSON.stringify(packed, null, 2)}\n`)
}

await (process.argv[2] === 'restore' ? restore() : prepare())
