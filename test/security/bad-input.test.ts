/**
 * Bad input over a real socket: each with its own status and code, nothing forwarded, each with its record.
 */
import t from 'tap'
import { startGateway, type World } from '../support/gateway.ts'
import type { Send } from '../support/send.ts'
import { workspaceId } from '../../lab/personas.ts'

let world: World
let good: string
t.before(async () => {
  world = await startGateway()
  good = await world.lab.token('scientist')
})
t.teardown(() => world.close())

const W = workspaceId()
const JOBS = `${W}/jobs?api-version=2024-04-01`
const bearer = (token: string): Send => ({ headers: { authorization: `Bearer ${token}` } })
const seconds = (): number => Math.floor(Date.now() / 1000)
const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

interface Case {
  name: string
  path?: string
  send: () => Promise<Send> | Send
  status: number
  code: string
}

const cases: Case[] = [
  { name: 'no token', send: () => ({}), status: 401, code: 'missing_token' },
  {
    name: 'a token of another scheme',
    send: () => ({ headers: { authorization: 'Basic dTpw' } }),
    status: 401,
    code: 'missing_token',
  },
  {
    name: 'two tokens',
    send: () => ({ headers: { authorization: [`Bearer ${good}`, `Bearer ${good}`] } }),
    status: 400,
    code: 'invalid_request',
  },
  {
    name: 'an expired token',
    send: async () =>
      bearer(
        await world.lab.token('scientist', {
          claims: { iat: seconds() - 7200, nbf: seconds() - 7200, exp: seconds() - 3600 },
        }),
      ),
    status: 401,
    code: 'expired_token',
  },
  {
    name: 'a token for another audience',
    send: async () =>
      bearer(
        await world.lab.token('scientist', { claims: { aud: 'https://management.azure.com' } }),
      ),
    status: 401,
    code: 'wrong_audience',
  },
  {
    name: 'a token of an unknown issuer',
    send: async () =>
      bearer(
        await world.lab.token('scientist', { claims: { iss: 'https://login.example.com/v2.0' } }),
      ),
    status: 401,
    code: 'unknown_issuer',
  },
  {
    name: 'a token with alg none',
    send: () => bearer(`${b64({ alg: 'none', typ: 'JWT' })}.${good.split('.')[1]}.`),
    status: 401,
    code: 'invalid_token',
  },
  {
    name: 'a tampered token',
    send: () => {
      const [header, payload, signature] = good.split('.')
      const claims = {
        ...JSON.parse(Buffer.from(payload ?? '', 'base64url').toString()),
        oid: '44444444-4444-4444-8444-444444444402',
      }
      return bearer(`${header}.${b64(claims)}.${signature}`)
    },
    status: 401,
    code: 'invalid_token',
  },
  {
    name: 'a dot segment',
    path: `${W}/../ws-other/jobs?api-version=2024-04-01`,
    send: () => bearer(good),
    status: 400,
    code: 'bad_path',
  },
  {
    name: 'an encoded dot segment',
    path: `${W}/%2e%2e/ws-other/jobs?api-version=2024-04-01`,
    send: () => bearer(good),
    status: 400,
    code: 'bad_path',
  },
  {
    name: 'an encoded slash',
    path: `${W}/jobs%2fa?api-version=2024-04-01`,
    send: () => bearer(good),
    status: 400,
    code: 'bad_path',
  },
  {
    name: 'an empty segment',
    path: `${W}//jobs?api-version=2024-04-01`,
    send: () => bearer(good),
    status: 400,
    code: 'bad_path',
  },
  {
    name: 'a percent sign that encodes nothing',
    path: `${W}/jobs/%zz?api-version=2024-04-01`,
    send: () => bearer(good),
    status: 400,
    code: 'bad_path',
  },
  {
    name: 'an unknown resource provider',
    path: '/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/rg-lab/providers/Microsoft.Compute/virtualMachines?api-version=2024-04-01',
    send: () => bearer(good),
    status: 404,
    code: 'unknown_operation',
  },
  {
    name: 'an unknown resource type',
    path: `${W}/teapots?api-version=2024-04-01`,
    send: () => bearer(good),
    status: 404,
    code: 'unknown_operation',
  },
  {
    name: 'no api-version',
    path: `${W}/jobs`,
    send: () => bearer(good),
    status: 400,
    code: 'missing_api_version',
  },
  {
    name: 'two api-versions',
    path: `${W}/jobs?api-version=2024-04-01&API-Version=2024-04-01`,
    send: () => bearer(good),
    status: 400,
    code: 'bad_query',
  },
  {
    name: 'TRACE',
    send: () => ({ ...bearer(good), method: 'TRACE' }),
    status: 405,
    code: 'method_not_allowed',
  },
  {
    name: 'a batch of calls in one',
    path: '/batch?api-version=2020-06-01',
    send: () => ({ ...bearer(good), method: 'POST', body: '{}' }),
    status: 403,
    code: 'tunnel_refused',
  },
  {
    name: 'a foreign Host',
    send: () => ({ headers: { authorization: `Bearer ${good}`, host: 'management.azure.com' } }),
    status: 421,
    code: 'misdirected_request',
  },
]

