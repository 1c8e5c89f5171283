/**
 * kill -9 during load: every request that Azure saw has its record, durable before Azure saw it; and the sink gets all.
 *
 * HARNESS_KILLS sets how often; 3 by default, to keep `npm test` short.
 */
import { randomUUID } from 'node:crypto'
import t from 'tap'
import { startGateway } from '../support/gateway.ts'
import { checkTrail } from '../support/trail.ts'
import { workspaceId } from '../../lab/personas.ts'

const ROUNDS = Number(process.env['HARNESS_KILLS'] ?? 3)
const WRITERS = 16

t.setTimeout(60_000 + ROUNDS * 20_000)

t.test(
  `kill -9 under load, ${ROUNDS} times: no request that upstream saw is without a record`,
  async (t) => {
    const world = await startGateway()
    t.teardown(() => world.close())
    const token = await world.lab.token('scientist')
    const seen = new Set<string>()
    for (let round = 0; round < ROUNDS; round += 1) {
      const stop = new AbortController()
      const writer = async (): Promise<void> => {
        while (!stop.signal.aborted) {
          await world
            .send(`${workspaceId()}/jobs/j-${randomUUID()}?api-version=2024-04-01`, {
              method: 'PUT',
              headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
              body: '{"properties":{"jobType":"Command"}}',
            })
            .catch(() => undefined)
        }
      }
      const load = Array.from({ length: WRITERS }, writer)
      await new Promise((done) => setTimeout(done, 400 + Math.random() * 400))
      await world.gateway.kill()
      stop.abort()
      await Promise.all(load)
      for (const request of world.lab.requests())
        seen.add(String(request.headers['x-ms-correlation-request-id']))
      await world.restart()
    }
    t.ok(seen.size > 50, `upstream saw ${seen.size} requests`)
    await checkTrail(t, world, seen)
  },
)
