/**
 * A policy of Azure's wants changes to be evaluated: the gateway gets the policy token for the bytes that it has sent, and
 * sends them once more. Whatever comes of it, the caller is answered by Azure and the record shows both attempts.
 */
import t, { type Test } from 'tap'
import { connect, type TLSSocket } from 'node:tls'
import { AzureMachineLearningWorkspaces } from '@azure/arm-machinelearning'
import type { Entry } from '../../lab/server/journal.ts'
import { RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE, workspaceId } from '../../lab/personas.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway, type Row, type World } from '../support/gateway.ts'
import type { Answer } from '../support/send.ts'

const W = workspaceId()
const V = '?api-version=2024-04-01'
const HEADER = 'x-ms-policy-external-evaluations'
const CANARY = 'PoP of-the-caller'
const JOB = '{ "properties": {"jobType":"Command", "displayName":"x" , "parameters":{"a": 1.0}} }'

let world: World
let authorization: string
t.before(async () => {
  world = await startGateway({
    gateway: {
      change: (config) => ({ ...config, limits: { ...config.limits, upstreamTimeoutMs: 4_000 } }),
    },
  })
  authorization = `Bearer ${await world.lab.token('scientist')}`
})
t.teardown(() => world.close())
t.beforeEach(async () => {
  await world.clear()
  world.lab.evaluation.assign(null)
})
t.setTimeout(120_000)

const put = async (path: string, body: string | Buffer, headers = {}): Promise<Answer> =>
  world.send(path, {
    method: 'PUT',
    headers: { authorization, 'content-type': 'application/json', [HEADER]: CANARY, ...headers },
    body,
  })
const job = (name: string): string => `${W}/jobs/${name}${V}`
/** What reached Azure besides reads. */
const changes = (): readonly Entry[] =>
  world.lab.requests().filter(({ method, url }) => method !== 'GET' && !isQuestion(url))
const questions = (): readonly Entry[] => world.lab.requests().filter(({ url }) => isQuestion(url))
const isQuestion = (url: string): boolean => url.includes('acquirePolicyToken')

/** Tokens are in no record, log or answer. */
async function isNowhere(t: Test, rows: readonly Row[], ...texts: readonly string[]) {
  const everything = [JSON.stringify(rows), world.gateway.logs(), ...texts].join('\n')
  for (const token of world.lab.evaluation.tokens())
    t.notOk(everything.includes(token.slice('PoP '.length)), 'the token is nowhere')
}

t.test('the change is sent again with the token, byte for byte, as one request', async (t) => {
  world.lab.evaluation.assign({ match: '/jobs/evaluated' })
  const answer = await put(job('evaluated'), JOB)
  t.equal(answer.status, 201, answer.text)
  const [first, second, ...more] = changes()
  t.same(more, [], 'once more and not oftener')
  t.equal(first?.headers[HEADER], undefined, "the caller's own token never passes")
  t.equal(second?.headers[HEADER], world.lab.evaluation.tokens().at(-1))
  t.equal(second?.bodySha256, first?.bodySha256)
  t.equal(second?.url, first?.url)
  const [question] = questions()
  t.equal(question?.claims?.['oid'], first?.claims?.['oid'], 'under the identity of the call')
  t.match(JSON.parse(question?.body ?? ''), {
    operation: { uri: `${world.lab.urls.upstream}${first?.url}`, httpMethod: 'PUT' },
  })
  t.ok(question?.body?.includes(`"content":${first?.body}`), 'for the bytes that were sent')

  const rows = await world.settled(answer)
  t.match(
    rows.map(({ RecordKind, Status, UpstreamStatus }) => [RecordKind, Status, UpstreamStatus]),
    [
      ['authorized', undefined, undefined],
      ['completed', 201, 201],
    ],
  )
  t.match(rows.at(-1), {
    Outcome: 'success',
    PolicyToken: {
      outcome: 'sent',
      firstStatus: 403,
      firstRequestIds: { 'x-ms-request-id': String },
    },
  })
  await isNowhere(t, rows, answer.text, JSON.stringify(answer.headers))
})

