/**
 * The columns of an exchange as the text of its record: what many calls have in common is made into text once.
 *
 * The columns are those of row.ts, section by section, and the bytes those that `JSON.stringify` makes of `rowOf`
 * (test/audit/record/row-text.test.ts compares both). The text of a section is kept as long as the thing lives that it is
 * made of. The sections that say nothing of the caller are put together once for each target, as they were for the last
 * record about it: most often the next one is made of the same things, whoever calls, which is told by their identity.
 * @module
 */
import { CALL } from './call-columns.ts'
import type { Ending, Row, RowContext } from './column.ts'
import { createEventTextOf, type EventSection } from './event-text.ts'
import { membersOf } from './members.ts'
import { ALWAYS, CALLER, INPUTS, QUERY, type Judgement, type Section } from './row.ts'
import type { Target } from '../../azureml/target.ts'
import type { Exchange } from '../../exchange.ts'
import { createCache } from '../../lib/caches/cache.ts'
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
  /** What they are made of besides. */
  readonly and: object | string | null
}

const NO_ROW: Row = {}
/** Texts of a section that are looked up before one more is kept: many decisions, queries and identities read the same. */
const MAX_ALIKE = 64

/** Text in one piece of memory, which is written at once. */
const inOnePiece = (text: string): string => Buffer.from(text).toString()

/** The columns of one section, kept by what they are made of; if that is two things, as they were last for the first. */
class SectionTexts {
  readonly section: Section
  readonly #context: RowContext
  readonly #rows: boolean
  readonly #kept = new WeakMap<object, Made>()
  readonly #alike = createCache<string, Made>(MAX_ALIKE)

  /** @param rows whether the rows are kept, too */
  constructor(section: Section, context: RowContext, rows: boolean) {
    this.section = section
    this.#context = context
    this.#rows = rows
  }

  made(exchange: Exchange): Made {
    const { section } = this
    const of = section.of(exchange)
    const and = section.and?.(exchange) ?? null
    if (of === null) return this.#make(exchange, and)
    let made = this.#kept.get(of)
    if (made === undefined || made.and !== and) {
      made = this.#toKeep(this.#make(exchange, and))
      this.#kept.set(of, made)
    }
    return made
  }

  #make(exchange: Exchange, and: Made['and']): Made {
    const row = this.section.columns(exchange, this.#context)
    return { row: this.#rows ? row : NO_ROW, text: membersOf(row), and, event: null }
  }

  /** As little of it as is needed: one object for the same text, where its row is not wanted. */
  #toKeep(made: Made): Made {
    if (this.#rows || made.and !== null) return made
    const alike = this.#alike.get(made.text)
    if (alike !== undefined) return alike
    const kept = { ...made, text: inOnePiece(made.text) }
    this.#alike.set(kept.text, kept)
    return kept
  }
}

/** What the sections of `ALWAYS` are made of where a call was not refused and has no body on record. */
type Judged = Pick<Judgement, 'operation' | 'decision' | 'identity'>

type Sections = Readonly<Partial<Record<Section['name'], Made>>>

const NO_SECTIONS: Sections = {}

/** The sections that say nothing of the caller, as they were for the last record about a target. */
interface Joined {
  readonly sections: Sections
  /** Those that every record has. */
  readonly always: string
  /** The query's, which the decision's record has besides: of many targets the same. */
  readonly query: string
}

/** The same with what they are made of. */
interface Kept extends Joined, Judged {}

/** These texts, kept for each target. */
class JoinedTexts {
  readonly #texts: readonly SectionTexts[]
  readonly #query: SectionTexts
  readonly #rows: boolean
  readonly #last = new WeakMap<Target, Kept>()

  /** @param rows whether the rows of sections are kept, too */
  constructor(textsOf: (section: Section) => SectionTexts, rows: boolean) {
    this.#rows = rows
    this.#texts = ALWAYS.map(textsOf)
    this.#query = textsOf(QUERY)
  }

  joined(exchange: Exchange): Joined {
    const { target } = exchange
    const last = target === null ? undefined : this.#last.get(target)
    if (last !== undefined && isOfSame(last, exchange)) return last
    const joined = this.#join(exchange)
    const judged = judgedOf(exchange)
    if (target === null || judged === null) return joined
    const kept = {
      ...judged,
      // events alone are made of them
      sections: this.#rows ? joined.sections : NO_SECTIONS,
      always: inOnePiece(joined.always),
      query: joined.query,
    }
    this.#last.set(target, kept)
    return kept
  }

  #join(exchange: Exchange): Joined {
    const sections: Partial<Record<Section['name'], Made>> = {}
    let always = ''
    for (const texts of this.#texts) {
      const { section } = texts
      const made = texts.made(exchange)
      sections[section.name] = made
      always += made.text
    }
    const query = this.#query.made(exchange)
    sections.query = query
    return { sections, always, query: query.text }
  }
}

/** Null if one of the sections is of this call alone. */
function judgedOf({ operation, decision, identity, refusal, content }: Exchange): Judged | null {
  const isOwn = refusal !== null || content !== null
  if (isOwn || operation === null || decision === null || identity === null) return null
  return { operation, decision, identity }
}

function isOfSame({ operation, decision, identity }: Judged, exchange: Exchange): boolean {
  return (
    operation === exchange.operation &&
    decision === exchange.decision &&
    identity === exchange.identity &&
    exchange.refusal === null &&
    exchange.content === null
  )
}

/** Makes texts of records, and keeps what they have in common. @param events whether events are wanted */
export function createTextOf(context: RowContext, events: boolean): TextOf {
  const textsOf = (section: Section): SectionTexts => new SectionTexts(section, context, events)
  const callers = textsOf(CALLER)
  const inputs = textsOf(INPUTS)
  const joined = new JoinedTexts(textsOf, events)
  const eventOf = events ? createEventTextOf(context) : null
  return (first, exchange, ending) => {
    const kind = first.RecordKind
    const caller = callers.made(exchange)
    const { always, query, sections } = joined.joined(exchange)
    const own = CALL.text(exchange, context, kind, ending)
    const columns =
      kind === 'completed'
        ? [caller.text, always, own]
        : [caller.text, always, query, inputs.made(exchange).text, own]
    const event = eventOf?.(first, exchange, ending, { ...sections, caller }) ?? null
    return { columns, event }
  }
}
