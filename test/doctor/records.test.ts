/** Where records are searched: the doctor asks it, and says what is missing. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import t, { type Test } from 'tap'
import { withLogReader, writeGatewayConfig } from '../../lab/gateway/harness-config.ts'
import { startLab, type Lab } from '../../lab/lab.ts'
import { LOGS_WORKSPACE } from '../../lab/personas.ts'
import type { Finding } from '../../src/doctor/finding.ts'
import { run } from '../cli/support/run.ts'

t.setTimeout(120_000)

let lab: Lab
t.before(async () => {
  lab = await startLab({ directory: t.testdir(), port: 0 })
  setDefaultCACertificates([...getCACertificates('default'), lab.certificates.ca])
  // @azure/identity finds its endpoint in the process's environment
  Object.assign(process.env, lab.env)
})
t.teardown(() => lab.close())

async function found(t: Test, identity: string): Promise<Finding | undefined> {
  const directory = t.testdir()
  const file = join(directory, 'harness.yaml')
  await writeGatewayConfig(lab, file, {
    port: 8443,
    spool: join(directory, 'spool'),
    change: (config) => ({
      ...withLogReader(config),
      audit: {
        ...config.audit,
        search: {
          kind: 'azure-monitor',
          workspaceId: LOGS_WORKSPACE,
          identity,
          endpoint: lab.urls.ingestion,
        },
      },
    }),
  })
  await mkdir(join(directory, 'spool'), { recursive: true, mode: 0o700 })
  const { out } = await run(['doctor', '--config', file, '--json'])
  const { findings } = JSON.parse(out) as { findings: readonly Finding[] }
  return findings.find(({ check }) => check === 'records')
}

t.test('a workspace that has no record yet is a warning', async (t) => {
  t.match(await found(t, 'log-reader'), {
    status: 'warning',
    where: 'audit.search',
    what: /no record of the last day/u,
  })
})

t.test('an identity without the role is named, with the role', async (t) => {
  t.match(await found(t, 'ml-reader'), {
    status: 'failed',
    what: 'cannot be asked: Azure Monitor answered 403',
    next: /Log Analytics Data Reader to ml-reader/u,
  })
})
