/**
 * The columns of a record that are of its call alone.
 * @module
 */
import { Columns, type ColumnValue } from './column.ts'
import { hashed } from './keyed-hash.ts'
import { line, lineIfAny } from './safe-text.ts'
import type { BodyColumn } from '../../policy/effects.ts'
import type { Exchange } from '../../exchange.ts'
import { isGuid } from '../../lib/guid.ts'
import { memoOfLast } from '../../lib/memo.ts'
import { UPSTREAM_IDS } from '../../vocabulary/request-ids.ts'

const METHOD = /^[A-Z]{1,16}$/
const HOST = /^https?:\/\/([A-Za-z0-9.:[\]-]{1,255})(?:\/|$)/
const MAX_CHANGES = 64
const MAX_REVIEWERS = 16

const methodOf = memoOfLast((method) => (METHOD.test(method) ? method : '(other)'))

/** The host alone of an origin: a URL could hold more than its place. */
const hostOf = memoOfLast((origin) => HOST.exec(origin)?.[1])

const addressOf = memoOfLast((ip) => line(ip, 64))

/** Any other name is not recorded. */
function upstreamIds(
  ids: Readonly<Record<string, string>> | undefined,
): Record<string, string> | undefined {
  if (ids === undefined) return undefined
  const kept: Record<string, string> = {}
  for (const name of UPSTREAM_IDS) {
    if (Object.hasOwn(ids, name)) kept[name] = line(ids[name] ?? '', 128)
  }
  return Object.keys(kept).length === 0 ? undefined : kept
}

/** What came of asking for a policy token, and how Azure had answered the call without it. */
function policyTokenColumn({ policyToken }: Exchange): object | undefined {
  if (policyToken === null) return undefined
  const { outcome, why, first } = policyToken
  return {
    outcome,
    why: lineIfAny(why, 512),
    firstStatus: first.status,
    firstRequestIds: upstreamIds(first.ids),
  }
}

const safe = (value: unknown): unknown => (typeof value === 'string' ? line(value, 256) : value)

/** Each text of a record's object as a line, those in lists too. */
function linesOf(content: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(content).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map(safe) : safe(value),
    ]),
  )
}

/** The review that released the call, that it waits for, or that it is about. */
function reviewOf({ review, refusal, content }: Exchange): string | undefined {
  const about = content?.['review']
  return lineIfAny(
    review?.review ?? refusal?.detail.review?.id ?? (typeof about === 'string' ? about : null),
    32,
  )
}

/** Said once, with the decision, and not again with the outcome. */
const once =
  (value: (exchange: Exchange) => string | object | undefined): ColumnValue =>
  (exchange, _context, kind) =>
    kind === 'completed' ? undefined : value(exchange)

/** What was asked and answered, what effects did to the body, how it ended, and where it came from. */
export const CALL = new Columns({
  Method: ({ method }) => methodOf(method),
  PathHash: ({ operation, target }, { hashKey }) =>
    operation === null && target !== null ? hashed(hashKey, target.path) : undefined,
  UpstreamHost: ({ upstream }) => (upstream === null ? undefined : hostOf(upstream.origin)),
  ClientRequestId: ({ clientRequestId: id }) => (id !== null && isGuid(id) ? id : undefined),
  CorrelationId: ({ id }) => line(id, 64),
  UpstreamRequestIds: ({ upstream }) => upstreamIds(upstream?.ids),
  Status: ({ status }) => status ?? undefined,
  UpstreamStatus: ({ upstream }) => upstream?.status ?? undefined,
  PolicyToken: policyTokenColumn,
  BodySha256: once(({ changes }) => changes?.before),
  SentSha256: once(({ changes }) => changes?.after),
  Changes: once(({ changes }) =>
    changes?.list
      .slice(0, MAX_CHANGES)
      .map(({ effect, at, to }) => ({ effect, at: line(at, 512), to: line(to, 512) })),
  ),
  Body: once(({ content }) => (content === null ? undefined : linesOf(content))),
  ItemsLeftOut: ({ leftOut }, _context, kind) =>
    kind === 'completed' ? (leftOut ?? undefined) : undefined,
  ReviewId: reviewOf,
  Reviewers: ({ review }) => review?.reviewers.slice(0, MAX_REVIEWERS).map((one) => line(one, 512)),
  BytesIn: ({ bytesIn }) => bytesIn,
  BytesOut: ({ bytesOut }) => bytesOut,
  DurationMs: (_exchange, _context, _kind, { durationMs }) =>
    durationMs === null ? undefined : Math.round(durationMs * 1000) / 1000,
  Outcome: (_exchange, _context, _kind, { outcome }) => outcome ?? undefined,
  SourceIp: ({ source }) => addressOf(source.ip),
  SourcePort: ({ source }) => source.port,
  Client: ({ client }) => lineIfAny(client, 128),
  GatewayVersion: (_exchange, { version }) => version,
} satisfies Readonly<Record<BodyColumn, ColumnValue>> & Readonly<Record<string, ColumnValue>>)
