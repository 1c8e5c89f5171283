/**
 * Compares what the spool holds with what a sink says that it has: a 204 is acceptance, not storage.
 * @module
 */
import { timeOf } from './browse.ts'
import { fieldsOf } from '../../lib/strict-json.ts'

/** One hour of the spool against the sink. */
export interface Hour {
  /** `2026-11-21T23`. */
  readonly hour: string
  spool: number
  sink: number
  /** In the spool and not at the sink. */
  missing: number
  /** Sent more than once; queries drop these by `EventUid`. */
  duplicates: number
  /** The first missing record, to look for. */
  firstMissing: string | null
}

type Columns = ReadonlyMap<string, unknown>

/** Rows out of JSON lines, a JSON array, or an answer of the Log Analytics query API. Throws an Error if it is none. */
export function parseRows(text: string): Columns[] {
  const trimmed = text.trim()
  if (trimmed === '') return []
  if (trimmed.startsWith('[')) return listOf(JSON.parse(trimmed)).map(fieldsOf)
  const [first = ''] = trimmed.split('\n', 1)
  if (isWhole(first)) {
    const fields = fieldsOf(JSON.parse(first))
    if (!fields.has('tables')) return trimmed.split('\n').map((line) => fieldsOf(JSON.parse(line)))
  }
  return tablesOf(fieldsOf(JSON.parse(trimmed)))
}

function isWhole(line: string): boolean {
  try {
    JSON.parse(line)
    return true
  } catch {
    return false
  }
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

/** `{tables: [{columns: [{name}], rows: [[...]]}]}` */
function tablesOf(answer: Columns): Columns[] {
  return listOf(answer.get('tables')).flatMap((table) => {
    const fields = fieldsOf(table)
    const names = listOf(fields.get('columns')).map((item) => String(fieldsOf(item).get('name')))
    return listOf(fields.get('rows')).map(
      (row) => new Map(listOf(row).map((value, index) => [names[index] ?? '', value])),
    )
  })
}

const hourOf = (time: number): string => new Date(time).toISOString().slice(0, 13)

/**
 * Compares per hour of `EventTime`, over all chains of the spool. Rows with `EventUid` are compared one by one; rows with `Hour` and `Records`, as
 * `AmlHarnessAuditCounts` gives them, by number. Records that only the sink has are left out.
 */
export async function reconcile(
  records: AsyncIterable<Columns>,
  rows: readonly Columns[],
  range: { readonly since: number; readonly until: number },
): Promise<Hour[]> {
  const counted = new Map<string, number>()
  const seen = new Map<string, number>()
  for (const row of rows) {
    const uid = row.get('EventUid')
    if (typeof uid === 'string') seen.set(uid, (seen.get(uid) ?? 0) + 1)
    else {
      const time = Date.parse(String(row.get('Hour')))
      if (Number.isNaN(time)) throw new Error('a row has neither EventUid nor Hour and Records')
      const hour = hourOf(time)
      counted.set(hour, (counted.get(hour) ?? 0) + Number(row.get('Records')))
    }
  }
  const hours = new Map<string, Hour>()
  for await (const columns of records) {
    const time = timeOf(columns)
    if (time < range.since || time > range.until) continue
    const name = hourOf(time)
    const hour = hours.get(name) ?? {
      hour: name,
      spool: 0,
      sink: 0,
      missing: 0,
      duplicates: 0,
      firstMissing: null,
    }
    hours.set(name, hour)
    hour.spool += 1
    const uid = String(columns.get('EventUid'))
    const times = seen.get(uid) ?? 0
    if (times > 0) hour.sink += 1
    else if (counted.size === 0) hour.firstMissing ??= uid
    hour.duplicates += Math.max(0, times - 1)
  }
  for (const hour of hours.values()) {
    if (counted.size > 0) hour.sink = counted.get(hour.hour) ?? 0
    hour.missing = Math.max(0, hour.spool - hour.sink)
  }
  return [...hours.values()].toSorted((a, b) => (a.hour < b.hour ? -1 : 1))
}
