/**
 * Errors for the person who ran a command, with what to do next.
 * @module
 */
import { codeOf } from '../lib/error-code.ts'

/** Thrown by commands; cli.ts prints the message and, under it, what to do next. */
export class Problem extends Error {
  override readonly name = 'Problem'
  /** One line: a command to run or a thing to ask for. */
  readonly next: string

  constructor(message: string, next: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.next = next
  }
}

/** Thrown for arguments that do not fit together; cli.ts prints it with the way to the help, and ends with status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Whether text of others is safe to show in a terminal: escape sequences could write anything there. */
export function isPlain(text: string): boolean {
  return !/[\p{Cc}\p{Cf}]/u.test(text)
}

const FILE_PROBLEMS: Readonly<Record<string, readonly [what: string, next: string]>> = {
  ENOENT: ['does not exist', 'check the path; it is taken from the working directory'],
  EACCES: [
    'may not be read or written by this user',
    'change its permissions, or run as its owner',
  ],
  EPERM: ['may not be changed by this user', 'change its permissions, or run as its owner'],
  EISDIR: ['is a directory', 'name a file'],
  ENOTDIR: ['is not in a directory', 'check the path: a part of it is a file'],
  ENOSPC: ['does not fit on the disk', 'free some space, or name another place'],
  EROFS: ['is on a read-only file system', 'name another place'],
  EMFILE: ['cannot be opened: too many files are open', 'raise the limit: ulimit -n'],
}

/** A system error about a file as a Problem that names the file; null for any other error. */
export function fileProblem(error: unknown): Problem | null {
  if (!(error instanceof Error) || !('path' in error) || typeof error.path !== 'string') return null
  const known = FILE_PROBLEMS[codeOf(error)]
  if (known === undefined) return null
  const path = isPlain(error.path) ? error.path : '?'
  return new Problem(`"${path}" ${known[0]}`, known[1], error)
}
