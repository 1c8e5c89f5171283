/**
 * The columns of an exchange as the text of its record, and its OCSF event as the text that sinks get: what many calls have
 * in common is made into text once.
 *
 * The columns are those of row.ts, section by section, and the bytes those that `JSON.stringify` makes of `rowOf`; the
 * event is that of ocsf.ts (test/audit/record/row-text.test.ts compares both). Text is kept as long as the things live that
 * it is made of, and no longer.
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
import { aboutRecord, EVENT_MEMBERS } from './ocsf.ts'
import type { Exchange } from '../../exchange.ts'
import type { RecordKind } from '../recorder.ts'

/** A record's text, but for what its place in the chain says. */
export interface RecordText {
  /** The columns behind `RecordKind` and `ExchangeId` as members of a JSON object: each has a comma before it. */
  readonly members: string
  /** Its event behind the record's number, which `metadata` begins with, to the event's last brace; null if nobody wants it. */
  readonly event: string | null
}

/** @param first the first columns of the record, by which its event is made, too */
export type TextOf = (
  first: { readonly RecordKind: RecordKind; readonly EventTime: string },
  exchange: Exchange,
  ending: Ending,
) => RecordText

/** The columns of a row as members of a JSON object, each with a comma before it; empty if there is none. */
export function membersOf(row: Row): string {
  const text = JSON.stringify(row)
  return text === '{}' ? '' : `,${text.slice(1, -1)}`
}

/** The columns of one section, and their text. */
interface Made {
  readonly row: Row
  readonly text: string
  /** The members of the event that are made of this section alone, once they are asked for. */
  event: string | null
}

type Make = (kind: RecordKind, exchange: Exchange, ending: Ending) => Made

function keptBy(of: Section['of'], make: Make): Make {
  const kept = new WeakMap<object, Made>()
  return (kind, exchange, ending) => {
    const key = of(exchange)
    if (key === null) return make(kind, exchange, ending)
    let made = kept.get(key)
    if (made === undefined) {
      made = make(kind, exchange, ending)
      kept.set(key, made)
    }
    return made
  }
}

function keptByBoth(of: Section['of'], and: Section['of'], make: Make): Make {
  const kept = new WeakMap<object, Make>()
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

type MadeSections = Partial<Record<Section['name'], Made>>

/** Makes texts of records, and keeps what they have in common. @param events whether events are wanted */
export function createTextOf(context: RowContext, events: boolean): TextOf {
  const makers = new Map(
    SECTIONS.map((section) => {
      const make: Make = (kind, exchange, ending) => {
        const row = section.columns(exchange, context, kind, ending)
        return { row, text: membersOf(row), event: null }
      }
      const { of, and } = section
      return [section, and === undefined ? keptBy(of, make) : keptByBoth(of, and, make)]
    }),
  )
  const ofKind = (kind: RecordKind): [Section['name'], Make][] =>
    sectionsOf(kind).flatMap((section) => {
      const make = makers.get(section)
      return make === undefined ? [] : [[section.name, make]]
    })
  const ended = ofKind('completed')
  const decided = ofKind('authorized')

  return (first, exchange, ending) => {
    const kind = first.RecordKind
    const sections: MadeSections = {}
    let members = ''
    for (const [name, make] of kind === 'completed' ? ended : decided) {
      const made = make(kind, exchange, ending)
      sections[name] = made
      members += made.text
    }
    return { members, event: events ? eventOf(first, exchange, sections) : null }
  }
}

function eventOf(first: Parameters<TextOf>[0], { id }: Exchange, sections: MadeSections): string {
  const { operation, query, decision, call } = sections
  // of the other sections, the columns that these members are made of
  const several = {
    ...call?.row,
    ...first,
    ExchangeId: id,
    Action: operation?.row['Action'],
    Effect: operation?.row['Effect'],
    ApiVersion: query?.row['ApiVersion'],
    RefusalCode: decision?.row['RefusalCode'],
    Reason: decision?.row['Reason'],
  }
  let event = `${membersOf(aboutRecord(several))}}`
  for (const { of, members } of EVENT_MEMBERS) {
    const made = of === 'several' ? undefined : sections[of]
    if (made === undefined) event += membersOf(members(several))
    else {
      const own = (): string => membersOf(members({ ...made.row, RecordKind: first.RecordKind }))
      // a refusal has other words for the same decision
      event += first.RecordKind === 'refused' ? own() : (made.event ??= own())
    }
  }
  return `${event}}`
}
