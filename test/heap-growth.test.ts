/**
 * V8 does not collect the whole heap of a gateway for every fifth that is added to it, as it would by itself: that holds calls
 * up.
 */
import t from 'tap'
import { collectedWhileGrowing } from './support/heap/growth.ts'
import { startGateway } from './support/gateway.ts'

t.setTimeout(120_000)

t.test('the whole heap is not collected while what is alive grows by half', async (t) => {
  const world = await startGateway({
    gateway: {
      execArgv: [
        // V8 also collects the whole heap when little is going on: that holds nobody up
        '--no-memory-reducer',
        '--import',
        new URL('support/heap/growth.ts', import.meta.url).href,
      ],
    },
  })
  t.teardown(() => world.close())
  t.equal(await collectedWhileGrowing(world.gateway), 0)
})
