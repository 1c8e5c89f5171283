/**
 * Joins the records of one request: the one from before Azure was asked, and the one of its end.
 * @module
 */
import type { Columns } from './conditions.ts'

/** A request, or a record that is about none. */
export interface Joined {
  /** Columns of all its records; a later one replaces what an earlier one said. */
  readonly columns: Columns
  readonly records: readonly Columns[]
}

export interface Joiner {
  /** The requests that are complete with this record, mostly none or one. */
  readonly add: (record: Columns) => readonly Joined[]
  /** The requests whose end has not been seen, in the order of their beginning. */
  readonly open: () => readonly Joined[]
}

/** Requests that wait for their end; more than run at once on any gateway. */
const MAX_OPEN = 10_000

export function createJoiner(): Joiner {
  const waiting = new Map<unknown, Columns>()
  return {
    add(record) {
      const id = record.get('ExchangeId')
      const before = waiting.get(id)
      if (record.get('RecordKind') === 'authorized') {
        waiting.set(id, record)
        const [oldest] = waiting
        if (waiting.size <= MAX_OPEN || oldest === undefined) return []
        waiting.delete(oldest[0])
        return [{ columns: oldest[1], records: [oldest[1]] }]
      }
      if (before === undefined) return [{ columns: record, records: [record] }]
      waiting.delete(id)
      return [{ columns: new Map([...before, ...record]), records: [before, record] }]
    },
    open() {
      const left = [...waiting.values()].map((columns) => ({ columns, records: [columns] }))
      waiting.clear()
      return left
    },
  }
}
