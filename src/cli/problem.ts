/**
 * An error for the person who ran a command, with what to do next.
 * @module
 */

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

/** Whether text of others is safe to show in a terminal: escape sequences could write anything there. */
export function isPlain(text: string): boolean {
  return !/[\p{Cc}\p{Cf}]/u.test(text)
}
