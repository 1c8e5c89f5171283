/**
 * What callers ask the gateway about themselves, over a running gateway: why they were refused, and what they have.
 */
import t, { type Test } from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { send, type Answer } from '../support/send.ts'

const W = workspaceId()
const KEY = 'a key that all replicas have, 32 bytes'
const CONTACT = 'ml-platform@contoso.example'

let world: World
t.before(async () => {
  world = await startGateway({
    gateway: {
      env: { OPERATION_KEY: KEY },
      change: (config) => ({
        ...config,
        operationKey: { fromEnv: 'OPERATION_KEY' },
        help: { contact: CONTACT, url: 'https://contoso.example/ask?decision={decision}' },
      }),
    },
  })
})
t.teardown(() => world.close())

async function as(persona: string, path: string, init: object = {}): Promise<Answer> {
  const authorization = `Bearer ${await world.lab.token(persona)}`
  return world.send(path, {
    headers: { authorization, 'content-type': 'application/json' },
    ...init,
  })
}

const WRITE = { method: 'PUT', body: '{"properties":{"jobType":"Command"}}' }
const JOB = `${W}/jobs/why-1?api-version=2024-04-01`

interface Refused {
  readonly error: {
    readonly code: string
    readonly message: string
    readonly additionalInfo: readonly {
      readonly info: {
        readonly decisionId: string
        readonly access: Readonly<Record<string, string>>
      }
    }[]
  }
}

async function refused(t: Test, persona: string, path = JOB): Promise<Refused['error']> {
  const answer = await as(persona, path, WRITE)
  t.equal(answer.status, 403)
  return (answer.json() as Refused).error
}

const infoOf = (error: Refused['error']) => {
  const info = error.additionalInfo[0]?.info
  if (info === undefined) throw new Error('a refusal has its decision')
  return info
}

t.test('a refusal says what is missing, who has it, whom to ask and how to ask why', async (t) => {
  const error = await refused(t, 'reader')
  const { decisionId, access } = infoOf(error)
  t.match(
    error.message,
    /the role data-scientist \(or .*\) would allow it; the group scientists has it on/,
  )
  const ask = `; ask ${CONTACT}, https://contoso.example/ask?decision=${decisionId}; more: `
  t.ok(error.message.endsWith(`${ask}${access['command']}`), error.message)
  t.ok(access['command']?.startsWith(`azureml-harness why ${decisionId}.`), 'good on any replica')
  t.ok((access['command'] ?? '').length < 350, `${access['command']?.length} characters`)
  t.notMatch(error.message, /role template|nobody has it/, "in the caller's words")
  t.equal(error.message.split('needs Microsoft').length, 2, 'nothing is said twice')
  t.equal(access['contactUrl'], `https://contoso.example/ask?decision=${decisionId}`)
  t.ok(access['url']?.startsWith(`${world.url}/_harness/decisions/${decisionId}?need=`))
  t.ok((access['url'] ?? '').length < 1_000, `the link has ${access['url']?.length} characters`)
})

t.test('MLflow clients, which show a message only, get the same in it', async (t) => {
  const answer = await as('reader', `/mlflow/v1.0${W}/api/2.0/mlflow/runs/create`, {
    method: 'POST',
    body: '{"experiment_id":"1"}',
  })
  t.equal(answer.status, 403)
  const { message } = answer.json() as { message: string }
  t.match(
    message,
    /would allow it.*ask ml-platform@.*; more: azureml-harness why 'https:.*_harness\/decisions\/[0-9a-f-]{36}\?need=[\w.-]+'$/,
  )
  t.equal(message.split('need=').length, 2, 'and once')
})

t.test(
  'a refusal of secrets, and one of the data plane, say the same in the same form',
  async (t) => {
    for (const [path, init, code] of [
      [`${W}/listKeys?api-version=2024-04-01`, { method: 'POST' }, 'secrets_refused'],
      [
        `/history/v1.0${W}/experiments/e/runs/r`,
        { method: 'PATCH', body: '{"displayName":"mine"}' },
        'policy_refused',
      ],
    ] as const) {
      const answer = await as('reader', path, init)
      t.equal(answer.status, 403, path)
      const { error } = answer.json() as Refused
      const { decisionId, access } = infoOf(error)
      t.equal(error.code, code)
      t.match(
        error.message,
        `; ask ${CONTACT}, https://contoso.example/ask?decision=${decisionId}; `,
      )
      t.ok(error.message.endsWith(`; more: ${access['command']}`))
      t.equal(error.message.split(decisionId).length, 3, 'the id for its page, and for its command')
      t.ok(access['url']?.includes(`${decisionId}?need=`))
      const why = await as('reader', `/_harness/decisions/${decisionId}`)
      t.match(why.json(), { decision: decisionId, call: { secrets: code === 'secrets_refused' } })
      if (code !== 'secrets_refused') continue
      t.match(error.message, /not handed out.*; no group and no role changes that; /)
      t.match(why.json(), { forbids: [{ id: 'secrets' }], ways: [] })
    }
  },
)

