/** Introspection down, slow, wrong and flapping under load: see support/sides.ts. */
import t from 'tap'
import { withIntrospection } from '../../lab/gateway/harness-config.ts'
import {
  allModes,
  backedOff,
  CALLERS,
  COLD_EACH,
  long,
  startSides,
  type Ground,
} from './support/sides.ts'

t.setTimeout(300_000)

void t.test('introspection, when an opaque token comes', async (test) => {
  const { world } = await startSides(test, () => withIntrospection(false))
  const ground: Ground = {
    world,
    part: 'okta',
    path: '/introspection',
    counted: '/introspection',
    code: 'idp_unavailable',
    warm: [await world.lab.token('reader', long()), await world.lab.token('scientist', long())],
    renew: async () => undefined,
    cold: () => world.lab.token('reader', { opaque: true }),
    recover: async () => undefined,
    bound: (elapsed) => CALLERS + backedOff(elapsed),
    most: CALLERS * COLD_EACH,
  }
  await allModes(test as typeof t, ground)
})
