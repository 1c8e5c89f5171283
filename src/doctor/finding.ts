/**
 * What a check of the doctor says: what is wrong, where, and what to do next.
 * @module
 */

/**
 * `failed`: requests fail, or records are lost, until it is mended. `warning`: nothing fails yet. `unverified`: it
 * could not be checked.
 */
export type Status = 'ok' | 'warning' | 'failed' | 'unverified'

export interface Finding {
  /** Name of the check, in the order in which to mend. */
  readonly check: string
  readonly status: Status
  /** Where: a key of the configuration, a file with its line, or an ARM id. */
  readonly where: string
  readonly what: string
  /** What to do; null if there is nothing to. */
  readonly next: string | null
}

/** Makers of the findings of one check. */
export interface Findings {
  readonly ok: (where: string, what: string) => Finding
  readonly warning: (where: string, what: string, next: string) => Finding
  readonly failed: (where: string, what: string, next: string) => Finding
  readonly unverified: (where: string, what: string, next: string) => Finding
}

/** Makes findings of `check`. */
export function findingsOf(check: string): Findings {
  const make =
    (status: Status) =>
    (where: string, what: string, next: string): Finding => ({ check, status, where, what, next })
  return {
    ok: (where, what) => ({ check, status: 'ok', where, what, next: null }),
    warning: make('warning'),
    failed: make('failed'),
    unverified: make('unverified'),
  }
}
