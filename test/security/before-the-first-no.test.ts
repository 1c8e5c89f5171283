/**
 * Work before the first "no": whom no policy could permit is refused before a byte of the body is read, and at once.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies, type OwnPolicies } from '../support/policies.ts'
import { parseAnswer, type Answer } from '../support/send.ts'
import { SHIPPED } from '../policy/support.ts'

const W = workspaceId()
const JOB = `${W}/jobs/j1?api-version=2024-04-01`
const ACTION = 'Action::"Microsoft.MachineLearningServices/workspaces'

/** Policies that ask for bodies of MLflow's runs, a permit that could never hold for others, and a forbid without conditions. */
const MORE = `
@id("fraud-is-closed")
@reason("runs of fraud are closed")
forbid (principal, action in Action::"write", resource)
when { context has tags && context.tags.contains("project=fraud") };

@id("from-inside")
@reason("from the office, small jobs need no binding")
@identity("ml-writer")
permit (principal, action in ${ACTION}/jobs/write", resource)
when { context has instanceCount && context.instanceCount < 2 }
when { context has sourceIp && context.sourceIp.isInRange(ip("192.0.2.0/24")) };

@id("no-schedules")
@reason("nothing is scheduled here")
forbid (principal, action in ${ACTION}/schedules/write", resource);
`

let world: World
let policies: OwnPolicies
t.before(async () => {
  const guardrails = join(SHIPPED, 'examples', 'guardrails', 'guardrails.cedar')
  policies = await ownPolicies({
    'guardrails.cedar': await readFile(guardrails, 'utf8'),
    'more.cedar': MORE,
  })
  world = await startGateway({ gateway: { change: policies.change } })
})
t.teardown(async () => {
  await world.close()
  await policies.remove()
})

const FRAMINGS = ['Content-Length: 200000', 'Transfer-Encoding: chunked']

/** A head that announces a body of which no byte ever comes. Resolves when the gateway has answered and hung up. */
async function announce(
  persona: string,
  method: string,
  path: string,
  framing: string,
  type = 'application/json',
) {
  const head = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${new URL(world.url).host}`,
    `Authorization: Bearer ${await world.lab.token(persona)}`,
    `Content-Type: ${type}`,
    framing,
  ]
  return parseAnswer(await world.sendBytes(`${head.join('\r\n')}\r\n\r\n`))
}

const refusedAtOnce = async (
  t: Test,
  answer: Answer,
  code: string,
  pattern: RegExp,
): Promise<void> => {
  t.equal(answer.status, 403)
  t.match(answer.text, pattern)
  const id = answer.headers['x-harness-decision-id']
  const rows = await world.records(String(id))
  t.match(rows, [{ RecordKind: 'refused', RefusalCode: code, Decision: 'refuse', BytesIn: 0 }])
  t.match(rows[0]?.['PolicyVersion'], /^[0-9a-f]{64}$/)
  t.strictSame(world.lab.requests(), [], 'Azure saw nothing')
}

t.test('whom no policy could permit is refused without the body', async (t) => {
  const calls: [persona: string, method: string, path: string][] = [
    ['outsider', 'PUT', JOB],
    ['outsider', 'PATCH', `${W}/onlineEndpoints/e?api-version=2024-04-01`],
    ['outsider', 'POST', `/mlflow/v2.0${W}/api/2.0/mlflow/runs/create`],
    ['outsider', 'POST', `/mlflow/v2.0${W}/api/2.0/mlflow/runs/set-tag`],
    ['outsider', 'PATCH', `/history/v1.0${W}/experiments/e/runs/r`],
    ['outsider', 'PUT', JOB.replace('ws-lab', 'ws-other')],
    ['reader', 'PUT', JOB],
    ['scientist', 'PUT', JOB.replace('ws-lab', 'ws-other')],
  ]
  await world.clear()
  for (const [persona, method, path] of calls) {
    for (const framing of FRAMINGS) {
      await t.test(`${persona} ${method} ${path} ${framing}`, async (t) =>
        refusedAtOnce(t, await announce(persona, method, path, framing), 'policy_refused', /needs/),
      )
    }
  }
})

t.test('whatever type the body says that it has', async (t) => {
  await world.clear()
  for (const type of ['text/plain', 'multipart/form-data; boundary=x'])
    for (const framing of FRAMINGS)
      await t.test(`${type} ${framing}`, async (t) => {
        const answer = await announce('outsider', 'PUT', JOB, framing, type)
        await refusedAtOnce(t, answer, 'policy_refused', /needs/)
      })
})

t.test('the advice is that of a refusal with a body', async (t) => {
  const answer = await announce('outsider', 'PUT', JOB, 'Content-Length: 2')
  const token = await world.lab.token('outsider')
  const whole = await world.send(`${W}/data/d/versions/1?api-version=2024-04-01`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${token}` },
  })
  t.match(answer.text, /you have no access to workspace/)
  t.match(whole.text, /you have no access to workspace/)
})

t.test('a forbid that no body could lift is the reason that is given', async (t) => {
  await world.clear()
  const path = `${W}/schedules/s?api-version=2024-04-01`
  const answer = await announce('scientist', 'PUT', path, 'Content-Length: 9')
  await refusedAtOnce(t, answer, 'policy_refused', /nothing is scheduled here/)
})

t.test('who could be permitted is asked for the body, and judged by it', async (t) => {
  await world.clear()
  const token = await world.lab.token('scientist')
  const job = (count: number): string =>
    JSON.stringify({
      properties: {
        jobType: 'Command',
        command: 'true',
        environmentId: 'azureml:e:1',
        computeId: 'cpu-cluster',
        limits: { jobLimitsType: 'Command', timeout: 'PT1H' },
        identity: { identityType: 'Managed' },
        resources: { instanceCount: count },
      },
    })
  const put = (body: string) =>
    world.send(JOB, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body,
    })
  t.match(await put(job(9)), { status: 403, code: 'policy_refused' })
  t.strictSame(world.lab.requests(), [])
  const answer = await put(job(1))
  t.match(answer, { status: 201 }, answer.text)
  t.ok(world.lab.requests().length > 0, 'Azure was called')
})
