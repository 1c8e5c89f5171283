/** What a target that was called once keeps in memory: a budget in bytes, which does not depend on time. */
import { Agent } from 'undici'
import t from 'tap'
import { NODE_FLAGS } from '../../lab/gateway/gateway.ts'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway } from '../support/gateway.ts'
import { liveObjects, toldHeap } from '../support/memory.ts'

/** Before it is measured: code, and caches that are full after some calls. */
const FIRST = 500
const CALLS = 2_000
const CONNECTIONS = 20
/** Of a URL of 170 characters; 8,800 when each target had texts of its own for what many targets have in common. */
const MOST_BYTES = 7_000

t.setTimeout(120_000)

t.test('what is kept of a target is its own part alone', async (t) => {
  const world = await startGateway({
    gateway: {
      execArgv: [...NODE_FLAGS, ...toldHeap],
      change: (config) => ({
        ...config,
        // one caller makes all calls
        limits: { requestsPerSecondPerPrincipal: 100_000, burstPerPrincipal: 100_000 },
      }),
    },
  })
  t.teardown(() => world.close())
  const agent = new Agent({
    connections: CONNECTIONS,
    connect: { ca: world.lab.certificates.ca },
  })
  t.teardown(() => agent.close())
  const headers = { authorization: `Bearer ${await world.lab.token('scientist')}` }

  async function callAll(from: number, to: number): Promise<void> {
    let next = from
    const caller = async (): Promise<void> => {
      while (next < to) {
        const path = `${workspaceId()}/jobs/run-${next++}?api-version=2024-04-01`
        const { body } = await agent.request({ origin: world.url, path, method: 'GET', headers })
        await body.dump()
      }
    }
    await Promise.all(Array.from({ length: CONNECTIONS }, caller))
  }

  await callAll(0, FIRST)
  const before = await liveObjects(world.gateway)
  await callAll(FIRST, FIRST + CALLS)
  const each = Math.round(((await liveObjects(world.gateway)) - before) / CALLS)
  t.ok(each < MOST_BYTES, `${each} bytes a target`)
})
