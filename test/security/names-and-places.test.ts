/** One name, several things; one thing, several names: what a body or an answer means is told by its place and type. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { SHIPPED } from '../policy/support.ts'
import { startGateway } from '../support/gateway.ts'
import { ownPolicies } from '../support/policies.ts'

const W = workspaceId()
const API = '?api-version=2024-04-01'
const READERS = 'Group::"okta/ml-readers"'
const ACTION = 'Action::"Microsoft.MachineLearningServices/workspaces'
const OWNER = `
@id("owner")
@reason("owns the workspace")
@identity("ml-writer")
permit (principal in ${READERS}, action, resource);
`
/** What only members of churn may write, and all that they may read. */
const CHURN = `
@id("churn-writes")
@reason("jobs, schedules and endpoints of churn have its tag and its experiment")
forbid (
  principal is User,
  action in [${ACTION}/jobs/write", ${ACTION}/schedules/write", ${ACTION}/onlineEndpoints/write"],
  resource
)
unless { principal in ${READERS} || context has tags && context.tags.contains("project=churn") };

@id("churn-experiment")
@reason("jobs of churn are in its experiment")
forbid (principal is User, action == ${ACTION}/jobs/write", resource)
when { !(principal in ${READERS}) && context has experiment && context.experiment != "churn" };

@id("churn-reads")
@reason("members of churn read its own jobs")
forbid (principal is User, action == ${ACTION}/jobs/read", resource is Job)
when { !(principal in ${READERS}) && context has tags && !context.tags.contains("project=churn") };
`
const CLUSTER = { computeType: 'AmlCompute', disableLocalAuth: true }
const GUARDED = {
  vmSize: 'Standard_DS3_v2',
  enableNodePublicIp: false,
  scaleSettings: { maxNodeCount: 4 },
}

t.test('places over the running gateway', async (t) => {
  const guardrails = await readFile(
    join(SHIPPED, 'examples', 'guardrails', 'guardrails.cedar'),
    'utf8',
  )
  const computes = guardrails
    .split(/\n\n(?=@id|\/\/)/)
    .filter((rule) => /^@id\("(?:approved-sizes|few-instances|no-public-network)"/.test(rule))
  const own = await ownPolicies({
    'owner.cedar': OWNER,
    'churn.cedar': CHURN,
    'guardrails.cedar': computes.join('\n\n'),
  })
  const world = await startGateway({ gateway: { change: own.change } })
  t.teardown(async () => {
    await world.close()
    await own.remove()
  })
  const tokens = {
    member: await world.lab.token('scientist'),
    owner: await world.lab.token('reader'),
  }
  async function call(who: keyof typeof tokens, method: string, path: string, body?: unknown) {
    await world.clear()
    const headers = { authorization: `Bearer ${tokens[who]}`, 'content-type': 'application/json' }
    const init = body === undefined ? {} : { body: JSON.stringify(body) }
    const answer = await world.send(`${W}/${path}${API}`, { method, headers, ...init })
    const changes = world.lab.requests().filter((one) => one.method === method && method !== 'GET')
    return { answer, changes }
  }
  const job = (more: object) => ({
    properties: { jobType: 'Command', command: 'x', environmentId: 'azureml:e:1', ...more },
  })

  await t.test('tags and experiment of other places are not those of the thing', async (t) => {
    const fraud = { project: 'fraud' }
    const churn = { project: 'churn' }
    for (const [path, body] of [
      ['jobs/a1', job({ tags: fraud, services: { x: { tags: churn } } })],
      ['jobs/a2', job({ distribution: { tags: churn } })],
      ['jobs/a3', job({ description: { tags: churn } })],
      ['jobs/a4', job({ t_ags: churn })],
      ['jobs/a5', { tags: churn, ...job({ tags: fraud }) }],
      [
        'jobs/a6',
        job({ tags: churn, experimentName: 'fraud', services: { experimentName: 'churn' } }),
      ],
      ['onlineEndpoints/a7', { location: 'x', properties: { tags: churn } }],
      [
        'schedules/a8',
        { properties: { tags: churn, action: { jobDefinition: job({ tags: fraud }).properties } } },
      ],
      [
        'schedules/a9',
        { properties: { tags: churn, action: { jobDefinition: job({}).properties } } },
      ],
    ] as const) {
      const { answer, changes } = await call('member', 'PUT', path, body)
      t.ok(
        answer.status === 403 || answer.status === 400,
        `${path} ${answer.status} ${answer.text}`,
      )
      t.same(changes, [], path)
      const [last] = (await world.settled(answer)).slice(-1)
      t.equal(last?.['RecordKind'], 'refused', path)
    }
    const honest = job({ tags: churn, experimentName: 'churn', services: { x: { tags: fraud } } })
    const { answer, changes } = await call('member', 'PUT', 'jobs/churn1', honest)
    t.ok(answer.status < 300, answer.text)
    t.equal(changes.length, 1)
  })

  await t.test('a schedule holds a job, and shows it to whoever may read that', async (t) => {
    for (const project of ['fraud', 'churn']) {
      const jobDefinition = job({ tags: { project } }).properties
      const action = { actionType: 'CreateJob', jobDefinition }
      const trigger = { triggerType: 'Cron', expression: '0 5 * * *' }
      const made = await call('owner', 'PUT', `schedules/${project}-nightly`, {
        properties: { trigger, action },
      })
      t.ok(made.answer.status < 300, made.answer.text)
    }
    const { answer } = await call('member', 'GET', 'schedules')
    t.equal(answer.status, 200)
    t.match(answer.text, /churn-nightly/)
    t.notMatch(answer.text, /fraud/)
    t.equal((await call('member', 'GET', 'schedules/fraud-nightly')).answer.status, 403)
    t.equal((await call('member', 'GET', 'schedules/churn-nightly')).answer.status, 200)
    t.match((await call('owner', 'GET', 'schedules')).answer.text, /fraud-nightly/)
  })

  await t.test('a compute has a size, a number of nodes and a network', async (t) => {
    const put = async (inner: object, outer: object = CLUSTER) =>
      call('owner', 'PUT', 'computes/c1', {
        location: 'x',
        properties: { ...outer, properties: inner },
      })
    const honest = await put(GUARDED)
    t.ok(honest.answer.status < 300, honest.answer.text)
    for (const inner of [
      { ...GUARDED, vmSize: 'Standard_ND96' },
      { ...GUARDED, scaleSettings: { maxNodeCount: 64 } },
      { ...GUARDED, enableNodePublicIp: true },
      { vmSize: 'Standard_DS3_v2' },
      { ...GUARDED, remoteLoginPortPublicAccess: 'Enabled' },
      { ...GUARDED, sshSettings: { sshPublicAccess: 'Enabled' } },
    ]) {
      const { answer, changes } = await put(inner)
      t.equal(answer.code, 'policy_refused', JSON.stringify(inner))
      t.same(changes, [])
    }
    const aks = { agentVmSize: 'Standard_DS3_v2', agentCount: 3, loadBalancerType: 'PublicIp' }
    t.equal((await put(aks, { ...CLUSTER, computeType: 'AKS' })).answer.code, 'policy_refused')
    const ssh = job({ services: { shell: { jobServiceType: 'SSH' } } })
    t.equal((await call('owner', 'PUT', 'jobs/ssh', ssh)).answer.code, 'policy_refused')
    const page = job({
      services: { Tracking: { jobServiceType: 'Tracking' } },
    })
    const shown = await call('owner', 'PUT', 'jobs/page', page)
    t.ok(shown.answer.status < 300, shown.answer.text)
  })
})
