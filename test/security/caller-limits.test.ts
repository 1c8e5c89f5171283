/**
 * One caller does not cost the others their service: what each may hold, have under way and ask for in a second is
 * limited, and so is what is held for all.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as fc from 'fast-check'
import t from 'tap'
import { freePort } from '../../lab/server/free-port.ts'
import { workspaceId } from '../../lab/personas.ts'
import type { Fault } from '../../lab/server/faults.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { growth, NO_PROC } from '../support/memory.ts'
import { ownPolicies, type OwnPolicies } from '../support/policies.ts'
import { parseAnswer } from '../support/send.ts'
import { openIntents, parseMetrics, withMetrics } from '../support/trail.ts'
import { SHIPPED } from '../policy/support.ts'
import { hold, type Held } from './support/connection.ts'

const W = workspaceId()
const JOB = `${W}/jobs/j1?api-version=2024-04-01`
const MB = 1024 * 1024
const BODY = 200_000
const CONNECTIONS = 60
const LIMITS = {
  bodyBytes: MB,
  answerBytes: MB,
  heldBytesPerPrincipal: 2 * MB,
  heldBytes: 3 * MB,
  inFlightPerPrincipal: 100,
}
/** So many bodies have room. */
const OF_CALLER = Math.floor(LIMITS.heldBytesPerPrincipal / BODY)
const OF_ALL = Math.floor(LIMITS.heldBytes / BODY)

let world: World
let policies: OwnPolicies
let metricsPort: number
t.before(async () => {
  const guardrails = join(SHIPPED, 'examples', 'guardrails', 'guardrails.cedar')
  policies = await ownPolicies({ 'guardrails.cedar': await readFile(guardrails, 'utf8') })
  metricsPort = await freePort()
  world = await startGateway({
    gateway: {
      change: (config) => ({
        ...withMetrics(metricsPort)(policies.change(config)),
        limits: LIMITS,
      }),
    },
  })
})
t.teardown(async () => {
  await world.close()
  await policies.remove()
})

async function gauge(name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()
  return parseMetrics(text).get(`harness_${name}`) ?? NaN
}

/** Connections that announce a body of a job, send half of it, and wait. */
async function holdBodies(persona: string, count: number): Promise<Held[]> {
  const head = [
    `PUT ${JOB} HTTP/1.1`,
    `Host: ${new URL(world.url).host}`,
    `Authorization: Bearer ${await world.lab.token(persona)}`,
    'Content-Type: application/json',
    `Content-Length: ${BODY}`,
  ]
  const bytes = `${head.join('\r\n')}\r\n\r\n${'{"a":"'.padEnd(BODY / 2, 'x')}`
  return Promise.all(Array.from({ length: count }, () => hold(world, bytes)))
}

/** The answers of those that were refused, once there are so many. */
async function refusedOf(held: readonly Held[], count: number) {
  const texts = await eventually(`${count} are refused`, () => {
    const answered = held.map((one) => one.text()).filter((text) => text.endsWith('}'))
    return answered.length >= count && answered
  })
  return texts.map(parseAnswer)
}

async function get(persona: string): Promise<number> {
  const authorization = `Bearer ${await world.lab.token(persona)}`
  const path = `${W}/jobs?api-version=2024-04-01`
  return (await world.send(path, { headers: { authorization } })).status
}

