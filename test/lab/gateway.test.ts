import t from 'tap'
import { spawnGateway } from '../../lab/gateway.ts'
import { request } from '../../lab/http.ts'
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
