/**
 * A fact that nobody told is no consent: changes are judged by what Azure has now, and what nothing tells is refused.
 */
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies } from '../support/policies.ts'

const W = workspaceId()
const V = '?api-version=2024-04-01'
const SCIENTISTS =
  'Group::"entra/11111111-1111-4111-8111-111111111111/33333333-3333-4333-8333-333333333301"'
/** The form that the documents recommend, for all that changes something. */
const OWN = `
@id("own")
@reason("scientists change what is of project churn only")
forbid (
  principal in ${SCIENTISTS},
  action in [Action::"write", Action::"delete", Action::"invoke"],
  resource
)
when { context has tags && !context.tags.contains("project=churn") };

@id("own-reads")
@reason("scientists read what is of project churn only")
forbid (principal in ${SCIENTISTS}, action in Action::"read", resource is Job)
when { context has tags && !context.tags.contains("project=churn") };
`

const policies = await ownPolicies({ 'own.cedar': OWN })
let world: World
t.before(async () => {
  world = await startGateway({ gateway: { change: policies.change } })
})
t.teardown(async () => {
  await world.close()
  await policies.remove()
})

async function call(persona: string, method: string, path: string, body?: object) {
  const headers = {
    authorization: `Bearer ${await world.lab.token(persona)}`,
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  }
  const text = body === undefined ? {} : { body: JSON.stringify(body) }
  return world.send(path, { method, headers, ...text })
}

/** The calls with this method that Azure saw. */
const arrived = (method: string) =>
  world.lab.requests().filter((request) => request.method === method)

const job = (project: string) => ({
  properties: { jobType: 'Command', command: 'true', tags: { project } },
})

async function given(name: string, project: string): Promise<void> {
  const made = await call('service', 'PUT', `${W}/jobs/${name}${V}`, job(project))
  if (made.status >= 300) throw new Error(made.text)
}

t.test("another project's job is neither deleted, cancelled nor taken over", async (t) => {
  await given('fraud', 'fraud')
  await world.clear()
  for (const [method, path, body] of [
    ['DELETE', `${W}/jobs/fraud${V}`, undefined],
    ['POST', `${W}/jobs/fraud/cancel${V}`, undefined],
    ['PUT', `${W}/jobs/fraud${V}`, job('churn')],
  ] as const) {
    const answer = await call('scientist', method, path, body)
    t.equal(answer.code, 'policy_refused', `${method} ${path}`)
    t.match(answer.text, /scientists change what is of project churn only/)
    t.same(arrived(method), [], 'Azure was asked what it is, and nothing more')
    const row = (await world.allRecords()).at(-1)
    t.match(row, { RecordKind: 'refused', PolicyIds: ['own'], Decision: 'refuse' })
  }
  t.equal((await call('scientist', 'GET', `${W}/jobs/fraud${V}`)).status, 403)
})

t.test('what is of the own project is changed as ever', async (t) => {
  await given('churn', 'churn')
  await world.clear()
  t.equal((await call('scientist', 'PUT', `${W}/jobs/churn${V}`, job('churn'))).status, 200)
  t.ok((await call('scientist', 'POST', `${W}/jobs/churn/cancel${V}`)).status < 300)
  t.ok((await call('scientist', 'DELETE', `${W}/jobs/churn${V}`)).status < 300)
  t.equal((await call('scientist', 'PUT', `${W}/jobs/new${V}`, job('churn'))).status, 201)
  t.equal((await call('scientist', 'DELETE', `${W}/jobs/nowhere${V}`)).status, 204)
})
