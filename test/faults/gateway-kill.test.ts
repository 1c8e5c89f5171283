/**
 * kill -9 during load: every request that Azure saw has its record, durable before Azure saw it; and the sink gets all.
 *
 * HARNESS_KILLS sets how often, 20 times at most: 3 by default, to keep `npm test` short. A gateway takes a second and more
 * to start; the spool alone, which is what must hold, is killed as often as asked in kill.test.ts.
 */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import t from 'tap'
import { startGateway } from '../support/gateway.ts'
import { checkTrail } from '../support/trail.ts'
import { workspaceId } from '../../lab/personas.ts'
import { eventually } from '../support/eventually.ts'

const KILLS = Math.min(Number(process.env['HARNESS_KILLS'] ?? 3), 20)
/** Gateways that are killed side by side, each with a spool of its own. */
const GATEWAYS = Math.min(KILLS, 2)
const ROUNDS = Math.ceil(KILLS / GATEWAYS)
const WRITERS = 16

t.setTimeout(60_000 + ROUNDS * 20_000)
t.jobs = GATEWAYS

for (let gateway = 1; gateway <= GATEWAYS; gateway += 1) {
  const name = `promise 6: kill -9 under load, ${ROUNDS} times (${gateway} of ${GATEWAYS} gateways)`
  t.test(
    `${name}: no request that upstream saw is without a record`,
    { buffered: true },
    async (t) => {
      const cache = mkdtempSync(`${tmpdir()}/harness-compiled-`)
      const world = await startGateway({
        // most of a start is compiling: what the first one has compiled serves the others
        gateway: { env: { NODE_OPTIONS: undefined, NODE_COMPILE_CACHE: cache } },
      })
      t.teardown(async () => {
        await world.close()
        rmSync(cache, { recursive: true, force: true })
      })
      const token = await world.lab.token('scientist')
      const seen = new Set<string>()
      for (let round = 0; round < ROUNDS; round += 1) {
        const arrived = world.lab.requests().length
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
        await eventually('a request of this round', () => world.lab.requests().length > arrived)
        await new Promise((done) => setTimeout(done, Math.random() * 400))
        await world.gateway.kill()
        stop.abort()
        await Promise.all(load)
        for (const request of world.lab.requests())
          seen.add(String(request.headers['x-ms-correlation-request-id']))
        await world.restart()
      }
      t.comment(`azure saw ${seen.size} requests`)
      t.ok(seen.size >= ROUNDS, `upstream saw ${seen.size} requests`)
      await checkTrail(t, world, seen)
    },
  )
}
