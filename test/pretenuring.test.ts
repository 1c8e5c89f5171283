/**
 * V8 allocates no objects of the gateway in the old generation, where those of a call would keep all of the call until the
 * whole heap is collected.
 */
import t from 'tap'
import { pretenured } from './support/heap/pretenuring.ts'
import { startGateway } from './support/gateway.ts'

t.setTimeout(120_000)

t.test('objects begin in the young generation, however many of their kind got old', async (t) => {
  const world = await startGateway({
    gateway: {
      execArgv: [
        '--allow-natives-syntax',
        '--import',
        new URL('support/heap/pretenuring.ts', import.meta.url).href,
      ],
    },
  })
  t.teardown(() => world.close())
  t.equal(await pretenured(world.gateway), 0)
})
