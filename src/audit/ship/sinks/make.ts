/**
 * Sinks out of the configuration.
 * @module
 */
import { readFileSync } from 'node:fs'
import { createAzureMonitorSink, scopeOf, type SinkCredential } from './azure-monitor.ts'
import { createHttpsSink } from './https.ts'
import { createOtlpSink } from './otlp.ts'
import { createSplunkSink } from './splunk-hec.ts'
import { createStdoutSink } from './stdout.ts'
import { createSyslogSink } from './syslog.ts'
import type { SecretSource, SinkConfig } from '../../../config/schema/schema.ts'
import type { Sink } from './sink.ts'

export interface SinkContext {
  readonly credential: (identityName: string) => SinkCredential
  /** Reads a secret from where the configuration says it is. */
  readonly secret: (source: SecretSource) => string | Promise<string>
  readonly version: string
}

/** Makes one sink, or throws an Error that names what is wrong with its configuration. */
export async function makeSink(config: SinkConfig, context: SinkContext): Promise<Sink> {
  const base = { name: config.name, required: config.required ?? true }
  const tokenOf = async (source: SecretSource | undefined): Promise<string | null> =>
    source === undefined ? null : context.secret(source)
  switch (config.kind) {
    case 'azure-monitor':
      return createAzureMonitorSink({
        ...base,
        endpoint: config.endpoint,
        ruleId: config.ruleId,
        stream: config.stream,
        scope: scopeOf(config.endpoint),
        credential: context.credential(config.identity),
      })
    case 'stdout':
      return createStdoutSink(base.name, base.required)
    case 'otlp':
      return createOtlpSink({
        ...base,
        endpoint: config.endpoint,
        token: await tokenOf(config.token),
        compression: config.compression ?? null,
        version: context.version,
      })
    case 'splunk-hec':
      return createSplunkSink({
        ...base,
        endpoint: config.endpoint,
        token: await context.secret(config.token),
        index: config.index ?? null,
      })
    case 'syslog':
      return createSyslogSink({
        ...base,
        host: config.host,
        port: config.port,
        ca: config.caFile === undefined ? null : readFileSync(config.caFile, 'utf8'),
      })
    default:
      return createHttpsSink({
        ...base,
        endpoint: config.endpoint,
        token: await tokenOf(config.token),
      })
  }
}
