import t from 'tap'
import { spawnGateway } from '../../lab/gateway/gateway.ts'
import { withGraph, withIntrospection } from '../../lab/gateway/harness-config.ts'
import { request } from '../../lab/server/http.ts'
import { workspaceId } from '../../lab/personas.ts'
import { identity, lab } from './helper.ts'

const JOBS = `${workspaceId()}/jobs?api-version=2024-04-01`

t.test(
  'a gateway lives in the lab: a call goes out under its identity, and is recorded',
  async (t) => {
    const running = await lab(t)
    const gateway = await spawnGateway(running)
    t.teardown(() => gateway.kill())
    const token = await running.token('scientist')
    const reply = await request(`${gateway.url}${JOBS}`, {
      ca: running.certificates.ca,
      headers: { authorization: `Bearer ${token}` },
    })
    t.equal(reply.status, 200, reply.text())
    const [arrived] = running.requests()
    t.equal(arrived?.url, JOBS)
    const own = ['ml-reader', 'ml-writer'].map((name): unknown => identity(name).oid)
    t.ok(own.includes(arrived?.claims?.['oid']))
    const exit = await gateway.stop()
    t.strictSame(exit, { code: 0, signal: null }, gateway.logs())
    t.ok(running.ingestion.rows().length >= 2)
  },
)

t.test(
  'its configuration can have Graph for groups and introspection for opaque tokens',
  async (t) => {
    const running = await lab(t)
    const graph = withGraph(running)
    const gateway = await spawnGateway(running, {
      change: (config) => withIntrospection(false)(graph(config)),
    })
    t.teardown(() => gateway.kill())
    const overage = { groups: null, _claim_names: { groups: 'src1' }, hasgroups: true }
    const tokens = [
      await running.token('scientist', { claims: overage }),
      await running.token('reader', { opaque: true }),
    ]
    for (const token of tokens) {
      const reply = await request(`${gateway.url}${JOBS}`, {
        ca: running.certificates.ca,
        headers: { authorization: `Bearer ${token}` },
      })
      t.equal(reply.status, 200, reply.text())
    }
    t.strictSame(running.graph.counts(), { '44444444-4444-4444-8444-444444444401': 1 })
  },
)

t.test('a gateway that cannot start is an error with its own words', async (t) => {
  const running = await lab(t)
  const broken = spawnGateway(running, {
    change: (config) => ({ ...config, policies: { directory: '/nonexistent' } }),
  })
  await t.rejects(broken, { message: /ended before it was ready: exit status \d+/ })
})

t.test('a gateway can be killed as by a power cut', async (t) => {
  const running = await lab(t)
  const gateway = await spawnGateway(running, { waitUntilReady: false })
  t.strictSame(await gateway.kill(), { code: null, signal: 'SIGKILL' })
})
