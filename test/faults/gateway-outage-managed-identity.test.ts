/** The managed-identity endpoint down, slow, wrong and flapping under load: see support/sides.ts. */
import t from 'tap'
import { IDENTITIES } from '../../lab/personas.ts'
import {
  allModes,
  backedOff,
  CALLERS,
  COLD_EACH,
  long,
  one,
  startSides,
  type Ground,
} from './support/sides.ts'

t.setTimeout(300_000)

void t.test('the managed-identity endpoint, when Azure has revoked a token', async (test) => {
  const { world, anHour } = await startSides(test)
  const reader = await world.lab.token('reader', long())
  const ground: Ground = {
    world,
    part: 'identity',
    path: '/msi/token',
    counted: IDENTITIES.find(({ name }) => name === 'ml-reader')?.clientId ?? 'none',
    code: 'identity_unavailable',
    warm: [await world.lab.token('scientist', long())],
    async renew() {
      await anHour()
      // so that there is a token to lose
      await one(ground, reader)
    },
    async broken() {
      await world.fault('upstream', { status: 401, times: 1 })
      await one(ground, reader)
    },
    cold: async () => reader,
    recover: async () => undefined,
    bound: (elapsed) => 1 + backedOff(elapsed),
    most: 1 + CALLERS * COLD_EACH,
  }
  await allModes(test as typeof t, ground)
})
