/**
 * What operators read, metrics and readiness in full, on a listener of its own: never on the port that callers reach
 * (CVE-2025-24030).
 * @module
 */
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { METRIC_PREFIX, type Metric, type MetricValue } from '../lib/metric.ts'
import type { Readiness } from './readiness.ts'

/** A histogram that is counted elsewhere: prom-client writes its text. */
class CountedHistogram extends Histogram {
  readonly #name: string
  readonly #help: string
  #values: readonly MetricValue[] = []

  constructor(name: string, help: string, registry: Registry) {
    super({ name, help, registers: [registry] })
    this.#name = name
    this.#help = help
  }

  set(values: readonly MetricValue[]): void {
    this.#values = values
  }

  /** What prom-client asks for when it writes the text. */
  async getForPromString() {
    const values = this.#values.map(({ suffix = '', labels, value }) => ({
      metricName: `${this.#name}${suffix}`,
      labels,
      value,
    }))
    return { name: this.#name, help: this.#help, type: 'histogram', values }
  }
}

/** Keeps one metric of prom-client's for each name, so that nothing is built anew when metrics are read. */
export function createMetricsText(): (metrics: readonly Metric[]) => Promise<string> {
  const registry = new Registry()

  function metricOf({ name, help, type, values }: Metric): Gauge | Counter {
    const full = `${METRIC_PREFIX}${name}`
    const known = registry.getSingleMetric(full)
    if (known instanceof Gauge || known instanceof Counter) return known
    const options = {
      name: full,
      help: help ?? full.replaceAll('_', ' '),
      labelNames: [...new Set(values.flatMap(({ labels }) => Object.keys(labels)))],
      registers: [registry],
    }
    return type === 'counter' ? new Counter(options) : new Gauge(options)
  }

  function setHistogram({ name, help = name, values }: Metric): void {
    const full = `${METRIC_PREFIX}${name}`
    const known = registry.getSingleMetric(full)
    const histogram =
      known instanceof CountedHistogram ? known : new CountedHistogram(full, help, registry)
    histogram.set(values)
  }

  return async (metrics) => {
    const there = metrics.filter(({ type, values }) => type !== 'histogram' && values.length > 0)
    // a metric that is reported in parts is emptied once, before its first part
    for (const metric of there) metricOf(metric).reset()
    for (const metric of there) {
      // neither kind knows a value yet, so that adding is setting for both
      for (const { labels, value } of metric.values) metricOf(metric).inc({ ...labels }, value)
    }
    for (const metric of metrics) if (metric.type === 'histogram') setHistogram(metric)
    return registry.metrics()
  }
}

/** Serves `GET /metrics` and `GET /readyz` until the server that it answers with is closed. */
export async function serveMetrics(
  listen: { readonly host: string; readonly port: number },
  read: () => readonly Metric[],
  readiness: () => Readiness,
): Promise<Server> {
  const own = new Registry()
  collectDefaultMetrics({ register: own, prefix: METRIC_PREFIX })
  const textOf = createMetricsText()
  const text = async (): Promise<string> => `${await textOf(read())}${await own.metrics()}`
  const server = createServer((request, response) => {
    if (request.method === 'GET' && request.url === '/readyz') {
      const ready = readiness()
      response
        .writeHead(ready.status === 'ready' ? 200 : 503, { 'content-type': 'application/json' })
        .end(JSON.stringify(ready))
      return
    }
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end()
      return
    }
    text().then(
      (all) => response.writeHead(200, { 'content-type': own.contentType }).end(all),
      () => response.writeHead(500).end(),
    )
  })
  server.listen(listen.port, listen.host)
  await once(server, 'listening')
  return server
}
