/**
 * What a command gets of the process: it is passed in, so that tests can run commands as functions.
 * @module
 */

/** Exit statuses of every command. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const

/** Passed to each command by main.ts. */
export interface Io {
  /** Result lines, for pipes. */
  readonly out: (line: string) => void
  /** Progress, hints and errors, for people. */
  readonly err: (line: string) => void
  /** Whether to colour what goes to `err` and `out`. */
  readonly colour: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly now: () => number
  /** Aborted on SIGINT and SIGTERM. */
  readonly signal: AbortSignal
  /** Standard input, whole; absent in most tests. */
  readonly input?: () => Promise<string>
  /** Calls `listener` at each of these signals until the returned function is called; absent in tests. */
  readonly onSignal?: (names: readonly string[], listener: (name: string) => void) => () => void
}

/** A command: its arguments after its name, its exit status as the answer. */
export interface Command {
  /** One line for the list in `--help`. */
  readonly summary: string
  /** What `COMMAND --help` prints: usage, options with units and defaults, an example. */
  readonly help: string
  readonly run: (args: readonly string[], io: Io) => Promise<number>
}
