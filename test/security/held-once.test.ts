/** An answer that is judged and rewritten counts once among what is held for its caller. */
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies } from '../support/policies.ts'

const JOBS = `${workspaceId()}/jobs?api-version=2024-04-01`
const MB = 1024 * 1024
const APART = `
@id("own-jobs")
@reason("jobs of other projects are not shown")
forbid (principal, action == Action::"Microsoft.MachineLearningServices/workspaces/jobs/read", resource)
when { context has tags && !context.tags.contains("project=churn") };
`
const policies = await ownPolicies({ 'apart.cedar': APART })
let world: World
t.before(async () => {
  const limits = { bodyBytes: MB, answerBytes: MB, heldBytesPerPrincipal: MB, heldBytes: MB }
  world = await startGateway({
    gateway: { change: (config) => ({ ...policies.change(config), limits }) },
  })
})
t.teardown(async () => {
  await world.close()
  await policies.remove()
})

const job = {
  id: `${workspaceId()}/jobs/j`,
  name: 'j',
  properties: { jobType: 'Command', tags: { project: 'churn' }, description: 'x'.repeat(700_000) },
}

t.test(
  'more than half of the room is room enough to check it before its first byte leaves',
  async (t) => {
    const authorization = `Bearer ${await world.lab.token('scientist')}`
    const list = async (nextLink: string) => {
      await world.fault('upstream', {
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: { value: [job], nextLink },
      })
      return world.send(JOBS, { headers: { authorization } })
    }
    const good = await list('')
    t.equal(good.status, 200)
    t.equal(good.text.length > 700_000, true)
    const foreign = await list('https://evil.example/')
    t.equal(foreign.status, 502, 'it is refused, and not cut in the middle')
    t.equal(foreign.code, 'upstream_foreign_url')
  },
)
