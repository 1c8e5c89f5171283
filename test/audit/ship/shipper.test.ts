/** How records are put together into batches. */
import t from 'tap'
import { openAudit } from '../../../src/audit/open.ts'
import { azureSink, optionsOf, sinkServer, spoolDirectory } from '../fixtures.ts'
import { until } from '../../support/eventually.ts'
import { exchangeOf } from '../../support/exchange.ts'

t.test('records that come while a batch is sent wait for more of them', async (t) => {
  const sink = await sinkServer(t)
  let answer = (): void => {}
  sink.answer = (call, response) => {
    if (sink.calls.length > 1) return false
    answer = () => {
      sink.rows.push(...JSON.parse(call.text))
      response.writeHead(204).end()
    }
    return true
  }
  const options = optionsOf(spoolDirectory(t), azureSink(sink.url), {
    timing: { lingerMs: 3_600_000 },
  })
  const audit = await openAudit(options)
  await until(() => sink.calls.length === 1)
  await audit.recorder.refused(exchangeOf())
  answer()
  const sent = (): boolean =>
    audit
      .metrics()
      .some(({ name, values }) => name === 'audit_sink_rows_total' && values.length > 0)
  await until(sent)
  for (let n = 0; n < 10; n += 1) await audit.recorder.refused(exchangeOf())
  t.same(await audit.close(30_000), { unshipped: 0 }, 'an end does not wait')
  t.equal(sink.calls.length, 2)
  t.equal(sink.rows.filter(({ RecordKind }) => RecordKind === 'refused').length, 11)
})

t.test('a full batch does not wait for more', async (t) => {
  const sink = await sinkServer(t)
  const options = optionsOf(spoolDirectory(t), azureSink(sink.url), {
    timing: { lingerMs: 3_600_000 },
  })
  const audit = await openAudit(options)
  await until(() => sink.calls.length === 1)
  // more than fill one even if they were as small as the record of the start
  const text = 'x'.repeat(2_000)
  await Promise.all(Array.from({ length: 3_000 }, () => audit.recorder.event('filler', { text })))
  await until(() => sink.calls.length > 1)
  const [, full] = sink.calls
  t.ok(Buffer.byteLength(full?.text ?? '') > 800_000)
  t.same(await audit.close(30_000), { unshipped: 0 })
})
