/** Configurations for tests: a small one that is right, and a place to write others to. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { ConfigError } from '../../src/config/faults.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { Test } from 'tap'

export const GOOD = `listen:
  port: 8443
  publicUrl: https://ml.contoso.example
  tls: { certFile: tls/cert.pem, keyFile: tls/key.pem }
cloud:
  name: AzureCloud
issuers:
  - name: entra
    profile: entra
    issuer: https://login.microsoftonline.com/11111111-1111-4111-8111-111111111111/v2.0
    audiences: [api://harness]
identities:
  writer:
    kind: managed-identity
    clientId: 22222222-2222-4222-8222-222222222222
  caller:
    kind: on-behalf-of
    tenantId: 11111111-1111-4111-8111-111111111111
    clientId: 33333333-3333-4333-8333-333333333333
    federatedBy: writer
policies:
  directory: ../policies
audit:
  spool:
    directory: /var/spool/harness
  sinks:
    - { name: monitor, kind: azure-monitor, endpoint: "https://dce.example", ruleId: dcr-1, stream: Custom-Harness, identity: writer }
`

export async function writeConfig(t: Test, text: string | Uint8Array): Promise<string> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'harness-config-'))
  t.teardown(() => rm(directory, { recursive: true }))
  const file = path.join(directory, 'harness.yaml')
  await writeFile(file, text)
  return file
}

/** The faults of a file as `line:column key: message`. */
export async function faultsOf(t: Test, text: string | Uint8Array): Promise<string[]> {
  const file = await writeConfig(t, text)
  const error: unknown = await loadConfig(file).then(
    () => null,
    (reason: unknown) => reason,
  )
  if (!(error instanceof ConfigError)) throw new Error('was loaded', { cause: error })
  return error.faults.map(
    ({ key, line, column, message }) => `${line}:${column} ${key}: ${message}`,
  )
}
