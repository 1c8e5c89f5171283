/**
 * The columns of an exchange as the text of its record: what many calls have in common is made into text once.
 *
 * The columns are those of row.ts, section by section, and the bytes those that `JSON.stringify` makes of `rowOf`
 * (test/audit/record/row-text.test.ts compares both). The text of a section is kept as long as the things live that it is
 * made of. What the sections of one target's last record say is kept with the target, together with those things: most
 * often the next record about it is made of the same, which is told by their identity.
 * @module
 */
import { CALL } from './call-columns.ts'
import type { Ending, Row, RowContext } from './column.ts'
import { createEventTextOf, type EventSection } from './event-text.ts'
import { membersOf } from './members.ts'
import { ALWAYS, ONCE, type Section } from './row.ts'
import type { Target } from '../../azureml/target.ts'
import type { Exchange } from '../../exchange.ts'
import type { RecordKind } from '../recorder.ts'

/** A record's text, but for what its place in the chain says. */
export interface RecordText {
  /**
   * The columns behind `RecordKind` and `ExchangeId` as members of a JSON object, in pieces: each member has a comma before
   * it. They are put together where they are written; most of them are pieces of other records, too.
   */
  readonly columns: readonly string[]
  /** Its event behind the record's number, which `metadata` begins with, to the event's last brace; null if nobody wants it. */
  readonly event: string | null
}

/** @param first the first columns of the record, by which its event is made, too */
export type TextOf = (
  first: { readonly RecordKind: RecordKind; readonly EventTime: string },
  exchange: Exchange,
  ending: Ending,
) => RecordText

/** The columns of one section, and their text. */
interface Made extends EventSection {
  readonly text: string
}

const NO_ROW: Row = {}

/** The columns of one section, kept by what they are made of if that is one thing. */
class SectionTexts {
  readonly section: Section
  readonly #context: RowContext
  readonly #rows: boolean
  readonly #kept = new WeakMap<object, Made>()

  /** @param rows whether the rows are kept, too */
  constructor(section: Section, context: RowContext, rows: boolean) {
    this.section = section
    this.#context = context
    this.#rows = rows
  }

  /** @param of what they are made of; null for what is of this call alone */
  made(of: object | null, exchange: Exchange): Made {
    if (of === null || this.section.and !== undefined) return this.#make(exchange)
    let made = this.#kept.get(of)
    if (made === undefined) {
      made = this.#make(exchange)
      this.#kept.set(of, made)
    }
    return made
  }

  #make(exchange: Exchange): Made {
    const row = this.section.columns(exchange, this.#context)
    return { row: this.#rows ? row : NO_ROW, text: membersOf(row), event: null }
  }
}

/** All sections as they were for the last record about a target. */
interface Joined {
  /** What they are made of; null for what is of one call alone. */
  readonly of: readonly (object | null)[]
  readonly sections: Readonly<Partial<Record<Section['name'], Made>>>
  readonly always: string
  readonly once: string
}

/** Text in one piece of memory, which is written at once. */
const inOnePiece = (text: string): string => Buffer.from(text).toString()

/** The texts of sections, kept for each target as they were for the last record about it. */
class JoinedTexts {
  readonly #always: readonly SectionTexts[]
  readonly #once: readonly SectionTexts[]
  readonly #sections: readonly Section[] = [...ALWAYS, ...ONCE]
  readonly #last = new WeakMap<Target, Joined>()

  /** @param rows whether the rows of sections are wanted, too */
  constructor(context: RowContext, rows: boolean) {
    const textsOf = (section: Section): SectionTexts => new SectionTexts(section, context, rows)
    this.#always = ALWAYS.map(textsOf)
    this.#once = ONCE.map(textsOf)
  }

  joined(exchange: Exchange): Joined {
    const { target } = exchange
    const last = target === null ? undefined : this.#last.get(target)
    if (last !== undefined && this.#isOfSame(last, exchange)) return last
    const joined = this.#join(exchange)
    if (target === null || joined.of.includes(null)) return joined
    const kept = {
      ...joined,
      always: inOnePiece(joined.always),
      once: inOnePiece(joined.once),
    }
    this.#last.set(target, kept)
    return kept
  }

  #isOfSame({ of }: Joined, exchange: Exchange): boolean {
    let at = 0
    for (const section of this.#sections) {
      if (of[at++] !== section.of(exchange)) return false
      if (section.and !== undefined && of[at++] !== section.and(exchange)) return false
    }
    return true
  }

  #join(exchange: Exchange): Joined {
    const of: (object | null)[] = []
    const sections: Partial<Record<Section['name'], Made>> = {}
    const textOf = (all: readonly SectionTexts[]): string => {
      let text = ''
      for (const texts of all) {
        const { section } = texts
        const one = section.of(exchange)
        of.push(one)
        if (section.and !== undefined) of.push(section.and(exchange))
        const made = texts.made(one, exchange)
        sections[section.name] = made
        text += made.text
      }
      return text
    }
    const always = textOf(this.#always)
    const once = textOf(this.#once)
    return { of, sections, always, once }
  }
}

/** Makes texts of records, and keeps what they have in common. @param events whether events are wanted */
export function createTextOf(context: RowContext, events: boolean): TextOf {
  const texts = new JoinedTexts(context, events)
  const eventOf = events ? createEventTextOf(context) : null
  return (first, exchange, ending) => {
    const kind = first.RecordKind
    const { always, once, sections } = texts.joined(exchange)
    const own = CALL.text(exchange, context, kind, ending)
    const columns = kind === 'completed' ? [always, own] : [always, once, own]
    return { columns, event: eventOf?.(first, exchange, ending, sections) ?? null }
  }
}
