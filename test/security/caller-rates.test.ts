/** A caller who makes too many calls at once, or a second, is told to come again; the others do not notice. */
import type { ClientRequest } from 'node:http'
import { request } from 'node:https'
import { AzureMachineLearningWorkspaces } from '@azure/arm-machinelearning'
import t, { type Test } from 'tap'
import { RESOURCE_GROUP as RG, SUBSCRIPTION, WORKSPACE, workspaceId } from '../../lab/personas.ts'
import type { ConfigFile } from '../../lab/gateway/harness-config.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway, type World } from '../support/gateway.ts'
import type { Answer } from '../support/send.ts'
import { run } from '../cli/support/run.ts'

const W = workspaceId()
const VERSION = '?api-version=2024-04-01'

async function startWith(t: Test, limits: ConfigFile['limits']): Promise<World> {
  const world = await startGateway({
    gateway: { change: (config) => ({ ...config, ...(limits === undefined ? {} : { limits }) }) },
  })
  t.teardown(() => world.close())
  return world
}

const headersOf = async (world: World, persona: string): Promise<Record<string, string>> => ({
  authorization: `Bearer ${await world.lab.token(persona)}`,
  'content-type': 'application/json',
})

async function get(world: World, persona: string, path = `${W}/jobs${VERSION}`): Promise<Answer> {
  return world.send(path, { headers: await headersOf(world, persona) })
}

async function checkTooMany(t: Test, world: World, answer: Answer, limit: string): Promise<void> {
  t.match(answer, { status: 429, code: 'too_many_requests' })
  t.match(answer.text, limit)
  t.equal(answer.headers['retry-after'], '1')
  const rows = await world.records(String(answer.headers['x-harness-decision-id']))
  t.match(rows, [
    {
      RecordKind: 'refused',
      RefusalCode: 'too_many_requests',
      Status: 429,
      PrincipalId: /^entra\/.+\/44444444-4444-4444-8444-444444444401$/,
    },
  ])
}

t.test('too many calls at once', async (t) => {
  const world = await startWith(t, { inFlightPerPrincipal: 3, upstreamTimeoutMs: 6000 })
  const headers = await headersOf(world, 'scientist')
  const arrived = (name: string): number =>
    world.lab.requests().filter(({ url }) => url.includes(name)).length

  /** Three calls that Azure never answers. */
  async function three(method: string, name: string, body: string): Promise<ClientRequest[]> {
    const { hostname, port } = new URL(world.url)
    const path = `${W}/jobs/${name}${VERSION}`
    const ca = world.lab.certificates.ca
    await world.fault('upstream', { match: { path: name, method }, hang: true, times: 3 })
    const calls = [1, 2, 3].map(() => {
      const length = { 'content-length': String(body.length) }
      const call = request({
        hostname,
        port,
        path,
        ca,
        method,
        headers: { ...headers, ...(body === '' ? {} : length) },
      })
      call.on('error', () => undefined)
      call.end(body)
      return call
    })
    await eventually('three are at azure', () => arrived(name) >= 3)
    return calls
  }

  await t.test('of reads: the next is refused, and room comes with their ends', async (t) => {
    const calls = await three('GET', 'hangs-read', '')
    await checkTooMany(t, world, await get(world, 'scientist'), 'limits.inFlightPerPrincipal')
    t.equal((await get(world, 'reader')).status, 200, 'another caller is served')
    for (const call of calls) call.destroy()
    await eventually('served', async () => (await get(world, 'scientist')).status === 200)
  })

  await t.test('of changes: hanging up makes no room before azure has answered', async (t) => {
    const body = '{"properties":{"jobType":"Command"}}'
    // the first GET of each asks for the document that is there
    const calls = await three('PUT', 'hangs-change', body)
    for (const call of calls) call.destroy()
    await checkTooMany(t, world, await get(world, 'scientist'), 'limits.inFlightPerPrincipal')
    t.equal((await get(world, 'reader')).status, 200, 'another caller is served')
    await eventually('served', async () => (await get(world, 'scientist')).status === 200)
  })
})

t.test('too many calls a second', async (t) => {
  const world = await startWith(t, { requestsPerSecondPerPrincipal: 2, burstPerPrincipal: 2 })
  const list = `${W}/jobs${VERSION}`

  await t.test('are refused, and another caller is served', async (t) => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => get(world, 'scientist')))
    const served = answers.filter(({ status }) => status === 200)
    const [refused] = answers.filter(({ status }) => status === 429)
    t.ok(served.length >= 2, `${served.length} were served`)
    if (refused === undefined) t.fail('all were served')
    else await checkTooMany(t, world, refused, 'limits.requestsPerSecondPerPrincipal')
    t.equal((await get(world, 'reader', list)).status, 200)
  })

  await t.test('in a flood have no record each, and are all on record', async (t) => {
    const before = await onRecord(world)
    const headers = await headersOf(world, 'scientist')
    let refused = 0
    for (let round = 0; round < 6; round += 1) {
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => world.send(list, { headers })),
      )
      refused += answers.filter(({ status }) => status === 429).length
    }
    await eventually('all of them are on record', async () => {
      return (await onRecord(world)).all - before.all === refused
    })
    const own = (await onRecord(world)).own - before.own
    t.ok(own < refused, `${own} of ${refused} have a record of their own`)
    const counted = (await world.allRecords()).find((row) => Array.isArray(row['SampleIds']))
    const [id] = (counted?.['SampleIds'] ?? []) as string[]
    const { configFile } = world.gateway
    const explain = ['explain', '--config', configFile, '--decision', String(id)]
    const { err } = await run(explain, { env: world.lab.env })
    t.match(err, /before policy was asked.* of entra\/.*: too_many_requests \d+/)
    t.equal((await get(world, 'reader', list)).status, 200)
  })

  await t.test('in the form that MLflow reads', async (t) => {
    const path = `/mlflow/v2.0${W}/api/2.0/mlflow/experiments/get?experiment_id=1`
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => get(world, 'scientist', path)),
    )
    const refused = answers.find(({ status }) => status === 429)
    t.match(refused?.json(), {
      error_code: 'REQUEST_LIMIT_EXCEEDED',
      message: /^too_many_requests: /,
    })
    t.equal(refused?.headers['retry-after'], '1')
  })

  await t.test('of a published SDK all succeed: it comes again when it is told to', async (t) => {
    const token = await world.lab.token('scientist')
    const credential = {
      getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_000_000 }),
    }
    const client = new AzureMachineLearningWorkspaces(credential, SUBSCRIPTION, {
      endpoint: world.url,
    })
    const before = (await onRecord(world)).all
    const job = { properties: { jobType: 'Command', command: 'true' } as const }
    const names = ['a', 'b', 'c', 'd', 'e']
    const made = await Promise.all(
      names.map((name) =>
        client.jobs.createOrUpdate(RG, WORKSPACE, name, {
          properties: { ...job.properties, environmentId: 'azureml:e:1', computeId: 'cpu' },
        }),
      ),
    )
    t.same(
      made.map(({ name }) => name),
      names,
    )
    await eventually('some were told to', async () => (await onRecord(world)).all > before)
  })
})

/** Refusals for too many calls: with a record of their own, and with those that were counted. */
async function onRecord(world: World): Promise<{ own: number; all: number }> {
  const rows = await world.allRecords()
  const own = rows.filter((row) => row['RefusalCode'] === 'too_many_requests').length
  const summaries = rows.filter((row) => row['Event'] === 'refused_too_many_requests')
  return { own, all: summaries.reduce((sum, row) => sum + Number(row['Count']), own) }
}