/** Whether a job with an ordinary body is served. */
async function put(persona: string): Promise<boolean> {
  const answer = await world.send(JOB, {
    method: 'PUT',
    headers: {
      authorization: `Bearer ${await world.lab.token(persona)}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({
      properties: {
        jobType: 'Command',
        command: 'true',
        environmentId: 'azureml:e:1',
        computeId: 'cpu-cluster',
        limits: { jobLimitsType: 'Command', timeout: 'PT1H' },
        identity: { identityType: 'Managed' },
        resources: { instanceCount: 1 },
      },
    }),
  })
  return answer.status === 200 || answer.status === 201
}

t.beforeEach(async () => {
  await eventually('nothing is held', async () => (await gauge('held_bytes')) === 0)
  await eventually('nothing is in flight', async () => (await gauge('calls_in_flight')) === 0)
  await world.clear()
})

t.test('bodies of a caller without any access are not held at all', async (t) => {
  const held = await holdBodies('outsider', CONNECTIONS)
  const answers = await refusedOf(held, CONNECTIONS)
  t.ok(answers.every(({ status, code }) => status === 403 && code === 'policy_refused'))
  t.equal(await gauge('held_bytes'), 0)
  t.strictSame(world.lab.requests(), [], 'Azure saw nothing')
})

t.test('bodies of a caller with access are held up to its budget', { skip: NO_PROC }, async (t) => {
  let held: Held[] = []
  const grown = await growth(world.gateway.pid, async () => {
    held = await holdBodies('scientist', CONNECTIONS)
    const answers = await refusedOf(held, CONNECTIONS - OF_CALLER)
    t.equal(answers.length, CONNECTIONS - OF_CALLER)
    for (const answer of answers) {
      t.match(answer, { status: 429, code: 'too_many_requests' })
      t.equal(answer.headers['retry-after'], '1')
      const rows = await world.records(String(answer.headers['x-harness-decision-id']))
      t.match(rows, [{ RecordKind: 'refused', RefusalCode: 'too_many_requests', Status: 429 }])
      t.match(rows[0]?.['PrincipalId'], /^entra\//, 'whose it was')
    }
  })
  t.ok(grown < 64 * MB, `grew by ${grown} bytes`)
  t.equal(await gauge('held_bytes'), OF_CALLER * BODY)
  t.equal(await gauge('calls_in_flight'), OF_CALLER)
  t.strictSame(world.lab.requests(), [], 'Azure saw nothing')
  t.equal(await get('reader'), 200, 'another caller is served')
  t.ok(await put('service'), 'whose body has room')
  t.equal(await get('scientist'), 200, 'and what needs no room, too')
  t.ok(await put('scientist'))
  for (const one of held) one.reset()
  await eventually('all of it came back', async () => (await gauge('held_bytes')) === 0)
  t.ok(await put('scientist'))
})

t.test('bodies of all callers are held up to the budget in all', async (t) => {
  const first = await holdBodies('scientist', OF_CALLER)
  await eventually('they are held', async () => (await gauge('held_bytes')) === OF_CALLER * BODY)
  const second = await holdBodies('service', OF_CALLER)
  const left = OF_ALL - OF_CALLER
  for (const answer of await refusedOf(second, OF_CALLER - left)) {
    t.match(answer, { status: 503, code: 'overloaded' })
    t.equal(answer.headers['retry-after'], '2')
    const rows = await world.records(String(answer.headers['x-harness-decision-id']))
    t.match(rows, [{ RecordKind: 'refused', RefusalCode: 'overloaded', Status: 503 }])
  }
  t.equal(await gauge('held_bytes'), OF_ALL * BODY)
  t.equal(await get('reader'), 200, 'what needs no room is served')
  for (const one of [...first, ...second]) one.reset()
  await eventually('all of it came back', async () => (await gauge('held_bytes')) === 0)
  t.ok(await put('service'))
})

/** What is sent on a connection, whole or not. */
const SENT = {
  whole: (head: string) => `${head}Content-Length: 2\r\n\r\n{}`,
  half: (head: string) => `${head}Content-Length: ${BODY}\r\n\r\n{"a":`,
  'no JSON': (head: string) => `${head}Content-Length: 3\r\n\r\n{{{`,
  'a bad chunk': (head: string) => `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
  'too large': (head: string) =>
    `${head}Transfer-Encoding: chunked\r\n\r\n200000\r\n${'x'.repeat(2 * MB)}`,
  'two and a half': (head: string) =>
    [2, 2, 9].map((length) => `${head}Content-Length: ${length}\r\n\r\n{}`).join(''),
  'garbage behind': (head: string) => `${head}Content-Length: 2\r\n\r\n{}\0\0garbage`,
  'a read': (head: string) => `${head.replace('PUT', 'GET')}\r\n`,
  'a HEAD': (head: string) => `${head.replace('PUT', 'HEAD')}\r\n`,
}
/** When the caller goes away. */
const ENDS = ['at once', 'soon', 'when answered'] as const
/** What Azure does. */
const FAULTS: readonly Fault[] = [
  { delayMs: 50 },
  { reset: true },
  { reset: 'mid-body', body: 'x' },
  { status: 500 },
]

t.test('however a call ends, all that it took comes back', async (t) => {
  const tokens = new Map<string, string>()
  for (const persona of ['scientist', 'reader', 'outsider', 'service'])
    tokens.set(persona, await world.lab.token(persona))
  for (const fault of FAULTS) await world.fault('upstream', { ...fault, times: 20 })
  const calls = fc.sample(
    fc.tuple(
      fc.constantFrom(...tokens.values()),
      fc.constantFrom(...Object.values(SENT)),
      fc.constantFrom(...ENDS),
    ),
    240,
  )
  async function call([token, sent, end]: (typeof calls)[number]): Promise<void> {
    const head = [
      `PUT ${JOB} HTTP/1.1`,
      `Host: ${new URL(world.url).host}`,
      `Authorization: Bearer ${token}`,
      'Content-Type: application/json',
      '',
    ]
    const held = await hold(world, sent(head.join('\r\n')))
    if (end === 'soon') await new Promise((resolve) => setTimeout(resolve, 20))
    if (end === 'when answered')
      await Promise.race([
        held.closed,
        eventually('an answer', () => held.text().length > 0, 2_000).catch(() => undefined),
      ])
    held.reset()
    await held.closed
  }
  for (let at = 0; at < calls.length; at += 40)
    await Promise.all(calls.slice(at, at + 40).map(call))
  await eventually('nothing is in flight', async () => (await gauge('calls_in_flight')) === 0)
  t.equal(await gauge('held_bytes'), 0)
  t.equal(await gauge('callers_active'), 0)
  await eventually('every intent has its end', async () => {
    return openIntents(await world.allRecords()).length === 0
  })
  await fetch(`${world.lab.urls.upstream}/_lab/faults`, { method: 'DELETE' })
  t.ok(await put('scientist'), 'and the caller is served')
})
