/**
 * Whether a file is the one that was read before.
 * @module
 */
import type { BigIntStats } from 'node:fs'

/** Inode, size and times to the nanosecond: equal while a file is neither replaced by a rename nor written to. */
export function versionOf({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${ino}:${size}:${mtimeNs}:${ctimeNs}`
}
