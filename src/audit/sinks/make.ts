/**
 * Sinks out of the configuration.
 * @module
 */
import { createAzureMonitorSink, scopeOf, type SinkCredential } from './azure-monitor.ts'
import { createStdoutSink } from './stdout.ts'
import type { AuditConfig } from '../../config/schema.ts'
import type { Sink } from './sink.ts'

type SinkConfig = AuditConfig['sinks'][number]

export interface SinkContext {
  readonly credential: (identityName: string) => SinkCredential
  readonly version: string
}

/** Makes one sink, or throws an Error that names it. */
export function makeSink(config: SinkConfig, context: SinkContext): Sink {
  const required = config.required ?? true
  switch (config.kind) {
    case 'azure-monitor':
      return createAzureMonitorSink({
        ...config,
        required,
        scope: scopeOf(config.endpoint),
        credential: context.credential(config.identity),
      })
    case 'stdout':
      return createStdoutSink(config.name, required)
    default:
      throw new Error(`audit sink "${config.name}": not implemented`)
  }
}
