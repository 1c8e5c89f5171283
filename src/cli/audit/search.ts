/**
 * `audit search`: records by the gateway's API, as far as the caller may know.
 * @module
 */
import { askGateway, list, object, text, type Members } from '../access/ask-gateway.ts'
import { FILTERS } from '../../records/asked.ts'
import { EXIT, type Io } from '../io.ts'
import { show, type Output } from '../output.ts'
import type { Wanted } from '../session/credential.ts'
import { HEADING, tableLine, tsvOf } from './lines.ts'
import { createJoiner, type Joined } from './requests.ts'

type Filters = { readonly [Name in (typeof FILTERS)[number]]?: string | undefined }

export interface SearchOptions extends Filters, Wanted {
  /** Most records. */
  readonly limit: number
  readonly output: Output
}

/** Of one answer. */
const PAGE = 500

export async function auditSearch(options: SearchOptions, io: Io): Promise<number> {
  const { rows, last, isWhole } = await recordsOf(options, io)
  const said = { ...Object.fromEntries(last), complete: isWhole }
  const from = text(last.get('from'))
  const where =
    text(last.get('source')) === 'spool' ? `this replica, since ${from}` : 'all replicas'
  const worth = isWhole ? '' : '; not complete'
  io.err(`records of ${where}, as of ${text(last.get('asOf'))}${worth}`)
  for (const fault of list(last.get('faults'))) io.err(text(fault))
  if (text(last.get('next')) !== '')
    io.err(`there are more than these ${rows.length}: find more with --limit`)
  show(io, options.output, {
    json: () => ({ ...said, next: undefined, nextLink: undefined, value: rows }),
    table: () => [HEADING, ...requestsIn(rows).map(tableLine)],
    tsv: () => requestsIn(rows).map((one) => tsvOf(one).split('\t')),
  })
  return EXIT.ok
}

interface Found {
  readonly rows: readonly unknown[]
  /** The last answer. */
  readonly last: Members
  /** Whether each of the answers was complete. */
  readonly isWhole: boolean
}

async function recordsOf(options: SearchOptions, io: Io): Promise<Found> {
  const query = new URLSearchParams()
  for (const name of FILTERS) {
    const value = options[name]
    if (value !== undefined) query.set(name, value)
  }
  const rows: unknown[] = []
  let isWhole = true
  for (;;) {
    query.set('limit', String(Math.min(options.limit - rows.length, PAGE)))
    const last = await askGateway(io, options, `/_harness/api/records?${query.toString()}`)
    rows.push(...list(last.get('value')))
    // a bound was reached where a page is not complete: the next one goes on
    const next = text(last.get('next'))
    const isEnd = next === '' || rows.length >= options.limit
    isWhole &&= last.get('complete') === true || (!isEnd && list(last.get('faults')).length === 0)
    if (isEnd || io.signal.aborted) return { rows, last, isWhole }
    query.set('page', next)
  }
}

/** The newest first, the records of one request as one. */
function requestsIn(rows: readonly unknown[]): readonly Joined[] {
  const joiner = createJoiner()
  const joined = rows.toReversed().flatMap((row) => joiner.add(object(row)))
  return [...joined, ...joiner.open()].toSorted((one, other) =>
    text(one.columns.get('EventTime')) < text(other.columns.get('EventTime')) ? 1 : -1,
  )
}
