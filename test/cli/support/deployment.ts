/**
 * A configuration of which everything is there and right, to be changed by a test; and what `config check --deep` says of it.
 */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { chmod, cp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { Document } from 'yaml'
import { ensureCertificates } from '../../../lab/identity/ca.ts'
import { run, type Ran } from './run.ts'

export const TENANT = '11111111-1111-4111-8111-111111111111'
export const APP = '22222222-2222-4222-8222-222222222222'
export const WS =
  '/subscriptions/33333333-3333-4333-8333-333333333333/resourcegroups/ml/providers/microsoft.machinelearningservices/workspaces/research'
export const ENTRA = `https://login.microsoftonline.com/${TENANT}/v2.0`

export const pem = (kind: 'ed25519' | 'ec'): string =>
  (kind === 'ec'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('ed25519')
  ).privateKey
    .export({ type: 'pkcs8', format: 'pem' })
    .toString()

export const BINDINGS = `identities: [ml-reader, ml-writer]
bindings:
  - id: scientists
    template: data-scientist
    principal: Group::"entra/${TENANT}/44444444-4444-4444-8444-444444444444"
    resource: Workspace::"${WS}"
`

/** A configuration of which everything is there and right. */
const sound = (): object => ({
  listen: {
    host: '127.0.0.1',
    port: 0,
    publicUrl: 'https://ml.contoso.example',
    tls: { certFile: 'tls/server.pem', keyFile: 'tls/server-key.pem' },
  },
  cloud: { name: 'AzureCloud', regions: { [WS]: 'westeurope' } },
  issuers: [
    {
      name: 'entra',
      profile: 'entra',
      issuer: ENTRA,
      audiences: [APP, 'https://ml.contoso.example'],
      cli: { clientId: APP, scopes: ['https://ml.contoso.example/user_impersonation'] },
    },
  ],
  identities: {
    'ml-reader': { kind: 'managed-identity', clientId: APP },
    'ml-writer': { kind: 'managed-identity', clientId: APP },
    'audit-writer': { kind: 'managed-identity', clientId: APP },
  },
  policies: { directory: 'policies' },
  operationKey: { fromFile: 'operation-key' },
  approvals: { keys: [{ fromFile: 'review-key.pem' }], ledger: { directory: 'reviews' } },
  audit: {
    spool: { directory: 'var/spool', signingKeyFile: 'checkpoint.pem' },
    sinks: [
      {
        name: 'monitor',
        kind: 'azure-monitor',
        endpoint: 'https://x.westeurope-1.ingest.monitor.azure.com',
        ruleId: 'dcr-0',
        stream: 'Custom-AmlHarnessAudit',
        identity: 'audit-writer',
      },
    ],
  },
})

export interface Place {
  /** Writes a member of the configuration, by its path, such as `issuers.0.issuer`; undefined removes it. */
  readonly set: (path: string, value: unknown) => void
  readonly path: (name: string) => string
  readonly write: (name: string, text: string, mode?: number) => Promise<void>
}

const master = mkdtempSync(join(tmpdir(), 'harness-deployment-'))
process.once('exit', () => rmSync(master, { recursive: true }))
await ensureCertificates(join(master, 'tls'), { names: ['ml.contoso.example'] })
await ensureCertificates(join(master, 'other'))

/** A file of a certificate that is another one's. */
export const other = (name: string): string => join(master, 'other', name)

/** The sound configuration with all its files, changed, and what the command says of it. */
export async function checked(
  t: Test,
  change: (place: Place) => unknown = () => undefined,
  options: { args?: readonly string[]; now?: () => number; plain?: true } = {},
): Promise<Ran> {
  const directory = t.testdir()
  const path = (name: string): string => join(directory, name)
  await cp(join(master, 'tls'), path('tls'), { recursive: true })
  await cp('policies', path('policies'), { recursive: true })
  const write = async (name: string, text: string, mode = 0o600): Promise<void> => {
    await writeFile(path(name), text, { mode })
    await chmod(path(name), mode)
  }
  await write('policies/bindings.yaml', BINDINGS, 0o644)
  await write('operation-key', 'k'.repeat(64))
  await write('review-key.pem', pem('ed25519'))
  await write('checkpoint.pem', pem('ed25519'))
  const config = new Document(sound())
  const set = (at: string, value: unknown): void => {
    const keys = at.split('.').map((key) => (/^\d+$/.test(key) ? Number(key) : key))
    if (value === undefined) config.deleteIn(keys)
    else config.setIn(keys, config.createNode(value))
  }
  const after: unknown = await change({ set, path, write })
  await write('harness.yaml', config.toString(), 0o644)
  const deep = options.plain === true ? [] : ['--deep']
  const args = ['config', 'check', ...deep, path('harness.yaml'), ...(options.args ?? [])]
  const ran = await run(args, { now: options.now ?? Date.now })
  if (typeof after === 'function') await after()
  return ran
}
