/**
 * The source of records that a configuration names besides the spool.
 * @module
 */
import type { AuditConfig } from '../../config/schema/schema.ts'
import { CLOUDS, type CloudName } from '../../vocabulary/clouds.ts'
import type { AzureMonitorSearchOptions } from './azure-monitor.ts'
import type { RecordSource } from './records.ts'

/** The client is loaded by those alone who use it. @param now milliseconds since the epoch */
export async function configuredSearch(
  { workspaceId, identity, endpoint }: NonNullable<AuditConfig['search']>,
  cloud: CloudName,
  credential: (identity: string) => AzureMonitorSearchOptions['credential'],
  now: () => number,
): Promise<RecordSource> {
  const { createAzureMonitorSearch } = await import('./azure-monitor.ts')
  const { logs } = CLOUDS[cloud]
  return createAzureMonitorSearch({
    endpoint: endpoint ?? logs,
    scope: `${logs}/.default`,
    workspaceId,
    credential: credential(identity),
    now,
  })
}