for (const { name, path, send, status, code } of cases) {
  t.test(`${name}: ${status} ${code}`, async (t) => {
    await world.clear()
    const answer = await world.send(path ?? JOBS, await send())
    t.equal(answer.status, status, answer.text)
    t.equal(answer.code, code)
    t.same(world.lab.requests(), [], 'nothing is forwarded')
    const id = answer.headers['x-harness-decision-id']
    t.type(id, 'string')
    const records = await world.records(String(id))
    t.same(
      records.map((record) => record['RecordKind']),
      ['refused'],
      'exactly one record',
    )
    t.equal(records[0]?.['RefusalCode'], code)
    if (status === 401) {
      t.match(answer.headers['www-authenticate'], /^Bearer .*resource_metadata="https:/)
      t.equal(/error=/.test(String(answer.headers['www-authenticate'])), code !== 'missing_token')
    }
  })
}

t.test('a refusal says what would have been needed', async (t) => {
  const answer = await world.send(`${W}/jobs/j?api-version=2024-04-01`, {
    headers: {
      authorization: `Bearer ${await world.lab.token('reader')}`,
      'content-type': 'application/json',
    },
    method: 'PUT',
    body: '{}',
  })
  t.equal(answer.status, 403)
  const { error } = answer.json() as {
    error: { message: string; additionalInfo: { info: Record<string, unknown> }[] }
  }
  t.match(error.message, 'Microsoft.MachineLearningServices/workspaces/jobs/write')
  const info = error.additionalInfo[0]?.info
  t.equal(info?.['decisionId'], answer.headers['x-harness-decision-id'])
  t.type(info?.['policyIds'], Array)
  t.type(info?.['policyVersion'], 'string')
  t.match(info?.['access'], { command: /^azureml-harness why / })
})

t.test('bytes that are not HTTP, CONNECT and an odd Expect are refused and recorded', async (t) => {
  for (const [bytes, status] of [
    ['GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
    ['NONSENSE\r\n\r\n', 400],
    ['CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n', 405],
    ['PUT / HTTP/1.1\r\nHost: a\r\nExpect: foo\r\nContent-Length: 0\r\n\r\n', 417],
  ] as const) {
    const before = (await world.allRecords()).filter(
      (record) => record['RecordKind'] === 'received',
    ).length
    const answer = await world.sendBytes(bytes)
    t.match(answer, new RegExp(`^HTTP/1.1 ${status} `))
    const after = (await world.allRecords()).filter(
      (record) => record['RecordKind'] === 'received',
    ).length
    t.equal(after, before + 1, `one record of ${JSON.stringify(bytes.slice(0, 12))}`)
  }
})
