/**
 * The metrics endpoint, on a listener of its own: never on the port that callers reach (CVE-2025-24030).
 * @module
 */
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client'

/** A number with a name; names that end in `_total` only ever grow. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** A part's metric as it may describe it itself. */
export interface Described {
  readonly name: string
  readonly help: string
  readonly values: readonly {
    readonly labels: Readonly<Record<string, string>>
    readonly value: number
  }[]
}

const PREFIX = 'harness_'

/** Samples under the product's prefix, with what they are said to mean. */
export function toSamples(described: readonly Described[]): {
  samples: Sample[]
  help: ReadonlyMap<string, string>
} {
  const samples = described.flatMap(({ name, values }) =>
    values.map((value) => ({ name, ...value })),
  )
  return { samples, help: new Map(described.map(({ name, help }) => [name, help])) }
}

/** The text that Prometheus reads. Parts keep plain numbers; the library keeps the format. */
export async function metricsText(
  samples: readonly Sample[],
  help: ReadonlyMap<string, string>,
  own: Registry,
): Promise<string> {
  const registry = new Registry()
  const byName = Map.groupBy(samples, ({ name }) => name)
  for (const [name, values] of byName) {
    const full = name.startsWith(PREFIX) ? name : `${PREFIX}${name}`
    const options = {
      name: full,
      help: help.get(name) ?? full.replaceAll('_', ' '),
      labelNames: [...new Set(values.flatMap(({ labels }) => Object.keys(labels)))],
      registers: [registry],
    }
    if (name.endsWith('_total') || name.endsWith('_count') || name.endsWith('_sum')) {
      const counter = new Counter(options)
      for (const { labels, value } of values) counter.inc(labels, value)
    } else {
      const gauge = new Gauge(options)
      for (const { labels, value } of values) gauge.set(labels, value)
    }
  }
  return `${await registry.metrics()}${await own.metrics()}`
}

/** Serves `GET /metrics` until the server that it answers with is closed. */
export async function serveMetrics(
  listen: { readonly host: string; readonly port: number },
  read: () => { samples: readonly Sample[]; help: ReadonlyMap<string, string> },
): Promise<Server> {
  const own = new Registry()
  collectDefaultMetrics({ register: own, prefix: PREFIX })
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end()
      return
    }
    const { samples, help } = read()
    metricsText(samples, help, own).then(
      (text) => response.writeHead(200, { 'content-type': own.contentType }).end(text),
      () => response.writeHead(500).end(),
    )
  })
  server.listen(listen.port, listen.host)
  await once(server, 'listening')
  return server
}
