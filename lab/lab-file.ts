/**
 * lab.json: what a started lab tells scripts about itself.
 * @module
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'

export interface LabFile {
  readonly gateway: string
  readonly ca: string
  readonly subscription: string
  readonly resourceGroup: string
  readonly workspace: string
  readonly upstream: string
  readonly ingestion: string
  readonly spool: string
  readonly personas: Readonly<
    Record<string, { readonly issuer: string; readonly tokenCommand: string }>
  >
}

/** `LAB_DIR`, or `.lab` where the command was called. */
export function labDirectory(env: NodeJS.ProcessEnv): string {
  const given = env['LAB_DIR']
  return resolve(given === undefined || given === '' ? '.lab' : given)
}

const fileOf = (directory: string): string => join(directory, 'lab.json')

/** Whole or not at all: who polls for the file never reads half of it. */
export async function writeLabFile(directory: string, content: LabFile): Promise<string> {
  const file = fileOf(directory)
  await writeFile(`${file}.tmp`, `${JSON.stringify(content, null, 2)}\n`)
  await rename(`${file}.tmp`, file)
  return file
}

export async function removeLabFile(directory: string): Promise<void> {
  await rm(fileOf(directory), { force: true })
}

/** Null if no lab has been started there. */
export async function readLabFile(directory: string): Promise<LabFile | null> {
  try {
    return JSON.parse(await readFile(fileOf(directory), 'utf8')) as LabFile
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
