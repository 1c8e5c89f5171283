/**
 * Three replicas behind Debian's HAProxy, as deploy/haproxy has it: one is killed under load. No request that Azure saw is
 * without its record once the spool that is left is shipped, callers lose no call, and sessions and reviews go on.
 */
import { existsSync } from 'node:fs'
import { AzureMachineLearningWorkspaces } from '@azure/arm-machinelearning'
import t from 'tap'
import type { Gateway } from '../../lab/gateway/gateway.ts'
import { RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE } from '../../lab/personas.ts'
import { freePort } from '../../lab/server/free-port.ts'
import { startReplicas, type Replicas } from '../approvals/replicas-support.ts'
import { BINDINGS, OWNERS, RELEASE, reviewIn, V, W } from '../approvals/support.ts'
import { start } from '../cli/support/run.ts'
import { HOME, personWith, signedIn } from '../console/requests.ts'
import { checkHaproxy, noHaproxy, startHaproxy } from '../http/support/haproxy.ts'
import { eventually } from '../support/eventually.ts'
import { readSpool, type Row, type World } from '../support/gateway.ts'
import { openIntents } from '../support/trail.ts'

const FILE = 'deploy/haproxy/azureml-harness.cfg'
const DEBIANS = '/etc/haproxy/haproxy.cfg'
/** HAProxy's address, which the replicas believe; callers are 127.0.0.1. */
const PROXY = '127.0.0.2'
const WRITERS = 9
/** Calls of the load that each replica has had before one is killed, and each writer makes after that. */
const CALLS = 3
/** A job whose call Azure has, and has not answered, when the replica is killed. */
const UNDER_WAY = '/jobs/under-way'
const ENDPOINT = { location: 'westeurope', properties: { authMode: 'AADToken' } }
const skip = noHaproxy()
t.setTimeout(240_000)

let replicas: Replicas
let world: World
let victim: Gateway
/** HAProxy's, which is the gateway's public one. */
let url = ''
let publicPort = 0
t.before(async () => {
  if (skip !== false) return
  publicPort = await freePort()
  url = `https://localhost:${publicPort}`
  replicas = await startReplicas({
    container: 'reviews',
    count: 3,
    files: { 'release.cedar': RELEASE, 'owners.yaml': OWNERS },
    bindings: BINDINGS,
    change: (config) => ({
      ...config,
      listen: {
        ...config.listen,
        publicUrl: url,
        hosts: [`localhost:${config.listen.port}`],
        trustedProxies: { addresses: [PROXY], by: 'proxy-protocol' },
      },
    }),
  })
  ;({ world, replica: victim } = replicas)
})
t.teardown(() => replicas?.close())

const all = (): readonly Gateway[] => [world.gateway, ...replicas.others]
const spoolOf = ({ config }: Gateway): string => config.audit.spool.directory
const rowsOf = (gateway: Gateway): Promise<Row[]> => readSpool(spoolOf(gateway))
const atSink = (): readonly Row[] => world.lab.ingestion.rows()
const idsOf = (rows: readonly Row[]): Set<unknown> => new Set(rows.map((row) => row['ExchangeId']))
/** Ids of the calls that Azure saw, or of those of them that change something. */
const seen = (path = '', changes = false): string[] =>
  world.lab
    .requests()
    .filter(({ method, url: at }) => at.includes(path) && (!changes || method !== 'GET'))
    .map(({ headers }) => String(headers['x-ms-correlation-request-id']))
const variables = (): Record<string, string> => ({
  HARNESS_LISTEN: `127.0.0.1:${publicPort}`,
  HARNESS_HOST: 'localhost',
  HARNESS_CA: world.lab.certificates.caFile,
  HARNESS_FROM: PROXY,
  ...Object.fromEntries(
    all().map(({ port }, index) => [`HARNESS_REPLICA_${index}`, `127.0.0.1:${port}`]),
  ),
})

/** The published SDK, with the retries that it has by itself. */
function client(): AzureMachineLearningWorkspaces {
  const getToken = async () => ({
    token: await world.lab.token('scientist'),
    expiresOnTimestamp: Date.now() + 3_000_000,
  })
  return new AzureMachineLearningWorkspaces({ getToken }, SUBSCRIPTION, { endpoint: url })
}

interface Load {
  /** Names of the jobs whose call has succeeded. */
  readonly made: readonly string[]
  readonly failed: readonly unknown[]
  /** Resolves when each writer has ended its call, and `CALLS` after this. */
  readonly stop: () => Promise<void>
}

/** Writers that submit one job after the other. */
function startLoad(): Load {
  const made: string[] = []
  const failed: unknown[] = []
  let left = Infinity
  const writer = async (number: number): Promise<void> => {
    const { jobs } = client()
    const properties = { jobType: 'Command' as const, command: 'python a.py', environmentId: 'e:1' }
    for (let call = 0, after = 0; after < left; call += 1) {
      const name = `load-${number}-${call}`
      if (left < Infinity) after += 1
      await jobs
        .createOrUpdate(RESOURCE_GROUP, WORKSPACE, name, { properties })
        .then(() => made.push(name))
        .catch((error: unknown) => failed.push(error))
    }
  }
  const writers = Array.from({ length: WRITERS }, (_, number) => writer(number))
  return {
    made,
    failed,
    async stop() {
      left = CALLS
      await Promise.all(writers)
    },
  }
}

