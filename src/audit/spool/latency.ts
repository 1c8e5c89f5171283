/**
 * Quantiles of the disk's sync, for metrics.
 * @module
 */
import { createHistogram } from 'node:perf_hooks'

/** A running distribution of durations. */
export interface Latency {
  /** Milliseconds. */
  record(ms: number): void
  /** Seconds. */
  quantile(percent: number): number
  count(): number
  sumSeconds(): number
}

/** Counts in microseconds, with three significant digits. */
export function createLatency(): Latency {
  const histogram = createHistogram({ lowest: 1, highest: 3_600_000_000, figures: 3 })
  let sum = 0
  return {
    record(ms) {
      sum += ms
      histogram.record(Math.max(1, Math.round(ms * 1000)))
    },
    quantile: (percent) => (histogram.count === 0 ? 0 : histogram.percentile(percent) / 1e6),
    count: () => histogram.count,
    sumSeconds: () => sum / 1000,
  }
}
