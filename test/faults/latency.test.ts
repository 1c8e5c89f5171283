/**
 * The group commit's shape, which no machine's speed can hide: waiters share a sync. The times are in `npm run bench`.
 */
import t from 'tap'
import { faultyDisk, type Faults } from './disk.ts'
import { azureSink, openFor, optionsOf, sinkServer, spoolDirectory } from '../audit/fixtures.ts'
import { exchangeOf } from '../support/exchange.ts'

t.test('sixty-four that wait share a sync: a slow disk is waited for twice at most', async (t) => {
  const sink = await sinkServer(t)
  const faults: Faults = {}
  const audit = await openFor(
    t,
    optionsOf(spoolDirectory(t), azureSink(sink.url), { files: faultyDisk(faults) }),
  )
  let syncs = 0
  faults.datasync = async () => {
    syncs += 1
    await new Promise((resolve) => {
      setTimeout(resolve, 20)
    })
  }
  await Promise.all(Array.from({ length: 64 }, () => audit.recorder.authorized(exchangeOf())))
  t.ok(syncs <= 2, `${syncs} syncs for 64 records`)
})