t.test('the published JavaScript client notices nothing', async (t) => {
  world.lab.evaluation.assign({ match: '/jobs/by-sdk', polls: 2 })
  const getToken = async () => ({
    token: await world.lab.token('scientist'),
    expiresOnTimestamp: Date.now() + 3_000_000,
  })
  const client = new AzureMachineLearningWorkspaces({ getToken }, SUBSCRIPTION, {
    endpoint: world.url,
  })
  const created = await client.jobs.createOrUpdate(RESOURCE_GROUP, WORKSPACE, 'by-sdk', {
    properties: { jobType: 'Command', command: 'true', environmentId: 'azureml:e:1' },
  })
  t.equal(created.name, 'by-sdk')
  t.equal(changes().length, 2)
  t.equal(world.lab.requests().filter(({ url }) => url.includes('policyTokenResults')).length, 2)
})

t.test('a call without a body, and one in chunks', async (t) => {
  await put(job('leaves'), JOB)
  world.lab.evaluation.assign({ match: '/jobs/' })
  await world.clear()
  const gone = await world.send(job('leaves'), { method: 'DELETE', headers: { authorization } })
  t.equal(gone.status, 202, gone.text)
  t.notMatch(questions()[0]?.body, /content/)
  t.equal(changes().length, 2)
  await world.clear()
  const chunked = await put(job('chunks'), JOB, { 'transfer-encoding': 'chunked' })
  t.equal(chunked.status, 201, chunked.text)
  const [first, second] = changes()
  t.equal(first?.bodySha256, second?.bodySha256)
})

t.test('what is not permitted is not asked for', async (t) => {
  world.lab.evaluation.assign({ match: '/jobs/' })
  const reader = `Bearer ${await world.lab.token('reader')}`
  t.equal((await put(job('refused'), JOB, { authorization: reader })).status, 403)
  t.same(world.lab.requests(), [])
})

t.test('a policy that refuses without a token to be had is passed on as it is', async (t) => {
  const error = { code: 'RequestDisallowedByPolicy', message: 'no GPUs' }
  await world.fault('upstream', { match: { path: '/jobs/' }, status: 403, body: { error } })
  const answer = await put(job('plain'), JOB)
  t.equal(answer.status, 403)
  t.same(answer.json(), { error })
  t.equal(changes().length, 1)
  t.same(questions(), [])
})

const refusedBy: Readonly<Record<string, [object, RegExp]>> = {
  'an evaluation against it': [{ against: 'tails' }, /azure evaluated: .*tails/],
  'a reference of a change': [{ changeReference: true }, /reference of a change/],
  'a token that is not accepted': [{ acceptsNone: true }, /did not accept it/],
  'a place elsewhere': [{ polls: 1, elsewhere: 'https://elsewhere.example' }, /not its own/],
}
for (const [name, [policy, words]] of Object.entries(refusedBy)) {
  t.test(`Azure's own refusal with a hint: ${name}`, async (t) => {
    world.lab.evaluation.assign({ match: '/jobs/', ...policy })
    const answer = await put(job('hint'), JOB)
    t.equal(answer.status, 403, answer.text)
    t.equal(answer.code, 'RequestDisallowedByPolicy')
    t.match((answer.json() as { error: { message: string } }).error.message, words)
    t.equal(changes().length, 'acceptsNone' in policy ? 2 : 1)
    const rows = await world.settled(answer)
    t.equal(rows.length, 2)
    t.match(rows.at(-1), {
      Outcome: 'failed',
      Status: 403,
      UpstreamStatus: 403,
      PolicyToken: { outcome: 'acceptsNone' in policy ? 'sent' : 'none', firstStatus: 403 },
    })
    await isNowhere(t, rows, answer.text)
  })
}

