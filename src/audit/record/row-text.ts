/**
 * The columns of an exchange as the text of its record: what many calls have in common is made into text once.
 *
 * The columns are those of row.ts, section by section, and the bytes those that `JSON.stringify` makes of `rowOf`
 * (test/audit/record/row-text.test.ts). Text is kept as long as the things live that it is made of, and no longer.
 * @module
 */
import {
  SECTIONS,
  sectionsOf,
  type Ending,
  type Row,
  type RowContext,
  type Section,
} from './row.ts'
import type { Exchange } from '../../exchange.ts'
import type { RecordKind } from '../recorder.ts'

/** The columns behind `RecordKind` and `ExchangeId` as members of a JSON object: each has a comma before it. */
export type RowText = (kind: RecordKind, exchange: Exchange, ending: Ending) => string

/** The columns of a row as members of a JSON object, each with a comma before it; empty if there is none. */
export function membersOf(row: Row): string {
  const text = JSON.stringify(row)
  return text === '{}' ? '' : `,${text.slice(1, -1)}`
}

function keptBy(of: Section['of'], make: RowText): RowText {
  const kept = new WeakMap<object, string>()
  return (kind, exchange, ending) => {
    const key = of(exchange)
    if (key === null) return make(kind, exchange, ending)
    let text = kept.get(key)
    if (text === undefined) {
      text = make(kind, exchange, ending)
      kept.set(key, text)
    }
    return text
  }
}

function keptByBoth(of: Section['of'], and: Section['of'], make: RowText): RowText {
  const kept = new WeakMap<object, RowText>()
  return (kind, exchange, ending) => {
    const key = of(exchange)
    if (key === null) return make(kind, exchange, ending)
    let byOther = kept.get(key)
    if (byOther === undefined) {
      byOther = keptBy(and, make)
      kept.set(key, byOther)
    }
    return byOther(kind, exchange, ending)
  }
}

/** Makes texts of rows, and keeps what they have in common. */
export function createRowText(context: RowContext): RowText {
  const texts = new Map(
    SECTIONS.map((section) => {
      const make: RowText = (kind, exchange, ending) =>
        membersOf(section.columns(exchange, context, kind, ending))
      const { of, and } = section
      return [section, and === undefined ? keptBy(of, make) : keptByBoth(of, and, make)]
    }),
  )
  const ofKind = (kind: RecordKind): RowText[] =>
    sectionsOf(kind).flatMap((section) => texts.get(section) ?? [])
  const ended = ofKind('completed')
  const decided = ofKind('authorized')

  return (kind, exchange, ending) => {
    let members = ''
    for (const text of kind === 'completed' ? ended : decided) {
      members += text(kind, exchange, ending)
    }
    return members
  }
}
