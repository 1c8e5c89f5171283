/**
 * The metrics endpoint, on a listener of its own: never on the port that callers reach (CVE-2025-24030).
 * @module
 */
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { Registry, collectDefaultMetrics } from 'prom-client'
import type { Metric, MetricValue } from '../lib/metric.ts'

const PREFIX = 'harness_'

/**
 * Metrics in Prometheus' text format (version 0.0.4). Written here because prom-client's own metrics count for
 * themselves, and these have been counted already.
 */
export function metricsText(metrics: readonly Metric[]): string {
  const there = metrics.filter(({ values }) => values.length > 0)
  const texts = [...Map.groupBy(there, ({ name }) => name)].map(([name, same]) => {
    const full = `${PREFIX}${name}`
    const [first] = same
    const help = first?.help ?? full.replaceAll('_', ' ')
    return [
      `# HELP ${full} ${escapeText(help)}`,
      `# TYPE ${full} ${first?.type ?? 'untyped'}`,
      ...same.flatMap(({ values }) => values.map((value) => lineOf(full, value))),
    ].join('\n')
  })
  return `${texts.join('\n\n')}\n`
}

function lineOf(name: string, { labels, value, suffix }: MetricValue): string {
  const pairs = Object.entries(labels).map(
    ([label, text]) => `${label}="${escapeText(text).replaceAll('"', String.raw`\"`)}"`,
  )
  return `${name}${suffix ?? ''}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`
}

function escapeText(text: string): string {
  return text.replaceAll('\\', String.raw`\\`).replaceAll('\n', String.raw`\n`)
}

/** Serves `GET /metrics` until the server that it answers with is closed. */
export async function serveMetrics(
  listen: { readonly host: string; readonly port: number },
  read: () => readonly Metric[],
): Promise<Server> {
  const own = new Registry()
  collectDefaultMetrics({ register: own, prefix: PREFIX })
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end()
      return
    }
    own
      .metrics()
      .then((text) => `${metricsText(read())}${text}`)
      .then(
        (text) => response.writeHead(200, { 'content-type': own.contentType }).end(text),
        () => response.writeHead(500).end(),
      )
  })
  server.listen(listen.port, listen.host)
  await once(server, 'listening')
  return server
}
