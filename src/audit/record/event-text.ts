/**
 * The OCSF event of an exchange as the text that sinks get: what many records have in common is made into text once.
 *
 * The bytes are those that `JSON.stringify` makes of `ocsfOf` (test/audit/record/row-text.test.ts).
 * @module
 */
import { CALL } from './call-columns.ts'
import { stringText, type Ending, type Row, type RowContext } from './column.ts'
import { membersOf } from './members.ts'
import { aboutKind, EVENT_MEMBERS, OF_CLASS } from './ocsf.ts'
import type { Section } from './row.ts'
import type { Exchange } from '../../exchange.ts'
import type { RecordKind } from '../recorder.ts'

/** The columns of one section, and the members of the event that are made of them alone, once they are asked for. */
export interface EventSection {
  readonly row: Row
  event: string | null
}

/** The event behind the record's number, which `metadata` begins with, to its last brace. */
export type EventTextOf = (
  first: { readonly RecordKind: RecordKind; readonly EventTime: string },
  exchange: Exchange,
  ending: Ending,
  sections: Readonly<Partial<Record<Section['name'], EventSection>>>,
) => string

/** The columns of the call alone that an event is made of. */
const OF_CALL = CALL.only([
  'Method',
  'UpstreamHost',
  'CorrelationId',
  'Status',
  'UpstreamStatus',
  'DurationMs',
  'Outcome',
  'SourceIp',
  'SourcePort',
])

/** Classes that are kept: there are as many as pairs of a status and an outcome. */
const MAX_CLASSES = 1_000

/** Texts by the columns that they are made of. */
function keptBy(names: readonly string[], make: (row: Row) => string): (row: Row) => string {
  const kept = new Map<string, string>()
  return (row) => {
    let key = ''
    for (const name of names) key += `${String(row[name])} `
    let text = kept.get(key)
    if (text === undefined) {
      text = make(row)
      if (kept.size >= MAX_CLASSES) kept.clear()
      kept.set(key, text)
    }
    return text
  }
}

export function createEventTextOf(context: RowContext): EventTextOf {
  const aboutText = keptBy(['RecordKind'], (row) =>
    membersOf(aboutKind({ ...row, GatewayVersion: context.version })),
  )
  const makers = EVENT_MEMBERS.map(({ of, members }) => ({
    of,
    members,
    text: of === 'class' ? keptBy(OF_CLASS, (row) => membersOf(members(row))) : null,
  }))

  return (first, exchange, ending, sections) => {
    const kind = first.RecordKind
    const { operation, query, decision } = sections
    // of the sections, the columns that more than one of them is needed for
    const row = Object.assign(OF_CALL.row(exchange, context, kind, ending), first, {
      ExchangeId: exchange.id,
      Action: operation?.row['Action'],
      Effect: operation?.row['Effect'],
      // said once, with the decision
      ApiVersion: kind === 'completed' ? undefined : query?.row['ApiVersion'],
      RefusalCode: decision?.row['RefusalCode'],
      Reason: decision?.row['Reason'],
    })
    let event = `${aboutText(row)},"correlation_uid":${stringText(String(row['CorrelationId']))}}`
    for (const { of, members, text } of makers) {
      if (text !== null) {
        event += text(row)
        continue
      }
      const made = of === 'several' || of === 'class' ? undefined : sections[of]
      if (made === undefined) event += membersOf(members(row))
      // a refusal has other words for the same decision
      else if (kind === 'refused') event += membersOf(members({ ...made.row, RecordKind: kind }))
      else event += made.event ??= membersOf(members({ ...made.row, RecordKind: kind }))
    }
    return `${event}}`
  }
}
