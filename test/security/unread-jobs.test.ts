/**
 * Jobs that go to Azure past Resource Manager, as the first SDK submits them: what policy says of jobs cannot be evaded by
 * taking another way.
 */
import t, { type Test } from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies } from '../support/policies.ts'

const W = workspaceId()
const READERS = 'Group::"okta/ml-readers"'
const ACTION = 'Action::"Microsoft.MachineLearningServices/workspaces'

/** Readers may submit here, by a permit without effects. */
const SUBMIT = `
@id("submit")
@reason("readers submit runs")
@identity("ml-writer")
permit (principal in ${READERS}, action == ${ACTION}/experiments/runs/submit/action", resource);
`
const BIG = `
@id("few-instances")
@reason("at most 8 instances at a time")
forbid (principal, action in Action::"write", resource)
when { context has instanceCount && context.instanceCount > 8 };
`
const NO_JOBS = `
@id("no-jobs")
@reason("readers start no jobs")
forbid (principal in ${READERS}, action == ${ACTION}/jobs/write", resource);
`
const SUBMISSIONS = [
  '/execution/v1.0/experiments/e/startrun',
  '/execution/v1.0/experiments/e/snapshotrun',
  '/execution/v1.0/experiments/e/startlocalrun',
  '/hyperdrive/v1.0/experiments/e/runs',
  '/hyperdrive/v1.0/runs',
  '/pipelines/v1.0/PipelineRuns/PipelineSubmit/1',
  '/pipelines/v1.0/PipelineRuns/PipelineEndpointSubmit/Id/1',
  '/pipelines/v1.0/PipelineRuns/r/rerun',
].map((path) => path.replace(/^(\/\w+\/v1\.0)/, `$1${W}`))

async function gateway(t: Test, policies: string): Promise<World> {
  const own = await ownPolicies({ 'submit.cedar': policies })
  const world = await startGateway({ gateway: { change: own.change } })
  t.teardown(async () => {
    await world.close()
    await own.remove()
  })
  return world
}

async function submit(world: World, persona: string, path: string) {
  const token = await world.lab.token(persona)
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  await world.clear()
  const answer = await world.send(path, { method: 'POST', headers, body: '{"nodeCount":64}' })
  return { answer, arrived: world.lab.requests().length }
}

t.test('what is pinned and stamped is not submitted unpinned and unstamped', async (t) => {
  const world = await gateway(t, SUBMIT)
  for (const path of SUBMISSIONS) {
    const { answer, arrived } = await submit(world, 'scientist', path)
    t.equal(answer.code, 'policy_refused', path)
    t.match(answer.text, /jobs are pinned, stamped/)
    t.match(answer.text, /submit it through azure resource manager/)
    t.equal(arrived, 0, 'nothing reached Azure')
    const other = await submit(world, 'reader', path)
    t.equal(other.answer.status, 200, 'a permit without effects is enough without them')
  }
})

t.test('facts that policy asks of jobs cannot be told of these', async (t) => {
  const world = await gateway(t, SUBMIT + BIG)
  const { answer, arrived } = await submit(world, 'reader', SUBMISSIONS[0] ?? '')
  t.equal(answer.code, 'policy_refused')
  t.match(answer.json(), {
    error: {
      message: /^policy asks for "instanceCount" of jobs/,
      additionalInfo: [{ info: { policyIds: ['few-instances'] } }],
    },
  })
  t.equal(arrived, 0)
})

t.test('who may start no jobs starts none in this way', async (t) => {
  const world = await gateway(t, SUBMIT + NO_JOBS)
  const { answer, arrived } = await submit(world, 'reader', SUBMISSIONS[0] ?? '')
  t.match(answer.json(), {
    error: { code: 'policy_refused', message: 'readers start no jobs' },
  })
  t.equal(arrived, 0)
  t.equal((await submit(world, 'outsider', SUBMISSIONS[0] ?? '')).answer.code, 'policy_refused')
})
