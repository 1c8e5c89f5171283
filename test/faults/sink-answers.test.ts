/**
 * Answers of a sink that once kept a shipper busy for nothing.
 */
import { readFileSync } from 'node:fs'
import t from 'tap'
import {
  azureSink,
  openFor,
  optionsOf,
  rowsOf,
  sinkServer,
  spoolDirectory,
} from '../audit/fixtures.ts'
import { until } from '../support/eventually.ts'
import { exchangeOf } from '../support/exchange.ts'

const keep = { spool: { retentionSeconds: 3_600 } }

t.test('a poison row met while stopping is put aside once and blocks nothing', async (t) => {
  const sink = await sinkServer(t)
  const poison = exchangeOf()
  let down = true
  sink.answer = (call, response) => {
    const bad = call.text.includes(`"ExchangeId":"${poison.id}"`)
    if (down) response.writeHead(503).end()
    else if (bad) response.writeHead(400).end()
    return down || bad
  }
  const directory = spoolDirectory(t)
  const logged: string[] = []
  const audit = await openFor(
    t,
    optionsOf(directory, azureSink(sink.url), { ...keep, log: (_, text) => logged.push(text) }),
  )
  for (let n = 0; n < 9; n += 1) await audit.recorder.refused(n === 4 ? poison : exchangeOf())
  await until(() => rowsOf(directory).some(({ Event }) => Event === 'sink_failing'))
  const closing = audit.close(3_000)
  down = false
  t.same(await closing, { unshipped: 0 })
  const dead = readFileSync(`${directory}/monitor.dead-letter.jsonl`, 'utf8').trim().split('\n')
  t.same(
    dead.map((text) => JSON.parse(text).ExchangeId),
    [poison.id],
  )
  const uids = sink.rows.map(({ EventUid }) => EventUid)
  t.equal(uids.length, new Set(uids).size, 'nothing came twice')
  t.ok(logged.includes('audit sink dead letter'), 'the trail is closed: the log has it')
})

t.test('a Retry-After of nothing is no invitation to ask without a pause', async (t) => {
  const sink = await sinkServer(t)
  const at: number[] = []
  sink.answer = (_, response) => {
    at.push(performance.now())
    if (at.length > 4) return false
    // a whole number of seconds: an OpenTelemetry Collector that means half a second says 0
    response.writeHead(503, { 'retry-after': '0' }).end()
    return true
  }
  const directory = spoolDirectory(t)
  const options = optionsOf(directory, azureSink(sink.url), keep)
  const audit = await openFor(t, {
    ...options,
    timing: { ...options.timing, firstBackoffMs: 50 },
  })
  await until(() => at.length > 4)
  await audit.close(5_000)
  const pauses = at.slice(1, 5).map((time, n) => time - (at[n] ?? 0))
  t.ok(
    pauses.every((ms) => ms >= 45),
    pauses.join(' '),
  )
  t.same(
    sink.rows.map(({ EventUid }) => EventUid),
    rowsOf(directory).map(({ EventUid }) => EventUid),
  )
})
