/**
 * `evidence verify`: whether a bundle is what was collected. Needs nothing but the bundle.
 * @module
 */
import { createPublicKey, verify } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { isObject, parseStrictJson } from '../../lib/strict-json.ts'
import { EXIT, type Io } from '../io.ts'
import { show, type Output } from '../output.ts'
import { Problem } from '../problem.ts'
import { createProgress } from '../progress.ts'
import { digestOf, MANIFEST } from './bundle.ts'

export interface VerifyOptions {
  readonly folder: string
  readonly key?: string | undefined
  readonly output: Output
}

/** Files that the manifest cannot name. */
const BESIDE = new Set([MANIFEST, `${MANIFEST}.sig`, 'sha256sums.txt'])

export async function verifyBundle(options: VerifyOptions, io: Io): Promise<number> {
  const folder = resolve(io.cwd, options.folder)
  const bytes = await readFile(join(folder, MANIFEST)).catch(() => {
    throw new Problem(`"${folder}" has no ${MANIFEST}`, 'name the folder of a bundle')
  })
  const faults: string[] = []
  const listed = outputsIn(bytes)
  if (listed === null) faults.push(`${MANIFEST} is no manifest of a bundle`)
  if (options.key !== undefined) {
    const key = createPublicKey(await readFile(resolve(io.cwd, options.key)))
    const signature = await readFile(join(folder, `${MANIFEST}.sig`)).catch(() => null)
    if (signature === null) faults.push('it is not signed')
    else if (!verify(null, bytes, key, signature)) faults.push('its signature is not of that key')
  }
  const known = new Set((listed ?? []).map(({ path }) => path))
  const progress = createProgress(io, 'checking files', known.size)
  for (const { path, sha256, rows } of listed ?? []) {
    const content = await readFile(join(folder, path)).catch(() => null)
    if (content === null) faults.push(`${path} is missing`)
    else if (digestOf(content) !== sha256) faults.push(`${path} is not what was collected`)
    else if (rows !== null && rows !== rowsIn(path, content.toString('utf8')))
      faults.push(`${path} does not have ${rows} rows`)
    progress.add(1)
  }
  progress.end()
  for (const path of await filesIn(folder))
    if (!known.has(path) && !BESIDE.has(path)) faults.push(`${path} is not in the manifest`)
  show(io, options.output, {
    json: () => ({ files: known.size, faults }),
    table: () => [...faults, `${known.size} files, ${faults.length} faults`],
    tsv: () => faults.map((one) => [one]),
  })
  return faults.length === 0 ? EXIT.ok : EXIT.failed
}

interface Listed {
  readonly path: string
  readonly sha256: string
  readonly rows: number | null
}

/** Null for what is no manifest, and for one that names a file outside of its folder. */
function outputsIn(bytes: Buffer): readonly Listed[] | null {
  let manifest: unknown
  try {
    manifest = parseStrictJson(bytes)
  } catch {
    return null
  }
  const outputs: unknown = isObject(manifest) ? manifest['outputs'] : null
  if (!Array.isArray(outputs) || outputs.length === 0) return null
  const found = outputs.flatMap((one: unknown): Listed[] => {
    if (!isObject(one)) return []
    const { path, sha256, rows } = one
    if (typeof path !== 'string' || typeof sha256 !== 'string') return []
    if (path.startsWith('/') || path.split('/').includes('..')) return []
    return [{ path, sha256, rows: typeof rows === 'number' ? rows : null }]
  })
  return found.length === outputs.length ? found : null
}

/** Lines of JSON lines; rows of CSV, in which a value may have line breaks between its quotes. */
function rowsIn(path: string, text: string): number {
  if (path.endsWith('.jsonl')) return text.split('\n').length - 1
  let rows = 0
  let isQuoted = false
  for (const one of text) {
    if (one === '"') isQuoted = !isQuoted
    if (one === '\n' && !isQuoted) rows += 1
  }
  return rows - 1
}

async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
    .sort()
}
