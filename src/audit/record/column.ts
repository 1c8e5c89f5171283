/**
 * Columns of a record that are made one by one, from one definition: as values of its row, and as text of its JSON.
 * @module
 */
import type { KeyObject } from 'node:crypto'
import type { Exchange, Outcome } from '../../exchange.ts'
import type { RecordKind } from '../recorder.ts'

/** How the request ended, which the exchange itself does not know. */
export interface Ending {
  readonly outcome: Outcome | null
  readonly durationMs: number | null
}

/** What the flat row takes from outside of the exchange. */
export interface RowContext {
  /** A key object, because importing the key costs more than the hash. */
  readonly hashKey: KeyObject | null
  readonly version: string
}

/** The columns of one exchange, but for the ones that the spool adds (`EventUid`, `ChainId`, `Seq`, `Ocsf`). */
export type Row = Readonly<Record<string, unknown>>

/** The value of one column; undefined if the record has none. */
export type ColumnValue = (
  exchange: Exchange,
  context: RowContext,
  kind: RecordKind,
  ending: Ending,
) => string | number | boolean | object | undefined

/** Columns by their names, in their order. */
export class Columns {
  readonly #columns: readonly Column[]

  constructor(values: Readonly<Record<string, ColumnValue>>) {
    this.#columns = Object.entries(values).map(([name, value]) => new Column(name, value))
  }

  /** Only these of them. */
  only(names: readonly string[]): Columns {
    const kept = this.#columns.filter(({ name }) => names.includes(name))
    return new Columns(Object.fromEntries(kept.map(({ name, value }) => [name, value])))
  }

  /** As an object; what is absent is undefined. */
  row(exchange: Exchange, context: RowContext, kind: RecordKind, ending: Ending): Row {
    const row: Record<string, unknown> = {}
    for (const { name, value } of this.#columns) row[name] = value(exchange, context, kind, ending)
    return row
  }

  /** The bytes that `JSON.stringify` makes of that object, without its braces: each member has a comma before it. */
  text(exchange: Exchange, context: RowContext, kind: RecordKind, ending: Ending): string {
    let text = ''
    for (const column of this.#columns) text += column.text(exchange, context, kind, ending)
    return text
  }
}

class Column {
  readonly name: string
  readonly value: ColumnValue
  readonly #begin: string
  /** Many calls in turn have the same words in most columns. */
  #last = ''
  #lastText: string

  constructor(name: string, value: ColumnValue) {
    this.name = name
    this.value = value
    this.#begin = `,${JSON.stringify(name)}:`
    this.#lastText = `${this.#begin}""`
  }

  text(exchange: Exchange, context: RowContext, kind: RecordKind, ending: Ending): string {
    const { value: valueOf } = this
    const value = valueOf(exchange, context, kind, ending)
    if (value === undefined) return ''
    if (typeof value === 'number') return this.#begin + numberText(value)
    if (typeof value !== 'string') return this.#begin + JSON.stringify(value)
    if (value !== this.#last) {
      this.#last = value
      this.#lastText = this.#begin + stringText(value)
    }
    return this.#lastText
  }
}

/** What JSON has as it is. */
const PLAIN = /^[ !#-[\]-~]*$/

/** The JSON of a text. */
export const stringText = (text: string): string =>
  PLAIN.test(text) ? `"${text}"` : JSON.stringify(text)

/** Up to here, a number with at most three decimals has no shorter text than those. */
const MAX_SHORT = 1e9
/** The decimals of so many thousandths. */
const DECIMALS = Array.from({ length: 1_000 }, (_, thousandths) =>
  String(thousandths / 1_000).slice(1),
)

/** The JSON of a number. Milliseconds with three decimals, which records have many of, take less than half of the usual time. */
export function numberText(value: number): string {
  if (value > 0 && value < MAX_SHORT && !Number.isInteger(value)) {
    const thousandths = Math.round(value * 1_000)
    if (thousandths / 1_000 === value) {
      return `${Math.trunc(value)}${DECIMALS[thousandths % 1_000]}`
    }
  }
  return Number.isFinite(value) ? String(value) : 'null'
}
