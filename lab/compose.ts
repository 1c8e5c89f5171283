/**
 * The lab for a gateway in another container: what that gateway needs is left in the shared directory.
 * @module
 */
import { copyFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { forPeople, writeGatewayConfig } from './gateway/harness-config.ts'
import type { Lab } from './lab.ts'

const BINDINGS = fileURLToPath(new URL('gateway/bindings.yaml', import.meta.url))
/** A volume of the gateway's image. */
export const SPOOL = '/var/lib/azureml-harness/spool'

/** Writes harness.yaml and bindings.yaml; both containers mount the directory at the same path. */
export async function prepareGateway(lab: Lab, port: number): Promise<string> {
  const bindings = join(lab.directory, 'bindings.yaml')
  await copyFile(BINDINGS, bindings)
  const file = join(lab.directory, 'harness.yaml')
  const change = await forPeople(lab)
  await writeGatewayConfig(lab, file, { port, host: '0.0.0.0', spool: SPOOL, bindings, change })
  return file
}
