/**
 * What the gateway remembers of calls is never used for another call: callers, runs, methods and policies take turns on one
 * connection and for one path, and each call is judged and recorded by what it is itself. No policy here asks for tags, so that
 * nothing but its name tells which run a call is about.
 */
import { writeFileSync } from 'node:fs'
import { appendFile, writeFile } from 'node:fs/promises'
import { Agent } from 'node:https'
import { join } from 'node:path'
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies } from '../support/policies.ts'
import type { Answer } from '../support/send.ts'

const W = workspaceId()
const JOBS = `${W}/jobs?api-version=2024-04-01`
const LOG_METRIC = `/mlflow/v2.0${W}/api/2.0/mlflow/runs/log-metric`
const KEPT = `
@id("kept")
@reason("this job is kept as it is")
forbid (
  principal,
  action in
    [Action::"Microsoft.MachineLearningServices/workspaces/jobs/write",
     Action::"Microsoft.MachineLearningServices/workspaces/jobs/read"],
  resource == Job::"${W.toLowerCase()}/jobs/kept"
);
`
const CLOSED = `
@id("closed")
@reason("nobody lists jobs today")
forbid (
  principal,
  action == Action::"Microsoft.MachineLearningServices/workspaces/jobs/read",
  resource
);
`

t.setTimeout(120_000)
const policies = await ownPolicies({ 'kept.cedar': KEPT })
let world: World
let agent: Agent
let denyListFile = ''
t.before(async () => {
  world = await startGateway({
    gateway: (lab) => {
      denyListFile = join(lab.directory, 'deny.txt')
      writeFileSync(denyListFile, '# nobody\n')
      return { change: (config) => ({ ...policies.change(config), denyListFile }) }
    },
  })
  // one connection for all calls of all callers, as a proxy has it
  agent = new Agent({ ca: world.lab.certificates.ca, keepAlive: true, maxSockets: 1 })
})
t.teardown(async () => {
  agent.destroy()
  await world.close()
  await policies.remove()
})

async function call(persona: string, method: string, path: string, body?: object): Promise<Answer> {
  const authorization = `Bearer ${await world.lab.token(persona)}`
  if (body === undefined) return world.send(path, { method, headers: { authorization }, agent })
  const text = JSON.stringify(body)
  const length = String(Buffer.byteLength(text))
  const headers = { authorization, 'content-type': 'application/json', 'content-length': length }
  return world.send(path, { method, headers, body: text, agent })
}

t.test('two callers take turns', async (t) => {
  const seen = new Map<string, Set<unknown>>()
  for (let turn = 0; turn < 3; turn++) {
    for (const [persona, status] of [
      ['scientist', 200],
      ['outsider', 403],
      ['reader', 200],
    ] as const) {
      const answer = await call(persona, 'GET', JOBS)
      t.equal(answer.status, status, `${persona}: ${answer.text}`)
      const callers = seen.get(persona) ?? new Set()
      seen.set(persona, callers)
      for (const row of await world.settled(answer)) callers.add(row['PrincipalId'])
    }
  }
  t.same(
    [...seen.values()].map(({ size }) => size),
    [1, 1, 1],
    'all records of a caller are about the caller',
  )
  t.equal(new Set([...seen.values()].flatMap((callers) => [...callers])).size, 3)
})

t.test('two runs that bodies name take turns at one path', async (t) => {
  for (let turn = 0; turn < 3; turn++) {
    for (const run of ['other', 'kept']) {
      const metric = { run_id: run, key: 'k', value: turn, timestamp: 1 }
      const answer = await call('scientist', 'POST', LOG_METRIC, metric)
      t.equal(/this job is kept as it is/.test(answer.text), run === 'kept', answer.text)
      for (const { TargetResourceId: id, PolicyIds: ids } of await world.settled(answer)) {
        t.match(id, new RegExp(`/${run}$`))
        t.equal(String(ids).includes('kept'), run === 'kept')
      }
    }
  }
})

t.test('a run that is read at its own path is the job of its name', async (t) => {
  const runs = [
    `/history/v1.0${W}/runs/RUN`,
    `/mlflow/v2.0${W}/api/2.0/mlflow/runs/get?run_id=RUN`,
    `/artifact/v2.0${W}/artifacts/ExperimentRun/dcid.RUN`,
  ]
  for (const path of runs) {
    for (const run of ['other', 'kept']) {
      const answer = await call('scientist', 'GET', path.replace('RUN', run))
      t.equal(/this job is kept as it is/.test(answer.text), run === 'kept', path + answer.text)
    }
  }
})

t.test('methods take turns at one path', async (t) => {
  const [path, body] = [JOBS.replace('?', '/mine?'), { properties: { jobType: 'Command' } }]
  for (let turn = 0; turn < 2; turn++) {
    t.equal((await call('reader', 'PUT', path, body)).status, 403)
    for (const [method, length] of [
      ['GET', true],
      ['HEAD', false],
    ] as const) {
      const answer = await call('reader', method, JOBS)
      t.equal(answer.status, 200)
      t.equal(answer.text.length > 0, length)
      for (const row of await world.settled(answer)) t.equal(row['Method'], method)
    }
  }
})

t.test('who is put on the deny list has the next call on the connection refused', async (t) => {
  const answer = await call('reader', 'GET', JOBS)
  const [row] = await world.settled(answer)
  await writeFile(denyListFile, `principal ${String(row?.['PrincipalId'])}\n`)
  t.match(await call('reader', 'GET', JOBS), { status: 401, code: 'revoked' })
  t.equal((await call('scientist', 'GET', JOBS)).status, 200)
})

t.test('policies that are replaced judge the next call on the connection', async (t) => {
  t.equal((await call('scientist', 'GET', JOBS)).status, 200)
  await appendFile(join(policies.directory, 'kept.cedar'), CLOSED)
  process.kill(world.gateway.pid, 'SIGHUP')
  await eventually('the policies are replaced', async () =>
    (await world.allRecords()).some((row) => row['Event'] === 'policy_reload'),
  )
  const answer = await call('scientist', 'GET', JOBS)
  t.equal(answer.status, 403)
  t.match(answer.text, /nobody lists jobs today/)
})
