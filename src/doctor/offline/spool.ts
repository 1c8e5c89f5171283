/**
 * The spool's directory: whether this user can make it, write to it durably and lock it.
 * @module
 */
import { randomUUID } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { mkdir, open, rmdir, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { takeLock } from '../../audit/spool/lock-file.ts'
import type { Config } from '../../config/schema/schema.ts'
import { codeOf } from '../../lib/error-code.ts'
import { findingsOf, type Finding } from '../finding.ts'

const WHERE = 'audit.spool.directory'

const { failed } = findingsOf('spool')

/** Leaves nothing behind. `isThere`: the directory was there before. */
export async function checkSpoolIsOurs({
  audit,
}: Config): Promise<{ readonly isThere: boolean; readonly findings: readonly Finding[] }> {
  const { directory } = audit.spool
  const isThere = existsSync(directory)
  // the check of the directory itself says so
  if (isThere && !statSync(directory).isDirectory()) return { isThere, findings: [] }
  const missing = missingIn(directory)
  const made: string[] = []
  try {
    // not with `recursive`: where a file system says of a directory that it has no such entry, Node tries for ever
    for (const path of missing) {
      await mkdir(path, { mode: 0o700 })
      made.push(path)
    }
  } catch (error) {
    await remove(made)
    const what = `"${directory}" cannot be made (${codeOf(error, 'failed')})`
    const next = `make it, for the gateway only: install -d -m 700 -o GATEWAY ${directory}`
    return { isThere: false, findings: [failed(WHERE, what, next)] }
  }
  try {
    return { isThere, findings: await tryOut(directory) }
  } finally {
    await remove(made)
  }
}

/** The directories that have to be made, the outermost first. */
function missingIn(directory: string): readonly string[] {
  return existsSync(directory) ? [] : [...missingIn(dirname(directory)), directory]
}

/** Directories that were made here, and are empty. */
async function remove(made: readonly string[]): Promise<void> {
  for (const path of made.toReversed()) await rmdir(path)
}

async function tryOut(directory: string): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  const probe = join(directory, `.check-${randomUUID()}`)
  try {
    const file = await open(probe, 'wx', 0o600)
    try {
      await file.write('azureml-harness config check')
      await file.sync()
    } finally {
      await file.close()
      await unlink(probe)
    }
  } catch (error) {
    const what = `"${directory}" cannot be written (${codeOf(error, 'failed')})`
    findings.push(failed(WHERE, what, 'run as the gateway’s own user, and check owner and disk'))
    return findings
  }
  try {
    await takeLock(join(directory, 'lock')).release()
  } catch (error) {
    const what = error instanceof Error ? error.message : 'cannot be locked'
    findings.push(failed(WHERE, what, 'stop that gateway, or give this one a directory of its own'))
  }
  return findings
}
