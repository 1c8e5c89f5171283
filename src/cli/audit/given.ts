/**
 * What the commands on an audit trail are given: a spool, and times.
 * @module
 */
import { resolve } from 'node:path'
import { configFileIfAny } from '../config-file.ts'
import type { Io } from '../io.ts'
import { UsageError } from '../problem.ts'

interface Given {
  readonly spool?: string | undefined
  readonly config?: string | undefined
}

/** The spool that is meant, as an absolute path. @throws UsageError if none is named */
export async function spoolDirectory({ spool, config }: Given, io: Io): Promise<string> {
  if (spool !== undefined) return resolve(io.cwd, spool)
  const file = configFileIfAny({ config }, io)
  if (file === null) throw new UsageError('a SPOOL is needed, or --config, which names it')
  const { loadConfig } = await import('../../config/load.ts')
  return (await loadConfig(file)).audit.spool.directory
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds since the epoch, both ends included. @throws UsageError for what is no time */
export function rangeOf(
  given: { readonly since?: string | undefined; readonly until?: string | undefined },
  now: number,
): { readonly since: number; readonly until: number } {
  const since = given.since === undefined ? -Infinity : timeOf('--since', given.since, now)
  const until = given.until === undefined ? Infinity : timeOf('--until', given.until, now)
  if (since > until) throw new UsageError('--since is after --until: nothing lies between')
  return { since, until }
}

/** Milliseconds since the epoch. @throws UsageError for what is no time, naming the option */
export function timeOf(option: string, text: string, now: number): number {
  const [, count = '', unit = ''] = /^(\d+)([smhd])$/.exec(text) ?? []
  const ago = UNITS[unit]
  if (ago !== undefined) return now - Number(count) * ago
  // Date.parse takes many things that look like a time and mean another one
  const time = /^\d{4}-\d{2}-\d{2}(?:T[\d:.]+(?:Z|[+-]\d{2}:\d{2}))?$/.test(text)
    ? Date.parse(text)
    : NaN
  if (!Number.isNaN(time)) return time
  throw new UsageError(
    `${option} takes an ISO 8601 time with its zone, as in 2026-11-21T08:00:00Z, or so long ago, as in 10m`,
  )
}
