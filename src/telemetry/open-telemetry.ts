/**
 * A span for each call of an identified caller that is sampled, and one below it for each of its stages. Loaded only if
 * calls are traced.
 *
 * Of the caller's trace context `traceparent` alone is read: `tracestate` and `baggage` are free text. No token, claim,
 * path or body is in a span.
 * @module
 */
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Context } from '@opentelemetry/api'
import type { Span } from '@opentelemetry/api'
import { ExportResultCode, parseTraceParent } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-base'
import { setTimeout as wait } from 'node:timers/promises'
import type { Exchange } from '../exchange.ts'
import { counter } from '../lib/metric.ts'
import type { End } from './durations.ts'
import type { Watcher } from './observe.ts'
import type { Traces, TracesOptions } from './traces.ts'

const NAME = 'azureml-harness'
/** Between two lines of the log that say the same. */
const QUIET_MS = 60_000

/** A call that is traced. */
interface Traced {
  readonly span: Span
  /** In which its stages are. */
  readonly within: Context
}

export function createTraces({ version, log }: TracesOptions): Traces {
  const { exporter, counts } = createExporter(log)
  const own = resourceFromAttributes({ 'service.name': NAME, 'service.version': version })
  const provider = new BasicTracerProvider({
    resource: own.merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  })
  return {
    watcher: createWatcher(provider.getTracer(NAME, version)),
    metrics: () => [
      counter(
        'spans_total',
        Object.entries(counts).map(([outcome, value]) => ({ labels: { outcome }, value })),
      ),
    ],
    async close(ms) {
      // what is not away by then is lost: traces are no records
      await Promise.race([provider.shutdown(), wait(ms, undefined, { ref: false })]).catch(
        () => undefined,
      )
    },
  }
}

/** Counts what becomes of spans; who waits for them is never told that they could not be sent. */
function createExporter(log: TracesOptions['log']) {
  const inner = new OTLPTraceExporter()
  const counts = { exported: 0, failed: 0 }
  let told = -Infinity
  const exporter: SpanExporter = {
    export(spans, done) {
      inner.export(spans, (result) => {
        if (result.code === ExportResultCode.SUCCESS) counts.exported += spans.length
        else {
          counts.failed += spans.length
          if (performance.now() - told > QUIET_MS) {
            told = performance.now()
            log({ spans: spans.length }, 'traces cannot be exported: calls are served all the same')
          }
        }
        done(result)
      })
    },
    shutdown: () => inner.shutdown(),
  }
  return { exporter, counts }
}

const epoch = (at: number): number => performance.timeOrigin + at

function createWatcher(tracer: ReturnType<BasicTracerProvider['getTracer']>): Watcher {
  const traced = new WeakMap<object, Traced>()
  /** Who the caller is comes before it is decided whether the call is traced. */
  const identified = new WeakMap<object, readonly [from: number, to: number]>()

  function below({ within }: Traced, name: string, from: number, to: number, kind?: SpanKind) {
    const span = tracer.startSpan(
      name,
      { startTime: epoch(from), kind: kind ?? SpanKind.INTERNAL },
      within,
    )
    span.end(epoch(to))
  }

  return {
    stage(name, by, from, to) {
      if (name === 'identify') {
        identified.set(by, [from, to])
        return
      }
      const call = traced.get(by)
      if (call !== undefined) below(call, name, from, to)
    },
    begun(exchange, request) {
      const options = { startTime: epoch(exchange.startedAt), kind: SpanKind.SERVER }
      const span = tracer.startSpan(exchange.method, options, parentOf(request))
      if (!span.isRecording()) return
      const call = { span, within: trace.setSpan(ROOT_CONTEXT, span) }
      traced.set(exchange, call)
      traced.set(request, call)
      const stage = identified.get(request)
      if (stage !== undefined) below(call, 'identify', ...stage)
    },
    facts(exchange, facts) {
      const call = traced.get(exchange)
      if (call !== undefined) traced.set(facts, call)
    },
    ended(exchange, end, at) {
      const call = traced.get(exchange)
      if (call === undefined) return
      const { sentAt, answeredAt } = exchange
      if (sentAt !== null) below(call, 'forward', sentAt, answeredAt ?? at, SpanKind.CLIENT)
      finish(call.span, exchange, end)
      call.span.end(epoch(at))
    },
  }
}

/** The span that the caller's header names; a root without one that can be read. */
function parentOf(request: object): Context {
  const headers: unknown = Reflect.get(request, 'headers')
  const header: unknown =
    typeof headers === 'object' && headers !== null ? Reflect.get(headers, 'traceparent') : null
  const parent = typeof header === 'string' ? parseTraceParent(header) : null
  return parent === null
    ? ROOT_CONTEXT
    : trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true })
}

/** What is known of a call at its end, in words of tables of the gateway's own. */
function finish(span: Span, exchange: Exchange, end: End): void {
  const { operation, decision, identity, refusal, status } = exchange
  if (operation !== null) span.updateName(operation.action)
  const attributes = {
    'azureml.decision_id': exchange.id,
    'http.request.method': exchange.method,
    'http.response.status_code': status,
    'azureml.action': operation?.action,
    'azureml.resource_type': operation?.resource.type,
    'azureml.effect': operation?.effect,
    'azureml.verdict': decision?.verdict,
    'azureml.identity': identity?.name,
    'azureml.refusal': refusal?.code,
    'azureml.outcome': end,
  }
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined && value !== null) span.setAttribute(name, value)
  if (end === 'failed' || end === 'unknown') span.setStatus({ code: SpanStatusCode.ERROR })
}
