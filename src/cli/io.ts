/**
 * What a command gets of the process: it is passed in, so that tests can run commands as functions.
 * @module
 */
import type { styleText } from 'node:util'

/** Exit statuses of every command. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const

/** Passed to each command by main.ts. */
export interface Io {
  /** Result lines, for pipes. */
  readonly out: (line: string) => void
  /** Resolves when standard output has room for more: what prints many lines awaits it between them. */
  readonly drained: () => Promise<void>
  /** Progress, hints and errors, for people. */
  readonly err: (line: string) => void
  /** Replaces the progress line on standard error; null clears it. Absent if standard error is no terminal. */
  readonly progress?: (line: string | null) => void
  /** Styles what goes to `out`: unchanged if that is no terminal, or `NO_COLOR` is set. */
  readonly style: (format: Parameters<typeof styleText>[0], text: string) => string
  /** Columns of the terminal on standard output; null if there is none. */
  readonly columns: number | null
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly now: () => number
  /** Aborted on SIGINT and SIGTERM. Whoever reads it has a second to end; the others end at once. */
  readonly signal: AbortSignal
  /** Told once a gateway of this process serves; absent in tests. */
  readonly serving?: () => void
  /** Standard input, whole; absent in most tests. */
  readonly input?: () => Promise<string>
  /** Asks a person for a line; absent unless standard input and standard error are a terminal. */
  readonly ask?: (question: string) => Promise<string>
  /** Calls `listener` at each of these signals until the returned function is called; absent in tests. */
  readonly onSignal?: (names: readonly string[], listener: (name: string) => void) => () => void
}
