/**
 * Metrics as parts of the gateway report them: names without the product's prefix, values read when they are asked for.
 * @module
 */

/** What every name begins with where metrics are read. */
export const METRIC_PREFIX = 'harness_'

/** One value of a metric. */
export interface MetricValue {
  /** Of a histogram: which of its values it is. */
  readonly suffix?: '_bucket' | '_sum' | '_count'
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** One metric, with a value for each set of labels. */
export interface Metric {
  readonly name: string
  /** What it says; the words of its name if absent. */
  readonly help?: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly values: readonly MetricValue[]
}

/** A single value. */
export function single(value: number, labels: MetricValue['labels'] = {}): MetricValue[] {
  return [{ labels, value }]
}

/** A number that only ever grows. */
export function counter(name: string, values: readonly MetricValue[]): Metric {
  return { name, type: 'counter', values }
}

/** A number as it is now. */
export function gauge(name: string, values: readonly MetricValue[]): Metric {
  return { name, type: 'gauge', values }
}
