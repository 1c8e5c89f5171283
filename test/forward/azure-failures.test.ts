/**
 * Azure refuses or fails with something that is no error as JSON: its status and its throttling headers reach the caller,
 * the body is the gateway's own in the form that the API's clients read, and the record tells the status.
 */
import t from 'tap'
import { gzipSync } from 'node:zlib'
import { AzureMachineLearningWorkspaces } from '@azure/arm-machinelearning'
import type { Fault } from '../../lab/server/faults.ts'
import {
  REGION,
  RESOURCE_GROUP,
  SUBSCRIPTION,
  TENANT,
  WORKSPACE,
  workspaceId,
} from '../../lab/personas.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies, type OwnPolicies } from '../support/policies.ts'
import type { Answer, Send } from '../support/send.ts'

const W = workspaceId()
const JOB = `${W}/jobs/j?api-version=2024-04-01`
const CANARY = 'canary'
const PAGE = `<html><head><title>${CANARY}</title></head><body><h1>nope</h1></body></html>`
const THROTTLING = {
  'retry-after': '7',
  'retry-after-ms': '7000',
  'x-ms-retry-after-ms': '7000',
  'x-ms-ratelimit-remaining-subscription-reads': '0',
  'x-ms-request-id': 'azures-own-id',
}

const PUT: Send = {
  method: 'PUT',
  headers: { 'content-type': 'application/json' },
  body: '{"properties":{"jobType":"Command"}}',
}
const SCORE: Send = { ...PUT, method: 'POST', body: '{}' }

interface Family {
  readonly part: 'upstream' | 'dataPlane' | 'scoring'
  readonly path: string
  readonly send: Send
}
const READ: Family = { part: 'upstream', path: JOB, send: {} }
const SCORING: Family = {
  part: 'scoring',
  path: `/_score/${SUBSCRIPTION}/${RESOURCE_GROUP}/${WORKSPACE}/ep/score`,
  send: SCORE,
}
const FAMILIES: Readonly<Record<string, Family>> = {
  'Resource Manager, a read': READ,
  'Resource Manager, a change': { part: 'upstream', path: JOB, send: PUT },
  'run history': {
    part: 'dataPlane',
    path: `/history/v1.0${W}/experiments/e/runs/r`,
    send: {},
  },
  MLflow: {
    part: 'dataPlane',
    path: `/mlflow/v1.0${W}/api/2.0/mlflow/experiments/search?max_results=1`,
    send: {},
  },
  scoring: SCORING,
}

const ERROR = JSON.stringify({ error: { code: 'Busy', message: CANARY.repeat(20) } })
const chunked = (text: string): string =>
  `Transfer-Encoding: chunked\r\n\r\n${text === '' ? '' : `${text.length.toString(16)}\r\n${text}\r\n`}0\r\n\r\n`
const whole = (text: string): string => `Content-Length: ${text.length}\r\n\r\n${text}`
const type = (name: string): string => `Content-Type: ${name}\r\n`
const JSON_TYPE = type('application/json; charset=utf-8')

/** What comes behind the status line and the throttling headers. */
const BODIES: Readonly<Record<string, string>> = {
  nothing: whole(''),
  'nothing as JSON': `${JSON_TYPE}${whole('')}`,
  'nothing in chunks': chunked(''),
  'a page': `${type('text/html')}${whole(PAGE)}`,
  'a page in chunks': `${type('text/html')}${chunked(PAGE)}`,
  'a long page': `${type('text/html')}${whole(PAGE.padEnd(200_000, ' '))}`,
  'a page as JSON': `${JSON_TYPE}${whole(PAGE)}`,
  'a page without a type': whole(PAGE),
  'a page with two types': `${type('text/html')}${JSON_TYPE}${whole(PAGE)}`,
  'half an error': `${JSON_TYPE}${whole(ERROR.slice(0, 40))}`,
  'half an error in chunks': `${JSON_TYPE}${chunked(ERROR.slice(0, 40))}`,
  'an error that breaks off': `${JSON_TYPE}Content-Length: ${ERROR.length}\r\n\r\n${ERROR.slice(0, 40)}`,
  'an error that breaks off in chunks': `${JSON_TYPE}Transfer-Encoding: chunked\r\n\r\n${ERROR.length.toString(16)}\r\n${ERROR.slice(0, 40)}`,
}
/** Of an endpoint these are a model's own answer, unless it failed. */
const TEXTS: Readonly<Record<string, string>> = {
  text: `${type('text/plain')}${whole(CANARY)}`,
  XML: `${type('application/xml')}${whole(`<e>${CANARY}</e>`)}`,
  bytes: `${type('application/octet-stream')}${whole(CANARY)}`,
}
/** A model's own answer, too: its caller asked for the coding. */
const COMPRESSED: Readonly<Record<string, string>> = {
  'compressed JSON': `${JSON_TYPE}Content-Encoding: gzip\r\n${whole(gzipSync(ERROR).toString('latin1'))}`,
}

