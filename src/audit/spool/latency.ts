/**
 * How long syncs of the disk take, for metrics.
 * @module
 */
import { Summary } from 'prom-client'
import { METRIC_PREFIX } from '../../lib/metric.ts'

/** Without its prefix. */
export const SYNC_SECONDS = 'audit_sync_seconds'

/** A distribution of seconds: median, 99th percentile and longest. */
export function createSyncSeconds(): Summary {
  return new Summary({
    name: `${METRIC_PREFIX}${SYNC_SECONDS}`,
    help: 'time of one disk sync',
    percentiles: [0.5, 0.99, 1],
    registers: [],
  })
}
