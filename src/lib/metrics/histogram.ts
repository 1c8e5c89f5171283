/**
 * Histograms whose counts add up over replicas. Observing one costs a few comparisons and allocates nothing: it is done
 * some times for each call.
 * @module
 */
import type { Metric, MetricValue } from '../metric.ts'

/** Seconds, from what is in memory to what waits for Azure. */
export const SECONDS: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
  30, 60, 120, 300,
]

/** The observations that have the same labels. */
export class Series {
  readonly labels: MetricValue['labels']
  readonly #bounds: readonly number[]
  /** By bucket, each without those below it; the last one has what is above all bounds. */
  readonly #counts: Float64Array
  #sum = 0

  constructor(labels: MetricValue['labels'], bounds: readonly number[]) {
    this.labels = labels
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number): void {
    const bounds = this.#bounds
    let at = 0
    while (at < bounds.length && value > (bounds[at] ?? 0)) at += 1
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
    this.#sum += value
  }

  /** As Prometheus reads them: a bucket has those below it, too. */
  values(): MetricValue[] {
    let count = 0
    const buckets = [...this.#counts].map((own, at): MetricValue => {
      count += own
      const le = String(this.#bounds[at] ?? '+Inf')
      return { suffix: '_bucket', labels: { ...this.labels, le }, value: count }
    })
    return [
      ...buckets,
      { suffix: '_sum', labels: this.labels, value: this.#sum },
      { suffix: '_count', labels: this.labels, value: count },
    ]
  }
}

/** A histogram with a fixed series for each value of its labels, so that there are never more. */
export class Histogram<Label extends string = string> {
  readonly #name: string
  readonly #help: string
  readonly #series: ReadonlyMap<Label, Series>

  /** @param labels what each series is found by, with its labels */
  constructor(
    name: string,
    help: string,
    labels: ReadonlyMap<Label, MetricValue['labels']>,
    bounds: readonly number[] = SECONDS,
  ) {
    this.#name = name
    this.#help = help
    this.#series = new Map([...labels].map(([key, own]) => [key, new Series(own, bounds)]))
  }

  of(label: Label): Series {
    const series = this.#series.get(label)
    if (series === undefined) throw new TypeError(`${this.#name} has no series ${label}`)
    return series
  }

  metric(): Metric {
    const values = [...this.#series.values()].flatMap((series) => series.values())
    return { name: this.#name, help: this.#help, type: 'histogram', values }
  }
}
