/**
 * What every test that breaks something asks of the audit trail: what reached Azure is on record, and what is on record
 * is at the sink, no more and no less.
 * @module
 */
import type { ConfigFile } from '../../lab/gateway/harness-config.ts'
import { withOcsf } from '../../src/audit/record/ocsf.ts'
import { wantsOcsf } from '../../src/audit/ship/sinks/sinks.ts'
import { eventually } from './eventually.ts'
import type { Row, World } from './gateway.ts'

interface Test {
  same(found: unknown, wanted: unknown, message: string): unknown
  ok(value: unknown, message: string): unknown
}

/** The configuration, with metrics on this port. */
export const withMetrics =
  (port: number) =>
  (config: ConfigFile): ConfigFile => ({
    ...config,
    listen: { ...config.listen, metrics: { host: '127.0.0.1', port } },
  })

/** Samples of a Prometheus text by `name{labels}`, labels as written; throws on a line that is none. */
export function parseMetrics(text: string): ReadonlyMap<string, number> {
  const samples = new Map<string, number>()
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('# HELP ') || line.startsWith('# TYPE ')) continue
    const found = /^([a-zA-Z_:][\w:]*(?:\{(?:[a-zA-Z_]\w*="(?:[^"\\]|\\.)*",?)*\})?) (\S+)$/.exec(
      line,
    )
    const value = Number(found?.[2]?.replace('+Inf', 'Infinity'))
    if (found?.[1] === undefined || (Number.isNaN(value) && found[2]?.toLowerCase() !== 'nan'))
      throw new Error(`not a sample: ${line}`)
    if (samples.has(found[1])) throw new Error(`twice: ${found[1]}`)
    samples.set(found[1], value)
  }
  return samples
}

const idsOf = (rows: readonly Row[], kind: string): string[] =>
  rows.filter((row) => row['RecordKind'] === kind).map((row) => String(row['ExchangeId']))

/** Correlation ids that reached Azure so far. */
export const seenUpstream = (world: World): Set<string> =>
  new Set(
    world.lab.requests().map((request) => String(request.headers['x-ms-correlation-request-id'])),
  )

/** Authorized records without a last one: empty once everything that runs has ended. */
export function openIntents(rows: readonly Row[]): string[] {
  const ended = new Set(idsOf(rows, 'completed'))
  return idsOf(rows, 'authorized').filter((id) => !ended.has(id))
}

/**
 * Checks, once nothing runs any more, that
 * - the calls that Azure saw are those with an `authorized` record, except where the record itself says that Azure was
 *   not reached or that nobody knows;
 * - each has one end, and numbers have no gaps;
 * - the sink's rows, by EventUid, are the spool's.
 *
 * `setAside` are EventUids of rows that the sink will never take.
 */
export async function checkTrail(
  t: Test,
  world: World,
  seen: ReadonlySet<string> = seenUpstream(world),
  setAside: ReadonlySet<unknown> = new Set(),
): Promise<void> {
  await eventually(
    'every intent ends',
    async () => openIntents(await world.allRecords()).length === 0,
  )
  const rows = await world.allRecords()
  const authorized = idsOf(rows, 'authorized')
  const completed = idsOf(rows, 'completed')
  t.same(authorized.length, new Set(authorized).size, 'no request has two intents')
  t.same(completed.length, new Set(completed).size, 'nor two ends')
  const intents = new Set(authorized)
  t.same(
    [...seen].filter((id) => !intents.has(id)),
    [],
    'all that azure saw has its intent',
  )
  const excused = new Set(
    rows
      .filter(
        (row) =>
          row['RecordKind'] === 'completed' &&
          (row['Outcome'] === 'unknown' ||
            row['Outcome'] === 'client_abort' ||
            row['RefusalCode'] === 'upstream_unreachable' ||
            row['RefusalCode'] === 'audit_unavailable'),
      )
      .map((row) => String(row['ExchangeId'])),
  )
  t.same(
    authorized.filter((id) => !seen.has(id) && !excused.has(id)),
    [],
    'no intent claims what azure never saw',
  )
  const refused = idsOf(rows, 'refused')
  t.same(
    refused.filter((id) => seen.has(id)),
    [],
    'nothing that was refused reached azure',
  )
  t.same(
    rows.map((row) => row['Seq']),
    rows.map((_, index) => index + 1),
    'numbers have no gap',
  )
  await checkShipped(t, world, setAside)
}

const last = (rows: readonly Row[]): number =>
  rows.reduce((most, row) => Math.max(most, Number(row['Seq'])), 0)

/** JSON of a row of the spool as the sink gets it. */
export function shippedText(world: World, row: Row): string {
  const [sink] = world.gateway.config.audit.sinks
  const text = JSON.stringify(row)
  return sink !== undefined && wantsOcsf(sink) ? withOcsf(text) : text
}

/** The sink's rows, de-duplicated by EventUid, are the spool's: all of them but those set aside, and no other. */
export async function checkShipped(
  t: Test,
  world: World,
  setAside: ReadonlySet<unknown> = new Set(),
): Promise<void> {
  const until = last(await world.allRecords())
  const shipped = (): Map<unknown, Row> =>
    new Map((world.lab.ingestion.rows() as readonly Row[]).map((row) => [row['EventUid'], row]))
  // a sink that was held is asked again half a minute later
  await eventually('the sink has all', () => last([...shipped().values()]) >= until, 60_000)
  const there = shipped()
  const spool = (await world.allRecords()).filter((row) => Number(row['Seq']) <= until)
  t.same(
    spool.filter((row) => !there.has(row['EventUid'])).map((row) => row['EventUid']),
    [...setAside],
    'all of the spool is at the sink',
  )
  const known = new Map(
    (await world.allRecords()).map((row) => [row['EventUid'], shippedText(world, row)]),
  )
  t.same(
    [...there.values()].filter((row) => known.get(row['EventUid']) !== JSON.stringify(row)),
    [],
    'and nothing else, nor changed',
  )
}
