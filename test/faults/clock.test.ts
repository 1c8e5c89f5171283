/**
 * Clocks that jump: order is by number and by a clock that does not.
 */
import t from 'tap'
import {
  azureSink,
  chainDirectory,
  openFor,
  optionsOf,
  rowsOf,
  sinkServer,
  spoolDirectory,
} from '../audit/fixtures.ts'
import { verifyChain } from '../../src/audit/inspect/verify.ts'
import { exchangeOf } from '../support/exchange.ts'

const HOUR = 3_600_000

t.test('a clock that jumps an hour back and two days ahead disturbs no order', async (t) => {
  const sink = await sinkServer(t)
  const directory = spoolDirectory(t)
  let shift = 0
  const audit = await openFor(
    t,
    optionsOf(directory, azureSink(sink.url), {
      now: () => Date.now() + shift,
      spool: { retentionSeconds: 864_000 },
    }),
  )
  for (const jump of [0, -HOUR, 48 * HOUR, -HOUR]) {
    shift = jump
    const exchange = exchangeOf()
    await audit.recorder.authorized(exchange)
    await audit.recorder.completed(exchange, 'success', 5)
  }
  t.same(await audit.close(5_000), { unshipped: 0 })
  const rows = rowsOf(directory)
  t.same(
    rows.map(({ Seq }) => Seq),
    rows.map((_, index) => index + 1),
  )
  const monotonic = rows.map(({ MonotonicMs }) => Number(MonotonicMs))
  t.same(
    monotonic,
    monotonic.toSorted((a, b) => a - b),
  )
  t.ok(rows.every(({ DurationMs }) => DurationMs === undefined || Number(DurationMs) >= 0))
  t.ok(
    rows.every(({ EventTime, TimeGenerated }) => EventTime === TimeGenerated),
    'EventTime keeps the truth where Azure replaces TimeGenerated',
  )
  t.equal(verifyChain(chainDirectory(directory)).broken, null)
})
