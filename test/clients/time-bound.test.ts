/**
 * A binding that has a file of its own and ends between two calls of one client: the published JavaScript client, and a
 * gateway that runs on.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { AzureMachineLearningWorkspaces } from '@azure/arm-machinelearning'
import {
  RESOURCE_GROUP as RG,
  SUBSCRIPTION,
  WORKSPACE as WS,
  workspaceId,
} from '../../lab/personas.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'
import { freePort } from '../../lab/server/free-port.ts'
import { withMetrics } from '../support/trail.ts'

t.test('a binding begins and ends while a client is at work, and both are on record', async (t) => {
  const folder = t.testdir({
    'bindings.yaml': `identities: [ml-reader, ml-writer]
groups: { anybody: okta/everyone }
workspaces: { lab: ${workspaceId().toLowerCase()} }
bindings: []
`,
  })
  const port = await freePort()
  const world = await startGateway({
    gateway: { bindings: join(folder, 'bindings.yaml'), change: withMetrics(port) },
  })
  t.teardown(() => world.close())
  const ending = async (): Promise<string | undefined> => {
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    return /^harness_policy_bindings_ending (\d+)$/m.exec(metrics)?.[1]
  }
  const token = await world.lab.token('reader', { claims: { groups: ['everyone'] } })
  const client = new AzureMachineLearningWorkspaces(
    { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_000_000 }) },
    SUBSCRIPTION,
    { endpoint: world.url },
  )
  const look = async (): Promise<number> => {
    try {
      await client.workspaces.get(RG, WS)
      return 200
    } catch (error) {
      return error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 0
    }
  }
  t.equal(await look(), 403, 'nothing is bound')
  t.equal(await ending(), '0')

  const until = Date.now() + 12_000
  await mkdir(join(folder, 'bindings.d'))
  await writeFile(
    join(folder, 'bindings.d', 'visitors.yaml'),
    `template: reader
principal: Group::"anybody"
resource: Workspace::"lab"
until: ${new Date(until).toISOString()}
reason: a visit
ticket: ML-1
`,
  )
  await eventually('the binding is in force', async () => (await look()) === 200)
  await eventually('a metric says that one ends soon', async () => (await ending()) === '1')
  const last = await eventually(
    'the binding has ended',
    async () => (await look()) === 403 && Date.now(),
  )
  t.ok(last >= until, 'not before its end')
  t.equal(await ending(), '0', 'and none any more')

  const events = await eventually('the end is on record', async () => {
    const rows = await world.allRecords()
    return rows.some((row) => row['Event'] === 'binding_expired') && rows
  })
  const expired = events.filter((row) => row['Event'] === 'binding_expired')
  t.equal(expired.length, 1)
  t.match(JSON.stringify(expired), /visitors/)
  const calls = events.filter((row) => row['RecordKind'] === 'authorized')
  t.ok(calls.length > 0)
  t.ok(calls.every((row) => JSON.stringify(row['PolicyIds']).includes('reader@visitors')))
  t.ok(
    calls.every((row) => Date.parse(String(row['EventTime'])) <= until + 5),
    'no permit of it after its end',
  )
})
