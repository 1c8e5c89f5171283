/**
 * A thousand people at once whose tokens had no room for their groups: Graph is asked about a hundred of them at a time,
 * the others wait their turn or are told to come again, and nobody is ever taken for somebody else.
 */
import { randomUUID } from 'node:crypto'
import { Agent } from 'node:https'
import t from 'tap'
import { withGraph } from '../../lab/gateway/harness-config.ts'
import type { Entry } from '../../lab/server/journal.ts'
import { PERSONAS, TENANT, workspaceId } from '../../lab/personas.ts'
import { overageToken } from '../support/entra-token.ts'
import { startGateway, type World } from '../support/gateway.ts'
import type { Answer } from '../support/send.ts'

t.setTimeout(300_000)
const PEOPLE = 1_000
/** MAX_IN_FLIGHT in src/lib/guard.ts */
const AT_ONCE = 100
/** Connections of those who wait for Graph, and of one who does not. */
const CONNECTIONS = 400
const GRAPH_MS = 250
const JOBS = `${workspaceId()}/jobs?api-version=2024-04-01`
const scientist = PERSONAS.get('scientist')
const SCIENTISTS = scientist?.kind === 'entra-user' ? scientist.groups : []
const OTHERS = [randomUUID()]

interface Person {
  readonly oid: string
  readonly token: string
  /** Whether Graph says that they are one of those who may. */
  readonly may: boolean
}

const world: World = await startGateway({
  gateway: (lab) => ({
    change: (config) => ({
      ...withGraph(lab)(config),
      // a thousand at once on a busy machine are to be counted, not to be timed
      limits: { issuerTimeoutMs: 20_000, tokenTimeoutMs: 20_000, headersTimeoutMs: 60_000 },
    }),
  }),
})
t.teardown(() => world.close())
const { lab } = world
const agent = new Agent({ ca: lab.certificates.ca, keepAlive: true, maxSockets: PEOPLE })
t.teardown(() => agent.destroy())

const get = (token: string, through = agent): Promise<Answer> =>
  world.send(JOBS, { headers: { authorization: `Bearer ${token}` }, agent: through })
const lookups = (): readonly Entry[] =>
  (lab.parts.get('graph')?.journal.entries() ?? []).filter(({ url }) => /MemberGroups/.test(url))

/** So many people; every second of them is a scientist. */
async function people(count: number): Promise<Person[]> {
  const made = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const oid = randomUUID()
      return { oid, token: await overageToken(lab, oid), may: i % 2 === 0 }
    }),
  )
  const groups = made.map(({ oid, may }) => [oid, may ? SCIENTISTS : OTHERS])
  const body = JSON.stringify(Object.fromEntries(groups))
  await fetch(`${lab.urls.graph}/_lab/groups`, { method: 'POST', body })
  return made
}

/** Statuses of somebody whose groups are known, asking on and on beside all the others. */
async function beside(token: string, work: Promise<unknown>): Promise<number[]> {
  const own = new Agent({ ca: lab.certificates.ca, keepAlive: true, maxSockets: 1 })
  const others = new AbortController()
  void work.finally(() => others.abort()).catch(() => undefined)
  const statuses: number[] = []
  while (!others.signal.aborted) statuses.push((await get(token, own)).status)
  own.destroy()
  return statuses
}

void t.test(`${PEOPLE} people at once`, async (test) => {
  const [known, ...all] = await people(PEOPLE + 1)
  test.equal((await get(known?.token ?? '')).status, 200, 'somebody is known already')
  const connections = Array.from({ length: CONNECTIONS }, () =>
    world.send('/_harness/livez', { agent }),
  )
  await Promise.all(connections)
  const before = lookups().length
  lab.parts.get('graph')?.faults.add({ times: 0, delayMs: GRAPH_MS })
  const asking = Promise.all(all.map(({ token }) => get(token)))
  const served = await beside(known?.token ?? '', asking)
  const answers = await asking
  lab.parts.get('graph')?.faults.clear()

  const wrong = all.filter(({ may }, i) => answers[i]?.status !== (may ? 200 : 403))
  test.same(
    wrong.map(({ oid }) => answers[all.findIndex((one) => one.oid === oid)]?.text).slice(0, 3),
    [],
    'each has the answer that their own groups give',
  )
  test.ok(served.length > 1 && served.every((status) => status === 200), 'who is known is served')
  const made = lookups().slice(before)
  test.equal(made.length, PEOPLE, 'graph is asked once about each')
  const arrivals = made.map(({ time }) => Date.parse(time)).sort((a, b) => a - b)
  // each call is at Graph for GRAPH_MS: calls that came within that time were there together
  const together = arrivals.map(
    (at, i) => arrivals.slice(0, i + 1).filter((other) => at - other < GRAPH_MS - 10).length,
  )
  test.ok(Math.max(...together) <= AT_ONCE, `${Math.max(...together)} calls at once`)

  const rows = await world.allRecords()
  const permitted = new Set(
    rows.filter((row) => row['RecordKind'] === 'authorized').map((row) => row['PrincipalId']),
  )
  const scientists = [known, ...all].filter((one) => one?.may === true)
  test.same(
    permitted,
    new Set(scientists.map((one) => `entra/${TENANT}/${one?.oid}`)),
    'nobody is taken for somebody else',
  )
  test.comment(`${Math.max(...together)} at once, ${served.length} calls beside them`)
})

void t.test(`${PEOPLE} people at once while Graph does not answer`, async (test) => {
  const [known, ...all] = await people(PEOPLE + 1)
  test.equal((await get(known?.token ?? '')).status, 200)
  const before = lookups().length
  // as after the 20 s time-out: calls under way break off
  lab.parts.get('graph')?.faults.add({ times: 0, delayMs: GRAPH_MS, reset: true })
  const asking = Promise.all(all.map(({ token }) => get(token)))
  const served = await beside(known?.token ?? '', asking)
  const answers = await asking
  lab.parts.get('graph')?.faults.clear()
  test.same(
    [...new Set(answers.map(({ status, code }) => `${status} ${code}`))],
    ['503 graph_unavailable'],
    'all are told to come again',
  )
  test.ok(
    answers.every(({ headers }) => /^([1-9]|[12]\d|30)$/.test(headers['retry-after'] ?? '')),
    'and when',
  )
  test.ok(served.length > 1 && served.every((status) => status === 200), 'who is known is served')
  const made = lookups().length - before
  test.ok(made <= AT_ONCE + 2, `${made} calls for ${PEOPLE} people`)
  const ids = new Set(answers.map(({ headers }) => headers['x-harness-decision-id']))
  const rows = (await world.allRecords()).filter((row) => ids.has(String(row['ExchangeId'])))
  test.equal(rows.length, PEOPLE)
  test.ok(
    rows.every((row) => row['RecordKind'] === 'refused'),
    'nobody without groups goes on',
  )
  test.ok(
    rows.some((row) => String(row['RefusalDetail']).includes('backing off')),
    'the record says who was not asked about, and why',
  )
})
