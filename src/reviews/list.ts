/**
 * Lists of reviews, in pages: a page reads the reviews that it looks at, and of the others their names at most.
 *
 * What waits is found by the entries of what waits, all else by the entries of the months. A page ends after so many
 * reviews, whatever was found among them: the cursor says where the next one begins.
 * @module
 */
import type { OwnCall } from '../access/own-calls.ts'
import type { RequestDocument } from '../approvals/documents.ts'
import { LedgerFault } from '../approvals/ledger/ledger.ts'
import { inOrder, monthOf, type Entry } from '../approvals/review-index.ts'
import { isSettled } from '../approvals/state.ts'
import { inBatches } from '../approvals/store.ts'
import type { Target } from '../azureml/target.ts'
import { Refusal } from '../errors.ts'
import type { Principal } from '../identity/principal.ts'
import { operationOf, ownDecision, seen, type ReviewCallOptions, type Seen } from './seen.ts'
import { summaryOf } from './view.ts'

/** Of changes that were let through, by what has come of their review afterwards. */
const AFTERWARDS = ['due', 'overdue']
/** States in which something can come of a review. */
const WAITING = ['open', 'approved', ...AFTERWARDS]
const OVER = ['rejected', 'withdrawn', 'expired', 'used', 'damaged']
const WHOSE = ['all', 'me', 'mine']

const PAGE = 100
const MAX_PAGE = 500
/** Reviews that one page looks at. */
const EXAMINED = 500
const AT_ONCE = 16

interface Asked {
  readonly state: string
  readonly to: string
  readonly limit: number
  /** Seconds since the epoch; null for all that there are. */
  readonly since: number | null
  /** The last one that the page before has looked at. */
  readonly after: Entry | null
}

export function list(
  options: ReviewCallOptions,
  { params }: Target,
  principal: Principal,
): OwnCall {
  const asked = readAsked(params)
  return {
    operation: operationOf('read', null),
    decision: ownDecision(options),
    answer: async () => pageOf(options, asked, principal),
  }
}

async function pageOf(options: ReviewCallOptions, asked: Asked, principal: Principal) {
  const value: ReturnType<typeof summaryOf>[] = []
  let [examined, last]: [number, Entry | null] = [0, null]
  for await (const entries of batchesOf(options, asked)) {
    const found = await inBatches(entries, AT_ONCE, async (entry) =>
      look(options, entry, asked, principal),
    )
    for (const [at, one] of found.entries()) {
      if (value.length >= asked.limit || examined >= EXAMINED)
        return { value, cursor: textOf(last) }
      last = entries[at] ?? null
      examined++
      if (one !== null && isAsked(one, asked, principal))
        value.push(summaryOf(one.review, one.standing))
    }
  }
  return { value, cursor: null }
}

/** Entries behind the cursor, a few at a time. */
async function* batchesOf(
  { store }: ReviewCallOptions,
  asked: Asked,
): AsyncGenerator<readonly Entry[]> {
  const { after, since } = asked
  const isWanted = ({ iat }: Entry): boolean => since === null || iat >= since
  if (WAITING.includes(asked.state)) {
    const waiting = await store.index.waiting()
    yield* inParts(
      waiting.filter((one) => isWanted(one) && (after === null || inOrder(after, one) < 0)),
    )
    return
  }
  for (const month of await store.index.months()) {
    if (after !== null && month > monthOf(after.iat)) continue
    if (since !== null && month < monthOf(since)) return
    const entries = await store.index.askedIn(month)
    yield* inParts(
      entries.filter((one) => isWanted(one) && (after === null || inOrder(one, after) < 0)),
    )
  }
}

function* inParts(entries: readonly Entry[]): Generator<readonly Entry[]> {
  for (let at = 0; at < entries.length; at += AT_ONCE) yield entries.slice(at, at + AT_ONCE)
}

/** What the caller may see of the review of an entry; null if nothing. */
async function look(
  { store, now, ...options }: ReviewCallOptions,
  entry: Entry,
  { state }: Asked,
  principal: Principal,
): Promise<Seen | null> {
  const review = await store.recall(entry.id)
  const seconds = Math.floor(now() / 1_000)
  // of an entry without its request, somebody else's counts, or the request was never written
  if (review === null || !isEntryOf(entry, review.request)) return null
  const visible = seen({ store, now, ...options }, review, principal)
  const standing = visible?.standing
  if (WAITING.includes(state) && standing !== undefined && isSettled(review, standing, seconds))
    await store.index.settle(entry).catch((error: unknown) => {
      // it is only looked at again the next time
      if (!(error instanceof LedgerFault)) throw error
    })
  return visible
}

function isEntryOf({ iat }: Entry, request: RequestDocument): boolean {
  return request.iat === iat
}

function isAsked(
  { review, standing, mayReview }: Seen,
  { state, to }: Asked,
  principal: Principal,
): boolean {
  const isState =
    state === 'all' ||
    standing.state === state ||
    (AFTERWARDS.includes(state) && standing.override?.afterwards === state)
  return (
    isState && (to === 'all' || (to === 'me' ? mayReview : review.request.author === principal.id))
  )
}

/** @throws {Refusal} `bad_query` */
function readAsked(params: Target['params']): Asked {
  const unknown = [...params.keys()].find(
    (name) => !['state', 'to', 'limit', 'since', 'cursor'].includes(name),
  )
  if (unknown !== undefined)
    throw new Refusal('bad_query', 'the query has a name that lists of reviews do not have', {
      remedy: 'it has "state", "to", "limit", "since" and "cursor"',
    })
  const state = params.get('state') ?? 'open'
  const to = params.get('to') ?? 'all'
  const states = [...WAITING, ...OVER, 'all']
  if (!states.includes(state))
    throw new Refusal('bad_query', `"state" is one of ${states.join(', ')}`)
  if (!WHOSE.includes(to))
    throw new Refusal('bad_query', '"to" is me (to review), mine (asked for) or all')
  const limit = params.get('limit') ?? String(PAGE)
  if (!/^[1-9]\d{0,3}$/u.test(limit) || Number(limit) > MAX_PAGE)
    throw new Refusal('bad_query', `"limit" is a number from 1 to ${MAX_PAGE}`)
  return {
    state,
    to,
    limit: Number(limit),
    since: sinceIn(params.get('since')),
    after: cursorIn(params.get('cursor')),
  }
}

function sinceIn(text: string | undefined): number | null {
  if (text === undefined) return null
  const at = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d{1,3})?Z)?$/u.test(text)
    ? Date.parse(text)
    : NaN
  if (Number.isNaN(at))
    throw new Refusal('bad_query', '"since" is a day or a time in UTC, like 2026-11-01')
  return Math.floor(at / 1_000)
}

function cursorIn(text: string | undefined): Entry | null {
  if (text === undefined || text === '') return null
  const [, iat, id] = /^(\d{1,11})-([a-z2-7]{16}-[1-9]\d{0,4})$/u.exec(text) ?? []
  if (iat === undefined || id === undefined)
    throw new Refusal('bad_query', '"cursor" is none that a list has answered with')
  return { iat: Number(iat), id }
}

function textOf(entry: Entry | null): string | null {
  return entry === null ? null : `${entry.iat}-${entry.id}`
}
