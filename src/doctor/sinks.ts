/**
 * Where records go: whether each sink can be shipped to, without sending it a record.
 * @module
 */
import { examineSink } from '../audit/ship/sinks/sinks.ts'
import type { Config } from '../config/schema/schema.ts'
import type { Broker } from '../token/broker.ts'
import type { Finding } from './finding.ts'

export function checkSinks(config: Config, broker: Broker): Promise<Finding[]> {
  return Promise.all(
    config.audit.sinks.map(async (sink, index) => ({
      check: 'sinks',
      where: `audit.sinks[${index}] (${sink.name})`,
      ...(await examineSink(
        sink,
        async (identity, scope) => (await broker.token(identity, scope)).token,
      )),
    })),
  )
}