const unanswered: Readonly<Record<string, [object, RegExp]>> = {
  'a refusal': [{ status: 403, body: { error: { code: 'AuthorizationFailed' } } }, /answered 403/],
  'a failure': [{ status: 500, body: 'oops' }, /answered 500/],
  throttling: [{ status: 429, headers: { 'retry-after': '7' } }, /answered 429/],
  'a page': [{ status: 200, body: '<html>' }, /gave no policy token/],
  'a token that is no header': [
    { status: 200, body: { result: 'Succeeded', token: 'PoP a\r\nx-evil: 1' } },
    /gave no policy token/,
  ],
  'an end': [{ reset: true }, /could not be asked/],
  silence: [{ hang: true }, /not evaluated in time/],
  'an answer without end': [
    { raw: 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{"result":', hold: true },
    /not evaluated in time/,
  ],
}
for (const [name, [fault, words]] of Object.entries(unanswered)) {
  t.test(`the question is answered by ${name}`, async (t) => {
    world.lab.evaluation.assign({ match: '/jobs/' })
    await world.fault('upstream', { match: { path: 'acquirePolicyToken' }, ...fault })
    const answer = await put(job('unanswered'), JOB)
    t.equal(answer.status, 403, answer.text)
    t.equal(answer.code, 'RequestDisallowedByPolicy')
    t.match((answer.json() as { error: { message: string } }).error.message, words)
    t.equal(changes().length, 1)
  })
}

t.test(
  'the second attempt fails: Azure is passed on, without the token, and never a third',
  async (t) => {
    for (const status of [400, 409, 429, 500]) {
      await world.clear()
      world.lab.evaluation.assign({ match: '/jobs/', fails: status })
      const answer = await put(job('second'), JOB)
      t.equal(answer.status, status, answer.text)
      t.match(answer.text, 'with PoP (hidden)')
      t.equal(changes().length, 2)
      await isNowhere(t, await world.settled(answer), answer.text)
    }
  },
)

t.test('a body of 300 KB is held and sent again whole', async (t) => {
  world.lab.evaluation.assign({ match: '/models/' })
  const long = JSON.stringify({ properties: { description: 'x'.repeat(300_000) } })
  t.equal((await put(`${W}/models/long${V}`, long)).status, 201)
  const [first, second] = changes()
  t.ok((first?.bodyBytes ?? 0) > 300_000)
  t.equal(first?.bodySha256, second?.bodySha256)
})

t.test('a caller who leaves while the token is asked for: nothing is sent again', async (t) => {
  world.lab.evaluation.assign({ match: '/jobs/left' })
  await world.fault('upstream', { match: { path: 'acquirePolicyToken' }, delayMs: 1_500 })
  const socket = await raw(`PUT ${job('left')}`)
  await eventually('the token is asked for', () => questions().length === 1)
  socket.destroy()
  const rows = await eventually('the record', async () => {
    const all = await world.allRecords()
    const of = all.filter((row) => String(row['TargetResourceId']).endsWith('/left'))
    return of.length === 2 && of
  })
  t.match(rows.at(-1), {
    RecordKind: 'completed',
    Outcome: 'client_abort',
    UpstreamStatus: 403,
    PolicyToken: { outcome: 'asked', firstStatus: 403 },
  })
  // a later change passes the one that was left, if that were sent
  t.equal((await put(job('later'), JOB)).status, 201)
  t.equal(changes().filter(({ url }) => url.includes('/left')).length, 1)
})

t.test(
  'a caller who leaves while it is sent again: Azure makes it, and the record says so',
  async (t) => {
    world.lab.evaluation.assign({ match: '/jobs/late' })
    await world.fault('upstream', { match: { path: '/jobs/late' }, skip: 1, delayMs: 700 })
    const socket = await raw(`PUT ${job('late')}`)
    await eventually('it is sent again', () => changes().length === 2)
    socket.destroy()
    const rows = await eventually('the record', async () => {
      const all = await world.allRecords()
      const of = all.filter((row) => String(row['TargetResourceId']).endsWith('/late'))
      return of.length === 2 && of
    })
    t.match(rows.at(-1), {
      Outcome: 'client_abort',
      UpstreamStatus: 201,
      PolicyToken: { outcome: 'sent' },
    })
  },
)

/** A call on a connection of its own, whose answer nobody reads. */
async function raw(line: string): Promise<TLSSocket> {
  const { hostname, port } = new URL(world.url)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const ca = world.lab.certificates.ca
  const socket = connect({ host: hostname, port: Number(port), ca, servername: hostname }, resolve)
  socket.once('error', reject)
  await promise
  socket.write(
    `${line} HTTP/1.1\r\nhost: localhost:${port}\r\nauthorization: ${authorization}\r\ncontent-type: application/json\r\ncontent-length: ${JOB.length}\r\n\r\n${JOB}`,
  )
  return socket
}