const STATUSES = [400, 404, 405, 408, 409, 412, 413, 422, 424, 428, 429, 500, 501, 502, 503, 504]

/** The lab binds nobody to the template of those who score. */
const CALLER = `
  - id: scientist-scores
    template: endpoint-caller
    principal: User::"entra/${TENANT}/44444444-4444-4444-8444-444444444401"
    resource: Workspace::"${W.toLowerCase()}"
`

let world: World
let policies: OwnPolicies
let authorization: string
t.before(async () => {
  policies = await ownPolicies({}, CALLER)
  world = await startGateway({ gateway: { change: policies.change } })
  authorization = `Bearer ${await world.lab.token('scientist')}`
  const getToken = async () => ({
    token: await world.lab.token('scientist'),
    expiresOnTimestamp: Date.now() + 3_000_000,
  })
  const client = new AzureMachineLearningWorkspaces({ getToken }, SUBSCRIPTION, {
    endpoint: world.url,
  })
  const endpoint = { location: REGION, properties: { authMode: 'AADToken' } }
  const soon = { updateIntervalInMs: 1 }
  await client.onlineEndpoints.beginCreateOrUpdateAndWait(
    RESOURCE_GROUP,
    WORKSPACE,
    'ep',
    endpoint,
    soon,
  )
})
t.teardown(async () => {
  await world.close()
  await policies.remove()
})

async function ask({ part, path, send }: Family, fault: Fault): Promise<Answer> {
  await world.fault(part, {
    match: { path: path.split('?')[0]?.split('/').at(-1) ?? '' },
    ...fault,
  })
  return world.send(path, { ...send, headers: { authorization, ...send.headers } })
}

