/**
 * Whether calls are traced, by OpenTelemetry's standard variables. As long as they are not, nothing of it is loaded.
 * @module
 */
import type { Log } from '../lib/log.ts'
import type { Metric } from '../lib/metric.ts'
import type { Watcher } from './observe.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface TracesOptions {
  readonly version: string
  readonly log: Log
}

export interface Traces {
  readonly watcher: Watcher
  readonly metrics: () => readonly Metric[]
  /** Sends what is not sent yet, for so many milliseconds at most. Never rejects. */
  readonly close: (ms: number) => Promise<void>
}

/**
 * Null: calls are not traced.
 * @throws Error that names the variable whose value asks for what there is not
 */
export async function openTraces(env: Environment, options: TracesOptions): Promise<Traces | null> {
  if (!isAsked(env)) return null
  const { createTraces } = await import('./open-telemetry.ts')
  return createTraces(options)
}

/** https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/; an empty value counts as none. */
function isAsked(env: Environment): boolean {
  const of = (name: string): string => env[name]?.trim() ?? ''
  if (of('OTEL_SDK_DISABLED').toLowerCase() === 'true') return false
  const endpoint = of('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') || of('OTEL_EXPORTER_OTLP_ENDPOINT')
  const exporter = of('OTEL_TRACES_EXPORTER') || (endpoint === '' ? 'none' : 'otlp')
  if (exporter === 'none') return false
  if (exporter !== 'otlp')
    throw new Error('environment variable OTEL_TRACES_EXPORTER may say "otlp" or "none"')
  for (const name of ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL']) {
    if (of(name) !== '' && of(name) !== 'http/protobuf')
      throw new Error(`environment variable ${name} may say "http/protobuf"`)
  }
  return true
}