/** Leaves the sink without records until `end` is called: what a replica has, it alone has. */
async function sinkAway(): Promise<{ readonly end: () => Promise<unknown> }> {
  await world.fault('ingestion', { status: 503, times: 0 })
  return {
    end: () => fetch(`${world.lab.urls.ingestion}/_lab/faults`, { method: 'DELETE' }),
  }
}

t.test('the file is taken by HAProxy, alone and after the one of Debian', { skip }, (t) => {
  for (const files of [[FILE], ...(existsSync(DEBIANS) ? [[DEBIANS, FILE]] : [])]) {
    const { ok, said } = checkHaproxy(files, variables())
    t.ok(ok, said)
  }
  t.notOk(checkHaproxy([FILE], {}).ok, 'not without its variables')
  t.end()
})

t.test('one of three is killed under load', { skip, timeout: 200_000 }, async (t) => {
  startHaproxy(t, FILE, variables())
  const ready = async () => (await replicas.at(url, 'scientist', 'GET', '/_harness/whoami')).status
  await eventually('HAProxy passes calls on', async () => (await ready().catch(() => 0)) === 200)

  // what is begun at the replica that dies
  const release = `${W}/onlineEndpoints/released${V}`
  const { id } = reviewIn(await replicas.at(victim.url, 'scientist', 'PUT', release, ENDPOINT))
  const session = await signedIn({ lab: world.lab, url: victim.url }, 'scientist')
  t.equal((await session.get(HOME)).status, 200)
  const sink = await sinkAway()
  await world.fault('upstream', { match: { path: UNDER_WAY }, delayMs: 60_000 })
  const job = { properties: { jobType: 'Command' } }
  const underWay = replicas
    .at(victim.url, 'scientist', 'PUT', `${W}${UNDER_WAY}${V}`, job)
    .catch(() => 'cut')

  const load = startLoad()
  for (const one of all())
    await eventually('each replica has calls of the load', async () => {
      const rows = await rowsOf(one)
      return rows.filter((row) => row['RecordKind'] === 'authorized').length > CALLS
    })
  await eventually('Azure has the call that is under way', () => seen(UNDER_WAY).length > 0)
  t.match(await victim.kill(), { signal: 'SIGKILL' })
  t.equal(await underWay, 'cut')
  await load.stop()
  t.comment(`${load.made.length} jobs, Azure saw ${seen().length} calls`)
  t.same(load.failed, [], 'the SDK has tried again what was cut')
  const arrived = new Set(world.lab.requests().map(({ url: at }) => at.split(/[/?]/u).at(-2)))
  t.same(
    load.made.filter((name) => !arrived.has(name)),
    [],
    'what was answered was made',
  )

  // sessions and reviews
  const behind = personWith(session.cookies, url, world.lab.certificates.ca)
  const page = await behind.get(HOME)
  t.equal(page.status, 200)
  t.ok(page.text.includes('<h1>My access'), 'still signed in')
  const review = `/_harness/api/reviews/${id}`
  const { shownDigest } = (await replicas.at(url, 'reviewer', 'GET', review)).json() as {
    shownDigest: string
  }
  const verdict = { verdict: 'approve', shownDigest }
  t.equal((await replicas.at(url, 'reviewer', 'POST', `${review}/verdicts`, verdict)).status, 200)
  t.equal((await replicas.at(url, 'scientist', 'PUT', release, ENDPOINT)).status, 201)
  t.equal((await replicas.at(url, 'scientist', 'PUT', release, ENDPOINT)).status, 403, 'once')

  // records
  await sink.end()
  const living = all().filter((one) => one !== victim)
  await eventually('the living have shipped', async () => {
    const there = idsOf(atSink())
    const rows = (await Promise.all(living.map(rowsOf))).flat()
    return openIntents(rows).length === 0 && [...idsOf(rows)].every((one) => there.has(one))
  })
  const missing = seen().filter((one) => !idsOf(atSink()).has(one))
  const [cut = ''] = seen(UNDER_WAY)
  t.comment(`${missing.length} calls are known to the dead replica only`)
  t.ok(missing.includes(cut), 'the one that was under way is among them')
  const { status, err } = await start(
    ['audit', 'ship', spoolOf(victim), '--config', victim.configFile],
    world.lab.env,
  ).ended
  t.equal(status, 0, err)
  const rows = atSink()
  const without = (ids: readonly string[], kind?: string): string[] => {
    const found = idsOf(rows.filter((row) => kind === undefined || row['RecordKind'] === kind))
    return ids.filter((one) => !found.has(one))
  }
  t.same(without(seen()), [], 'each call that Azure saw has a record')
  t.same(without(seen('', true), 'authorized'), [], 'each change was on record before')
  t.same(without(seen('', true), 'completed'), [], 'and has its end')
  const end = rows.find((row) => row['ExchangeId'] === cut && row['RecordKind'] === 'completed')
  t.match(end, { Outcome: 'unknown' })
  t.notOk(
    rows.some((row) => row['SourceIp'] === PROXY),
    'no record takes HAProxy for its caller',
  )
})
