/** The issuer down, slow, wrong and flapping under load: see support/sides.ts. */
import t from 'tap'
import { allModes, calls, long, startSides, wait, type Ground } from './support/sides.ts'

t.setTimeout(300_000)

void t.test('the issuer, when its keys change', async (test) => {
  const { world, anHour } = await startSides(test)
  const scientist = (): Promise<string> => world.lab.token('scientist', long())
  const ground: Ground = {
    world,
    part: 'entra',
    path: '/jwks',
    counted: '/jwks',
    code: 'idp_unavailable',
    warm: [await scientist(), await world.lab.token('reader', long())],
    async renew() {
      await ground.recover()
      await world.lab.issuers.entra.rotate(true)
    },
    cold: scientist,
    async recover() {
      const before = calls(ground)
      await anHour()
      for (let tries = 0; tries < 400 && calls(ground) === before; tries += 1) await wait(10)
    },
    // ATTEMPT_GAP_MS in src/identity/keys/key-refresh.ts
    bound: (elapsed) => 1 + Math.floor(elapsed / 30),
    most: 2,
  }
  await allModes(test as typeof t, ground)
})
