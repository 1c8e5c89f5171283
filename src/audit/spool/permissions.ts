/**
 * Who may touch the spool: nobody but the gateway.
 * @module
 */
import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs'

/** Creates the directory 0700, or throws an Error if others may write to the one that is there. */
export function privateDirectory(path: string): void {
  if (!existsSync(path)) {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    // mkdir's mode is reduced by the umask: set it exactly
    chmodSync(path, 0o700)
    return
  }
  const found = statSync(path)
  if (!found.isDirectory()) throw new Error(`the audit spool "${path}" is not a directory`)
  if ((found.mode & 0o022) !== 0) {
    throw new Error(`the audit spool "${path}" can be written by others: chmod 700 it`)
  }
}
