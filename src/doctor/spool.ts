/**
 * The spool's directory: private, writable, with room for what it may hold.
 * @module
 */
import { constants, access, stat } from 'node:fs/promises'
import { diskFiles } from '../audit/spool/files.ts'
import type { Config } from '../config/schema/schema.ts'
import { findingsOf, type Finding } from './finding.ts'
import { codeOf } from '../lib/error-code.ts'

const WRITABLE_BY_OTHERS = 0o022
const READABLE_BY_OTHERS = 0o055
const MB = 1_048_576
/** Below it, the spool's own reserve and a segment do not fit. */
const MIN_BYTES = 128 * MB
const WHERE = 'audit.spool.directory'

const { ok, warning, failed } = findingsOf('spool')

export async function checkSpool({ audit }: Config): Promise<Finding[]> {
  const { directory, hardLimitBytes } = audit.spool
  try {
    const found = await stat(directory)
    if (!found.isDirectory()) return [failed(WHERE, 'is no directory', 'give another path')]
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK)
    const free = await diskFiles.free(directory)
    return [permissions(directory, found.mode), room(free, hardLimitBytes)]
  } catch (error) {
    const code = codeOf(error)
    const next =
      code === 'ENOENT'
        ? `make it, for the gateway only: install -d -m 700 ${directory}`
        : 'run the doctor as the gateway’s own user, and check the directory’s owner'
    return [failed(WHERE, `cannot be used (${code})`, next)]
  }
}

function permissions(directory: string, mode: number): Finding {
  const octal = (mode & 0o777).toString(8)
  const next = `chmod 700 ${directory}`
  if ((mode & WRITABLE_BY_OTHERS) !== 0)
    return failed(WHERE, `can be written by others (${octal}): the gateway does not start`, next)
  if ((mode & READABLE_BY_OTHERS) !== 0)
    return warning(WHERE, `can be read by others (${octal})`, next)
  return ok(WHERE, 'is the gateway’s own')
}

function room(free: { bytes: number; inodes: number }, hardLimitBytes: number): Finding {
  const what = `${Math.floor(free.bytes / MB)} MB are free, and the spool may grow to ${Math.floor(hardLimitBytes / MB)} MB`
  if (free.bytes < Math.min(MIN_BYTES, hardLimitBytes) || free.inodes < 1_000)
    return failed(WHERE, what, 'give the spool a disk of its own: a full one stops the gateway')
  if (free.bytes < hardLimitBytes)
    return warning(WHERE, what, 'give it a larger disk, or lower audit.spool.hardLimitBytes')
  return ok(WHERE, what)
}
