/**
 * The metrics of the audit trail.
 * @module
 */
import type { CountingRecorder } from './create-recorder.ts'
import type { Unidentified } from './unidentified/unidentified.ts'
import type { Shipper } from './ship/shipper.ts'
import type { FreeSpace } from './spool/free-space.ts'
import type { Spool } from './spool/spool.ts'
import { single, type Metric, type MetricValue } from '../lib/metric.ts'

const by = (label: string, counts: ReadonlyMap<string, number>): MetricValue[] =>
  [...counts].map(([key, value]) => ({ labels: { [label]: key }, value }))
const STATES = ['ok', 'failing', 'held'] as const

const gauge = (name: string, help: string, values: readonly MetricValue[]): Metric => ({
  name: `audit_${name}`,
  help,
  type: 'gauge',
  values,
})
const counter = (name: string, help: string, values: readonly MetricValue[]): Metric => ({
  ...gauge(name, help, values),
  type: 'counter',
})

/** Reads all metrics now. */
export function collectMetrics(
  spool: Spool,
  shippers: readonly Shipper[],
  space: FreeSpace,
  recorder: Pick<CountingRecorder, 'counts' | 'owed' | 'unidentified'>,
): Metric[] {
  return [
    ...ofSpool(spool, space),
    ...ofRecorder(recorder),
    ...ofUnidentified(recorder.unidentified),
    ...ofSinks(spool, shippers),
  ]
}

function ofSpool(spool: Spool, space: FreeSpace): Metric[] {
  const { syncSeconds, counts } = spool
  return [
    gauge('spool_bytes', 'bytes of segments on disk', single(spool.bytes())),
    gauge('spool_segments', 'segments on disk', single(spool.segments().length)),
    gauge('disk_free_bytes', 'free bytes of the spool’s disk', single(space.freeBytes())),
    gauge('reserve', '1 if the reserve is there', single(space.reserved() ? 1 : 0)),
    gauge('ready', '1 if a request may begin', single(spool.reasons().length === 0 ? 1 : 0)),
    counter('spool_records_total', 'records made durable', single(counts.records)),
    counter('spool_groups_total', 'groups that shared one sync', single(counts.groups)),
    counter(
      'spool_refused_total',
      'records that could not be made durable',
      single(counts.refused),
    ),
    counter(
      'spool_poisoned_total',
      'segments given up after a disk failure',
      single(counts.poisoned),
    ),
    syncSeconds.metric(),
  ]
}

function ofRecorder({ owed, counts }: Pick<CountingRecorder, 'counts' | 'owed'>): Metric[] {
  return [
    gauge('owed_outcomes', 'ended requests whose end is not on the disk yet', single(owed())),
    counter('records_total', 'records by kind', by('kind', counts.kinds)),
    counter('refusals_total', 'refused requests by reason', by('code', counts.refusals)),
    counter('outcomes_total', 'ended requests by outcome', by('outcome', counts.outcomes)),
  ]
}

function ofUnidentified({ totals, share }: Unidentified): Metric[] {
  return [
    counter('unidentified_total', 'refusals before identification, by how they are on record', [
      ...single(totals.own, { as: 'record' }),
      ...single(totals.counted, { as: 'count' }),
    ]),
    gauge(
      'unidentified_waiting',
      'refusals that were counted and are in no summary on the disk yet',
      single(totals.counted - totals.summarized),
    ),
    gauge('unidentified_spool_bytes', 'their bytes in the spool', single(share.used())),
    gauge(
      'unidentified_room',
      '1 if they may take more of the spool',
      single(share.hasRoom() ? 1 : 0),
    ),
  ]
}

function ofSinks(spool: Spool, shippers: readonly Shipper[]): Metric[] {
  const bySink = (value: (shipper: Shipper) => number): MetricValue[] =>
    shippers.map((shipper) => ({ labels: { sink: shipper.sink.name }, value: value(shipper) }))
  return [
    gauge(
      'unshipped_records',
      'records that a sink does not have yet',
      bySink((shipper) => Math.max(0, spool.end() - shipper.seq())),
    ),
    gauge(
      'oldest_unshipped_seconds',
      'since when a sink has not been all caught up or moved on',
      bySink((shipper) => {
        const since = shipper.waitingSince()
        return since === null ? 0 : (performance.now() - since) / 1000
      }),
    ),
    gauge(
      'sink_state',
      '1 for the state that a sink is in',
      shippers.flatMap((shipper) =>
        STATES.map((state) => ({
          labels: { sink: shipper.sink.name, state },
          value: shipper.state() === state ? 1 : 0,
        })),
      ),
    ),
    counter(
      'sink_rows_total',
      'rows by sink and what became of them',
      shippers.flatMap((shipper) =>
        [...shipper.rows].map(([result, value]) => ({
          labels: { sink: shipper.sink.name, result },
          value,
        })),
      ),
    ),
  ]
}
