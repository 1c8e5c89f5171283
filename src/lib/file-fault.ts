/**
 * What went wrong with a file, in words, and what to do about it.
 * @module
 */
import { codeOf } from './error-code.ts'

/** Both without a full stop; `what` follows the file's name. */
export interface FileFault {
  readonly what: string
  readonly next: string
}

const FAULTS: Readonly<Record<string, FileFault>> = {
  ENOENT: {
    what: 'does not exist',
    next: 'check the path, and the directory that it is taken from',
  },
  EACCES: {
    what: 'may not be read or written by this user',
    next: 'change its permissions, or run as its owner',
  },
  EPERM: {
    what: 'may not be changed by this user',
    next: 'change its permissions, or run as its owner',
  },
  EISDIR: { what: 'is a directory', next: 'name a file' },
  EFTYPE: { what: 'is neither a file nor a link to one', next: 'name a file' },
  ELOOP: { what: 'is a link that leads to itself', next: 'name a file' },
  ENOTDIR: { what: 'is not in a directory', next: 'check the path: a part of it is a file' },
  ENOSPC: { what: 'does not fit on the disk', next: 'free some space, or name another place' },
  EROFS: { what: 'is on a read-only file system', next: 'name another place' },
  EMFILE: { what: 'cannot be opened: too many files are open', next: 'raise the limit: ulimit -n' },
}

/** The fault that a system error is; null for any other error. */
export const fileFaultOf = (error: unknown): FileFault | null => FAULTS[codeOf(error)] ?? null
