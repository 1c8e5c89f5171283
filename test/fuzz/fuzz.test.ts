/** The properties of `npm run fuzz`, bounded by cases: the same ones on every machine. */
import * as fc from 'fast-check'
import t from 'tap'
import { TARGETS } from './targets.ts'

t.setTimeout(280_000)
const SEED = 7_515

for (const [name, target] of TARGETS) {
  t.test(`${name}: ${target.holds}`, async (t) => {
    const { property, close } = await target.open()
    t.teardown(close)
    await fc.assert(property as fc.IAsyncProperty<unknown>, { seed: SEED, numRuns: target.cases })
    t.pass(`${target.cases} cases`)
  })
}
