/** The sign-in that deciding about access needs, and the channels that are told of it: a real receiver. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { writeFile } from 'node:fs/promises'
import t from 'tap'
import { eventually } from '../../support/eventually.ts'
import type { Answer } from '../../support/send.ts'
import { V, W } from '../support.ts'
import { REQUESTS, startGranting, type Granting } from './support.ts'

const received: { event: string; id: string; url: string; text: string }[] = []
const receiver = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const text = Buffer.concat(chunks).toString('utf8')
    received.push({ ...(JSON.parse(text) as { event: string; id: string; url: string }), text })
    response.end()
  })
})

const SIGN_IN = `
@id("fresh-sign-in-for-grants")
@reason("access is given after a fresh sign-in")
@stepup("methods=mfa")
forbid (principal, action == Action::"AzureMLHarness/grants/approve", resource);
@id("nobody-asks-for-admin")
@reason("administrators are bound by the operators")
forbid (principal in Group::"okta/ml-readers", action == Action::"AzureMLHarness/grants/request", resource)
when { context has methods && context.methods.contains("pwd") };
`
let granting: Granting
t.before(async () => {
  receiver.listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  const { port } = receiver.address() as AddressInfo
  const file = join(t.testdir(), 'hook')
  await writeFile(file, `http://127.0.0.1:${port}/hook`, { mode: 0o600 })
  granting = await startGranting({
    files: {
      'sign-in.cedar': SIGN_IN,
      'requests.yaml': REQUESTS.replace(
        'max: 2h }, reviewers: 0',
        'max: 2h }, reviewers: 0, stepUp: methods=mfa',
      ),
    },
    change: (config) =>
      config.approvals === undefined
        ? config
        : {
            ...config,
            approvals: {
              ...config.approvals,
              notify: [{ name: 'hook', kind: 'webhook', url: { fromFile: file } }],
            },
          },
  })
})
t.teardown(async () => {
  await granting?.close()
  receiver.close()
})
t.setTimeout(120_000)

/** With a token that says how its owner signed in. */
const as = async (
  persona: string,
  methods: readonly string[],
  method: string,
  path: string,
  body?: object,
): Promise<Answer> => {
  const { world } = granting
  return world.send(`/_harness/api/grants${path}`, {
    method,
    headers: {
      authorization: `Bearer ${await world.lab.token(persona, { claims: { amr: methods } })}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}
const ASKED = { template: 'data-scientist', resource: W, reason: 'secret words of a person' }

t.test(
  'a policy asks every approver for a sign-in; what it forbids is not asked for',
  async (t) => {
    t.match((await as('reader', ['pwd'], 'POST', '', ASKED)).json(), {
      error: { code: 'policy_refused', message: /administrators are bound/ },
    })
    const asked = await as('reader', ['mfa'], 'POST', '', ASKED)
    t.equal(asked.status, 200, asked.text)
    const { id, shownDigest } = asked.json() as { id: string; shownDigest: string }
    const approve = async (methods: readonly string[]) =>
      as('reviewer', methods, 'POST', `/${id}/verdicts`, { verdict: 'approve', shownDigest })
    t.match((await approve(['pwd'])).json(), {
      error: { code: /insufficient/, message: /access is given after a fresh sign-in/ },
    })
    t.match((await approve(['pwd', 'mfa'])).json(), { state: 'active' })
    t.equal(
      (await as('reviewer', ['pwd'], 'POST', `/${id}/verdicts`, { verdict: 'end' })).status,
      200,
    )
  },
)

t.test('a rule asks whoever decides for a sign-in, where a reason is enough, too', async (t) => {
  const own = { ...ASKED, template: 'reader' }
  t.match((await as('outsider', ['pwd'], 'POST', '', own)).json(), {
    error: { code: /insufficient/, message: /whoever has signed in for it/ },
  })
  const asked = await as('outsider', ['mfa'], 'POST', '', own)
  t.match(asked.json(), { state: 'active' })
  t.equal((await granting.call('outsider', 'GET', `${W}/jobs${V}`)).status, 200)
  const { id } = asked.json() as { id: string }
  const more = { for: '5m', reason: 'still' }
  t.match((await as('outsider', ['pwd'], 'POST', `/${id}/extensions`, more)).json(), {
    error: { code: /insufficient/ },
  })
  t.equal((await as('outsider', ['mfa'], 'POST', `/${id}/extensions`, more)).status, 200)
})

t.test('channels are told what is asked for, and never in the words of people', async (t) => {
  const asked = await as('reader', ['mfa'], 'POST', '', { ...ASKED, for: '2h' })
  const { id, shownDigest } = asked.json() as { id: string; shownDigest: string }
  const deny = { verdict: 'deny', shownDigest, comment: 'secret words, too' }
  t.equal((await as('reviewer', ['pwd'], 'POST', `/${id}/verdicts`, deny)).status, 200)
  const own = async () =>
    eventually('both are told', () => {
      const found = received.filter((one) => one.id === id)
      return found.length === 2 && found
    })
  const found = await own()
  t.same(found.map(({ event }) => event).sort(), ['access_denied', 'access_requested'])
  t.ok(found.every(({ url }) => url === `${granting.world.url}/_harness/api/grants/${id}`))
  t.notMatch(JSON.stringify(found), /secret words/)
  const events = () => new Set(received.map(({ event }) => event))
  await eventually(
    'all are told',
    () => events().has('access_given') && events().has('access_ended'),
  )
})

t.test('with another group in the token, a grant gives nothing', async (t) => {
  const { world } = granting
  const asked = await as('reader', ['mfa'], 'POST', '', { ...ASKED, for: '3h' })
  const { id, shownDigest } = asked.json() as { id: string; shownDigest: string }
  await as('reviewer', ['mfa'], 'POST', `/${id}/verdicts`, { verdict: 'approve', shownDigest })
  const submit = async (claims: object) =>
    world.send(`${W}/jobs/left-1${V}`, {
      method: 'PUT',
      headers: {
        authorization: `Bearer ${await world.lab.token('reader', { claims: { ...claims } })}`,
        'content-type': 'application/json',
      },
      body: '{"properties":{"jobType":"Command"}}',
    })
  t.equal((await submit({})).status, 201)
  t.equal((await submit({ groups: ['Everyone'] })).status, 403, 'left the group')
  t.equal((await submit({})).status, 200, 'is in it again')
})