t.test('who was refused asks why: by id, by link, and of the last refusal', async (t) => {
  const { decisionId, access } = infoOf(await refused(t, 'reader'))
  for (const path of [
    '/_harness/decisions',
    `/_harness/decisions/${decisionId}`,
    (access['url'] ?? '').slice(world.url.length),
  ]) {
    const answer = await as('reader', path)
    t.equal(answer.status, 200, path)
    t.match(answer.json(), {
      decision: decisionId,
      call: { action: 'Microsoft.MachineLearningServices/workspaces/jobs/write', secrets: false },
      now: { verdict: 'refuse', code: 'policy_refused' },
      hasAccess: true,
      memberships: [{ type: 'Group', id: 'okta/ml-readers' }],
      help: { contact: CONTACT },
    })
    const { templates } = answer.json() as {
      templates: { template: string; actions: number; deletes: number; secrets: number }[]
    }
    const [least] = templates
    t.equal(least?.template, 'data-scientist')
    t.ok((least?.actions ?? 0) > 10 && (least?.deletes ?? -1) >= 0)
    const rows = await world.settled(answer)
    t.match(rows[0], { Action: 'AzureMLHarness/decisions/read', Decision: 'permit' })
    t.ok(rows.some(({ RecordKind, Status }) => RecordKind === 'completed' && Status === 200))
  }
})

t.test('nobody learns anything of the refusals of others', async (t) => {
  const { decisionId, access } = infoOf(await refused(t, 'reader'))
  const link = (access['url'] ?? '').slice(world.url.length)
  const [path = '', need = ''] = link.split('?need=')
  const body = await as('scientist', link)
  t.equal(body.status, 404)
  const [payload = '', mac = ''] = need.split('.')
  const forged = Buffer.from(
    Buffer.from(payload, 'base64url').toString().replace('jobs/write', 'jobs/delete'),
  ).toString('base64url')
  const other = '00000000-0000-4000-8000-000000000000'
  const stranger = (await as('reader', `/_harness/decisions/${other}`)).json() as Refused
  for (const [persona, asked] of [
    ['scientist', `/_harness/decisions/${decisionId}`],
    ['scientist', link],
    ['reader', `/_harness/decisions/${other}?need=${need}`],
    ['reader', `/_harness/decisions/${other}?need=${forged}.${mac}`],
    ['reader', `/_harness/decisions/${other}?need=${payload}`],
    ['reader', `/_harness/decisions/${other}?need=${payload}.${'A'.repeat(43)}`],
    ['reader', '/_harness/decisions/not-a-guid'],
  ] as const) {
    const answer = await as(persona, asked)
    t.equal(answer.status, 404, `${persona} ${asked}`)
    const { code, message } = (answer.json() as Refused).error
    t.same([code, message], [stranger.error.code, stranger.error.message], 'and always the same')
  }
  t.equal((await as('reader', path)).status, 200, 'while its owner sees it')
})

t.test('names are told to those who have some access, and to nobody else', async (t) => {
  const error = await refused(t, 'outsider')
  t.match(error.message, 'you have no access to workspace "ws-lab"')
  t.match(error.message, CONTACT)
  t.notMatch(error.message, /data-scientist|ws-lab-|scientists/)
  const answer = await as('outsider', '/_harness/decisions')
  t.match(answer.json(), { hasAccess: false, templates: [], forbids: [] })
  t.notMatch(JSON.stringify(answer.json()), /data-scientist|scientists/)
})

t.test('whoami says who the gateway takes the caller for, and what that gives', async (t) => {
  const answer = await as('reader', '/_harness/whoami')
  t.equal(answer.status, 200)
  t.match(answer.json(), {
    principal: { kind: 'user', issuer: 'okta' },
    memberships: [{ id: 'okta/ml-readers' }],
    access: [{ template: 'reader', name: 'ws-lab', until: null }],
  })
  t.match((await world.settled(answer))[0], {
    Action: 'AzureMLHarness/access/read',
    Family: 'harness',
    Decision: 'permit',
  })
  t.match((await as('outsider', '/_harness/whoami')).json(), { access: [] })
})

t.test(
  'an action that there is not is answered with the one that was probably meant',
  async (t) => {
    for (const [action, said] of [
      ['workspaces/jobs/wirte', 'did you mean "workspaces/jobs/write"?'],
      ['nonsense', 'leave action out'],
    ] as const) {
      const answer = await as('reader', `/_harness/can?on=${W}&action=${action}`)
      t.equal(answer.status, 400)
      t.match((answer.json() as Refused).error.message, said)
    }
  },
)

t.test(
  'bad calls of its own are refused and recorded, and none of them reaches Azure',
  async (t) => {
    await world.clear()
    t.equal((await world.send('/_harness/whoami')).status, 401, 'without a token')
    t.equal((await as('reader', '/_harness/nonsense')).status, 404)
    t.equal((await as('reader', '/_harness/whoami/more')).status, 404)
    t.equal((await as('reader', '/_harness/decisions/a/b')).status, 404)
    t.equal((await as('reader', '/_harness/whoami', { method: 'DELETE' })).status, 405)
    const answer = await as('reader', '/_harness/decisions/x?need=y')
    t.equal(answer.status, 404)
    t.match(await world.settled(answer), [
      { RecordKind: 'refused', RefusalCode: 'not_found', Action: 'AzureMLHarness/decisions/read' },
    ])
    const seen = await send(world.lab.urls.upstream, world.lab.certificates.ca, '/_lab/requests')
    t.same(seen.json(), [])
  },
)
