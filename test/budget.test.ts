/**
 * What one warm call may make and do: a budget that does not depend on time. Each figure is a count over many calls, so
 * that what the gateway does besides (timers, shipping, looks at files) adds a fraction; the least of some rounds counts,
 * because a machine that is busy has more of that for each call, and compiles later, before which V8 allocates more.
 * Rounds end as soon as the budget holds. Two promises or a hash more on the way of each call
 * exceed it.
 */
import { Agent } from 'undici'
import t from 'tap'
import { workspaceId } from '../lab/personas.ts'
import { countsOf, type Counts } from './support/counting.ts'
import { startGateway } from './support/gateway.ts'

const CALLS = 600
const MOST_ROUNDS = 10
const CONNECTIONS = 20
const PATH = `${workspaceId()}/jobs/budget?api-version=2024-04-01`
const JOB = JSON.stringify({
  properties: {
    jobType: 'Command',
    command: 'python train.py',
    environmentId: 'azureml:train:1',
    computeId: `${workspaceId()}/computes/cpu`,
  },
})

/** At most so many for one call. */
type Budget = Readonly<Record<keyof Counts, number>>

const GET: Budget = {
  // those of timers and of the group commit are shared by the calls at that moment
  promises: 7,
  timers: 0.2,
  // requests leave together with those of the same turn of the event loop
  immediates: 0.5,
  files: 0.2,
  hashes: 0.2,
  allTimers: 3,
  allTicks: 3,
  undici: 0,
  allocated: 40_000,
  survived: 1_500,
}
/** Its body is read, hashed as it came and as it is sent, and its parameters are. */
const PUT: Budget = { ...GET, promises: 9.3, hashes: 3.2, allocated: 86_000 }

t.setTimeout(240_000)

const world = await startGateway({
  gateway: {
    execArgv: ['--import', new URL('support/counting.ts', import.meta.url).href],
    change: (config) => ({
      ...config,
      // one caller makes all calls
      limits: { requestsPerSecondPerPrincipal: 100_000, burstPerPrincipal: 100_000 },
    }),
  },
})
t.teardown(() => world.close())
const agent = new Agent({
  connections: CONNECTIONS,
  connect: { ca: world.lab.certificates.ca },
})
t.teardown(() => agent.close())
const token = await world.lab.token('scientist')

async function call(method: 'GET' | 'PUT', count: number): Promise<void> {
  let left = count
  const caller = async (): Promise<void> => {
    while (left-- > 0) {
      const { statusCode, body } = await agent.request({
        origin: world.url,
        path: PATH,
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(method === 'PUT' ? { 'content-type': 'application/json' } : {}),
        },
        body: method === 'PUT' ? JOB : null,
      })
      const text = await body.text()
      if (statusCode >= 300) throw new Error(`${method} answered ${statusCode}: ${text}`)
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, caller))
}

/** Each figure for one of many calls: the least of rounds until all are within the budget. */
async function measured(method: 'GET' | 'PUT', budget: Budget): Promise<Counts> {
  await call(method, CALLS)
  let least = await counted(method)
  for (let round = 1; round < MOST_ROUNDS && !isWithin(least, budget); round++) {
    const next = await counted(method)
    const names = Object.keys(least) as (keyof Counts)[]
    least = Object.fromEntries(
      names.map((name) => [name, Math.min(least[name], next[name])]),
    ) as unknown as Counts
  }
  return least
}

const isWithin = (counts: Counts, budget: Budget): boolean =>
  Object.entries(budget).every(([name, most]) => counts[name as keyof Counts] <= most)

/** Requests that the lab's Azure has had of a method. */
const reached = (method: 'GET' | 'PUT'): number =>
  world.lab.requests().filter((entry) => entry.method === method && entry.url === PATH).length

async function counted(method: 'GET' | 'PUT'): Promise<Counts> {
  const reachedBefore = reached(method)
  const before = await countsOf(world.gateway)
  await call(method, CALLS)
  const after = await countsOf(world.gateway)
  await call(method, CALLS)
  const { allocated } = await countsOf(world.gateway)
  await call(method, CALLS)
  const { survived } = await countsOf(world.gateway)
  t.equal(reached(method) - reachedBefore, 3 * CALLS, 'every call reached Azure, and once')
  const names = Object.keys(after) as (keyof Counts)[]
  const each = names.map((name) => [name, (after[name] - before[name]) / CALLS])
  const counted = Object.fromEntries(each) as unknown as Counts
  return { ...counted, allocated: allocated / CALLS, survived: survived / CALLS }
}

for (const [method, budget] of [
  ['PUT', PUT],
  ['GET', GET],
] as const) {
  t.test(`a warm ${method} keeps within its budget`, async (t) => {
    const counts = await measured(method, budget)
    t.comment(JSON.stringify(counts))
    for (const [name, most] of Object.entries(budget)) {
      const made = counts[name as keyof Counts]
      t.ok(made <= most, `${name}: ${made.toFixed(2)} of ${most}`)
    }
  })
}
