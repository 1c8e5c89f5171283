/**
 * People who have left: whether any call of theirs was permitted afterwards.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { Problem } from '../problem.ts'
import type { Table } from '../csv.ts'
import type { Exception } from './exceptions.ts'
import type { Gathered } from './records.ts'

export interface Leaver {
  /** As records have it, `issuer/object id`. */
  readonly principal: string
  /** ISO 8601. */
  readonly left: string
}

const LINE = /^([^\s,]+)\s*[,\s]\s*(\d{4}-\d{2}-\d{2}(?:T[\d:.]+(?:Z|[+-]\d{2}:\d{2}))?)$/u

/** A line for each: `issuer/id, time`. Empty lines and those that begin with "#" are left out. @throws Problem */
export async function leaversOf(file: string): Promise<readonly Leaver[]> {
  const lines = (await readFile(file, 'utf8')).split(/\r?\n/u)
  return lines.flatMap((line, at) => {
    if (line.trim() === '' || line.startsWith('#')) return []
    const [, principal = '', left = ''] = LINE.exec(line.trim()) ?? []
    if (Number.isNaN(Date.parse(left)))
      throw new Problem(
        `"${file}", line ${at + 1}: it is no person and time`,
        'write lines such as entra/0f3c..., 2026-08-31T17:00:00Z',
      )
    return [{ principal, left: new Date(left).toISOString() }]
  })
}

export function leaversTable(
  leavers: readonly Leaver[],
  { principals }: Gathered,
): { readonly table: Table; readonly exceptions: readonly Exception[] } {
  const rows = leavers.map(({ principal, left }) => {
    const last = principals.get(principal)?.permitted ?? ''
    return { principal, left, last, isAfter: last > left }
  })
  return {
    table: {
      path: '02-access-changes/leavers.csv',
      columns: ['principal', 'left', 'last_permitted_call', 'after_leaving'],
      rows: rows.map(({ principal, left, last, isAfter }) => [principal, left, last, isAfter]),
      what: 'People who were named as having left, and their last call that was permitted in the period.',
    },
    exceptions: rows
      .filter(({ isAfter }) => isAfter)
      .map(({ principal, left, last }) => ({
        kind: 'exception',
        control: 'AMH-05',
        what: `a call was permitted at ${last}, after they had left at ${left}`,
        where: principal,
      })),
  }
}