function answerOf(status: number, rest: string): string {
  const headers = Object.entries(THROTTLING).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} Whatever\r\n${headers.join('')}${rest}`
}

/** MLflow's clients know only the codes of its own table. */
const MLFLOW_CODES: ReadonlyMap<number, string> = new Map([
  [404, 'ENDPOINT_NOT_FOUND'],
  [429, 'REQUEST_LIMIT_EXCEEDED'],
  [503, 'TEMPORARILY_UNAVAILABLE'],
])

function codeIn(name: string, status: number): string {
  if (name !== 'MLflow') return 'upstream_bad_answer'
  return MLFLOW_CODES.get(status) ?? (status < 500 ? 'BAD_REQUEST' : 'INTERNAL_ERROR')
}

/** Of each answer, by its decision: what its record has to say. */
const answered = new Map<string, number>()

for (const [name, family] of Object.entries(FAMILIES)) {
  for (const status of STATUSES) {
    const isScoring = name === 'scoring'
    const bodies = Object.entries({
      ...BODIES,
      ...(isScoring && status < 500 ? {} : TEXTS),
      ...(isScoring ? {} : COMPRESSED),
    })
    t.test(`${name}: azure answers ${status} with anything but an error as JSON`, async (t) => {
      for (const [body, rest] of bodies) {
        const answer = await ask(family, { raw: answerOf(status, rest) })
        const { headers, text } = answer
        const wrong = [
          answer.status === status ? '' : `status ${answer.status}`,
          ...Object.entries(THROTTLING).map(([header, value]) =>
            headers[header] === value ? '' : header,
          ),
          headers['content-encoding'] === undefined ? '' : 'content-encoding',
          answer.code === codeIn(name, status) ? '' : `code ${answer.code}`,
          text.includes(`azure answered the call with ${status}`) ? '' : 'message',
          text.includes(CANARY) ? 'canary' : '',
        ].filter((what) => what !== '')
        t.same(wrong, [], `${body}: ${text}`)
        answered.set(String(headers['x-harness-decision-id']), status)
      }
    })
  }
}

t.test('each of these has a record that says its status', async (t) => {
  const records = await eventually('the last record', async () => {
    const last = (await world.allRecords()).filter((row) => row['RecordKind'] === 'completed')
    const mine = last.filter((row) => answered.has(String(row['ExchangeId'])))
    return mine.length === answered.size && mine
  })
  t.same(
    records.filter((row) => {
      const status = answered.get(String(row['ExchangeId']))
      const told = row['Status'] === status && row['UpstreamStatus'] === status
      return !told || row['RefusalCode'] !== 'upstream_bad_answer' || row['Outcome'] !== 'failed'
    }),
    [],
  )
})

t.test('an error as JSON keeps its code, whatever type it says', async (t) => {
  const text = '{"error":{"code":"ServerBusy","message":"slow down"}}'
  for (const [name, rest] of Object.entries({
    'text/plain': `${type('text/plain')}${whole(text)}`,
    'with a byte order mark': `${JSON_TYPE}${whole(`\xEF\xBB\xBF${text}`)}`,
    'with a link that leads elsewhere': `${JSON_TYPE}Location: https://evil.example/\r\n${whole(text)}`,
    'with a header twice': `${JSON_TYPE}Retry-After: 9\r\n${whole(text)}`,
  })) {
    const answer = await ask(READ, { raw: answerOf(503, rest) })
    t.equal(answer.status, 503, name)
    t.equal(answer.code, 'ServerBusy', name)
    t.equal(answer.headers['x-ms-retry-after-ms'], '7000', name)
    t.notMatch(JSON.stringify(answer.headers), 'evil', name)
  }
})

t.test("a model's own words pass as they are", async (t) => {
  for (const [name, rest] of Object.entries(TEXTS)) {
    const answer = await ask(SCORING, { raw: answerOf(424, rest) })
    t.equal(answer.status, 424, name)
    t.match(answer.text, CANARY, name)
    t.match(answer.headers, THROTTLING, name)
  }
})

t.test('HEAD has the status and the throttling', async (t) => {
  for (const status of STATUSES) {
    const head = { ...READ, send: { method: 'HEAD' } }
    const answer = await ask(head, { raw: answerOf(status, 'Content-Length: 9\r\n\r\n') })
    t.equal(answer.status, status)
    t.match(answer.headers, THROTTLING)
  }
})

t.test("azure's no to the identity says when to try again, and nothing else", async (t) => {
  const answer = await ask(READ, { raw: answerOf(403, BODIES['a page'] ?? '') })
  t.equal(answer.status, 403)
  t.equal(answer.code, 'upstream_forbidden')
  t.match(answer.headers, THROTTLING)
  t.notMatch(answer.text, CANARY)
})

t.test('what the gateway asks before a call may fail in the same way', async (t) => {
  for (const status of [429, 500, 503, 504]) {
    // an endpoint that nobody has called yet: its document is asked of Resource Manager
    const path = `/_score/${SUBSCRIPTION}/${RESOURCE_GROUP}/${WORKSPACE}/new-${status}/score`
    const raw = answerOf(status, BODIES['a page'] ?? '')
    await world.fault('upstream', { match: { path: `new-${status}` }, raw })
    const answer = await world.send(path, {
      ...SCORE,
      headers: { authorization, ...SCORE.headers },
    })
    t.equal(answer.status, status, answer.text)
    t.equal(answer.code, 'upstream_bad_answer')
    t.match(answer.headers, THROTTLING)
    t.match((await world.settled(answer)).at(-1), {
      RefusalCode: 'upstream_bad_answer',
      Status: status,
    })
  }
})
