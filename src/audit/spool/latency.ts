/**
 * How long syncs of the disk take, for metrics.
 * @module
 */
import { Histogram } from '../../lib/metrics/histogram.ts'

/** A histogram of seconds. */
export function createSyncSeconds(): Histogram<'all'> {
  return new Histogram('audit_sync_seconds', 'time of one disk sync', new Map([['all', {}]]))
}
