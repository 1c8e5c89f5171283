/** Refusals as people read them: what odd requests are told says what is wrong with them, in whole sentences. */
import t from 'tap'
import { SUBSCRIPTION, workspaceId } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'
import type { Answer, Send } from '../support/send.ts'

const W = workspaceId()
const API = '?api-version=2024-04-01'
const JOB = `${W}/jobs/j${API}`
const JSON_TYPE = { 'content-type': 'application/json' }
const put = (body: string | Buffer, headers = {}): Send => ({
  method: 'PUT',
  headers: { ...JSON_TYPE, ...headers },
  body,
})

interface Case {
  readonly path: string
  readonly send?: Send
  /** Null: nobody. */
  readonly persona?: 'scientist' | 'reader' | 'outsider' | null
  readonly says: string
}

const CASES: Readonly<Record<string, Case>> = {
  'an upgrade': {
    path: JOB,
    send: { headers: { upgrade: 'websocket', connection: 'upgrade' } },
    says: 'header "upgrade" is refused: protocol upgrades are not served',
  },
  'another method in a header': {
    path: JOB,
    send: { headers: { 'x-http-method-override': 'DELETE' } },
    says: 'header "x-http-method-override" is refused: it overrides the method',
  },
  'a byte order mark': {
    path: JOB,
    send: put('\uFEFF{"properties":{}}'),
    says: 'the body begins with a byte order mark (UTF-8); send it in UTF-8 without that mark',
  },
  'a byte order mark of UTF-16': {
    path: JOB,
    send: put(Buffer.from('\uFEFF{"properties":{}}', 'utf16le')),
    says: 'the body begins with a byte order mark (UTF-16); send it in UTF-8 without that mark',
  },
  'an empty body': { path: JOB, send: put(' '), says: 'the body is empty' },
  'half a body': { path: JOB, send: put('{"properties":'), says: 'the body is not valid JSON' },
  'two bodies': { path: JOB, send: put('{}{}'), says: 'the body goes on after its end' },
  'a name twice': {
    path: JOB,
    send: put('{"properties":{"a":1,"a":2}}'),
    says: 'the body has the same name twice at /properties/a',
  },
  'no token': { path: JOB, persona: null, says: 'no authorization header' },
  'a token in another header': {
    path: JOB,
    persona: null,
    send: { headers: { 'api-key': 'x' } },
    says: 'no authorization header; a token in header "api-key" is not read; send it as "authorization: Bearer <token>"',
  },
  'the same with an underscore': {
    path: JOB,
    persona: null,
    send: { headers: { Api_Key: 'x' } },
    says: 'no authorization header; a token in header "api_key" is not read; send it as "authorization: Bearer <token>"',
  },
  'a token without its scheme': {
    path: JOB,
    persona: null,
    send: { headers: { authorization: 'eyJhbGciOiJub25lIn0.e30.' } },
    says: 'header "authorization" has a token without a scheme before it; send it as "authorization: Bearer <token>"',
  },
  'a key in the query': {
    path: `${JOB}&api_key=x`,
    says: 'the query has a credential in "api_key"; credentials are read from the authorization header alone',
  },
  'a slash at the end': {
    path: `${W}/jobs/${API}`,
    says: 'the path has two slashes in a row, or one at its end',
  },
  'the root': { path: '/', says: 'nothing is served at "/"' },
  'an endpoint elsewhere': {
    path: '/_score/not-served',
    send: { method: 'POST' },
    says: 'this endpoint is on a host that is not served here',
  },
  'the list of subscriptions': {
    path: '/subscriptions?api-version=2022-12-01',
    says: 'no policy permits this call: it needs Microsoft.Resources/subscriptions/read on the list of subscriptions; you have no access to the list of subscriptions',
  },
  'a subscription': {
    path: `/subscriptions/${SUBSCRIPTION}?api-version=2022-12-01`,
    says: `it needs Microsoft.Resources/subscriptions/read on subscription "${SUBSCRIPTION}"; you have no access to subscription "${SUBSCRIPTION}"`,
  },
  'workspaces of a subscription': {
    path: `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.MachineLearningServices/workspaces${API}`,
    says: `on subscription "${SUBSCRIPTION}"; you have no access to subscription "${SUBSCRIPTION}"`,
  },
  'workspaces of a resource group': {
    path: `${W.slice(0, W.lastIndexOf('/'))}${API}`,
    says: 'on resource group "rg-lab"; you have no access to resource group "rg-lab"',
  },
  'sizes of machines': {
    path: `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.MachineLearningServices/locations/eastus/vmSizes${API}`,
    says: `on subscription "${SUBSCRIPTION}"; you have no access to`,
  },
  'a registry by its name': {
    path: '/registrymanagement/v1.0/registries/shared/discovery',
    says: 'on registry "shared"; you have no access to registry "shared"',
  },
  'somebody without access': {
    path: `${W}/jobs${API}`,
    persona: 'outsider',
    says: 'on workspace "ws-lab"; you have no access to workspace "ws-lab"',
  },
  'a template deployment': {
    path: `${W.split('/providers/')[0]}/providers/Microsoft.Resources/deployments/d?api-version=2022-09-01`,
    send: put('{}'),
    says: 'to make a workspace, PUT the workspace itself',
  },
}

let world: World
t.before(async () => {
  world = await startGateway()
})
t.teardown(() => world.close())

async function refusal({ path, send = {}, persona = 'scientist' }: Case): Promise<Answer> {
  const token = persona === null ? null : await world.lab.token(persona)
  const authorization = token === null ? {} : { authorization: `Bearer ${token}` }
  return world.send(path, { ...send, headers: { ...authorization, ...send.headers } })
}

for (const [name, one] of Object.entries(CASES)) {
  t.test(`${name}: ${one.says}`, async (t) => {
    const answer = await refusal(one)
    const { message } = (answer.json() as { error: { message: string } }).error
    t.ok(message.includes(one.says), message)
    // no value that is missing, nothing said twice in a row, no full stop, no list's word as a name
    t.notMatch(
      message,
      /undefined|null|NaN|\[object|""|\s{2}|\b(\w+) \1\b|\.$|;\s*;|\bit [a-z]+ing\b/,
    )
    t.notMatch(message, /"(?:subscriptions|workspaces|resourcegroups|registries|discovery)"/i)
    const parts = message.split('; ')
    t.equal(new Set(parts).size, parts.length, 'each part says something else')
  })
}

t.test('an answer without a body gains no content type', async (t) => {
  const authorization = `Bearer ${await world.lab.token('scientist')}`
  for (const status of [200, 201, 202, 204, 404]) {
    for (const [how, rest] of Object.entries({
      length: 'Content-Length: 0\r\n\r\n',
      chunks: 'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      close: 'Connection: close\r\n\r\n',
    })) {
      if (status === 204 && how !== 'length') continue
      const raw = `HTTP/1.1 ${status} Whatever\r\nRetry-After: 1\r\n${rest}`
      await world.fault('upstream', { match: { path: 'cancel' }, raw })
      const answer = await world.send(`${W}/jobs/j/cancel${API}`, {
        method: 'POST',
        headers: { authorization },
      })
      t.equal(answer.status, status, how)
      t.equal(answer.headers['retry-after'], '1')
      if (status >= 400) t.match(answer.headers['content-type'], 'application/json')
      else {
        t.equal(answer.text, '')
        t.equal(answer.headers['content-type'], undefined, `${status} ${how}`)
      }
    }
  }
})
