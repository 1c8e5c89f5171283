/**
 * Errors for the person who ran a command, with what to do next.
 * @module
 */
import { fileFaultOf } from '../lib/file-fault.ts'

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

/** A system error about a file as a Problem that names the file; null for any other error. */
export function fileProblem(error: unknown): Problem | null {
  if (!(error instanceof Error) || !('path' in error) || typeof error.path !== 'string') return null
  const fault = fileFaultOf(error)
  if (fault === null) return null
  const path = isPlain(error.path) ? error.path : '?'
  return new Problem(`"${path}" ${fault.what}`, fault.next, error)
}
