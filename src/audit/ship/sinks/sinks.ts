/**
 * The kinds of sinks: one table that makes them, examines them and says which tokens they need.
 *
 * To add a kind: its configuration in config/schema/sinks.ts, its definition in a file of its own here, and its line in
 * this table; the compiler names the line that is missing.
 * @module
 */
import { sinkMembers } from '../../../config/schema/sink-roles.ts'
import type { SinkConfig, SinkKind } from '../../../config/schema/sinks.ts'
import { azureMonitor } from './azure-monitor.ts'
import { https } from './https.ts'
import { otlp } from './otlp.ts'
import { splunkHec } from './splunk-hec.ts'
import { stdout } from './stdout.ts'
import { syslog } from './syslog.ts'
import type { Examination, Sink, SinkContext, SinkDefinition, TokenOf } from './sink.ts'

type Definitions = { readonly [Kind in SinkKind]: SinkDefinition<Kind> }

/** Every kind of sink. */
export const SINKS: Definitions = {
  'azure-monitor': azureMonitor,
  stdout,
  otlp,
  'splunk-hec': splunkHec,
  syslog,
  https,
}

const definitionOf = <Kind extends SinkKind>(config: SinkConfig<Kind>): Definitions[Kind] =>
  SINKS[config.kind]

/** Makes one sink, or throws an Error that names what is wrong with its configuration. */
export async function makeSink<Kind extends SinkKind>(
  config: SinkConfig<Kind>,
  context: SinkContext,
): Promise<Sink> {
  return definitionOf(config).make(config, context)
}

/** Whether a sink's rows have their OCSF event. */
export const wantsOcsf = (config: SinkConfig): boolean => config.ocsf ?? definitionOf(config).ocsf

/** Whether a sink can be shipped to; sends it no record. */
export const examineSink = <Kind extends SinkKind>(
  config: SinkConfig<Kind>,
  tokenOf: TokenOf,
): Promise<Examination> => definitionOf(config).examine(config, tokenOf)

const scopeOf = <Kind extends SinkKind>(config: SinkConfig<Kind>): string | null =>
  definitionOf(config).scope?.(config) ?? null

/** The tokens that a sink needs of the gateway's identities. */
export function tokensOf(config: SinkConfig): { identity: string; scope: string }[] {
  const scope = scopeOf(config)
  return scope === null
    ? []
    : sinkMembers(config, 'identity').map(([, identity]) => ({ identity, scope }))
}
