/**
 * What `init` copies: the policies of this repository, and the template of the audit trail.
 * @module
 */
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Problem } from '../problem.ts'

const BINDINGS = 'bindings.yaml'
const TEMPLATE = 'deploy/azure-monitor/template.json'
/** From a file of the source or of the bundle to the folder that has both. */
const LEVELS = 4

/** Texts by their paths below the directory that is written. */
export type Files = ReadonlyMap<string, string>

/**
 * The files, but for bindings, which are everybody's own.
 * @param from a checkout of this repository; null: where the program is from
 */
export async function readMaterial(from: string | null): Promise<Files> {
  const root = from ?? above(dirname(fileURLToPath(import.meta.url)))
  if (root === null || !isRoot(root))
    throw new Problem(
      from === null
        ? 'this program was installed without the policies and templates that are copied'
        : `"${from}" has no ${TEMPLATE}, or no policies`,
      'name a checkout of the repository: --from DIR',
    )
  const files = new Map<string, string>()
  const add = async (folder: string, name: string): Promise<void> => {
    files.set(join(folder, name), await readFile(join(root, folder, name), 'utf8'))
  }
  for (const folder of ['policies', 'policies/templates', 'policies/profiles'])
    for (const name of (await readdir(join(root, folder))).toSorted())
      if (/\.cedar$|\.cedarschema$|\.yaml$/.test(name) && name !== BINDINGS) await add(folder, name)
  files.set('audit.json', await readFile(join(root, TEMPLATE), 'utf8'))
  return files
}

const isRoot = (folder: string): boolean =>
  existsSync(join(folder, TEMPLATE)) && existsSync(join(folder, 'policies/templates'))

function above(folder: string, levels = LEVELS): string | null {
  if (isRoot(folder)) return folder
  return levels === 0 ? null : above(dirname(folder), levels - 1)
}
