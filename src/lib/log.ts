/**
 * What parts write their log with; pino's loggers fit.
 * @module
 */

/** Writes one line of the log, at a level that whoever hands it over has chosen. */
export type Log = (fields: Readonly<Record<string, unknown>>, message: string) => void

/** For parts that tell warnings from errors. */
export interface Logger {
  readonly warn: Log
  readonly error: Log
}

/** Writes nothing: for commands that report in their own way. */
export const QUIET: Logger = { warn: () => undefined, error: () => undefined }
