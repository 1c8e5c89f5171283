/**
 * A sink that fails in every way that a sink fails, over real HTTP: nothing is lost, nothing is blocked forever.
 */
import type { ServerResponse } from 'node:http'
import { existsSync, readFileSync, rmSync, writeFileSync, cpSync } from 'node:fs'
import t from 'tap'
import {
  azureSink,
  chainDirectory,
  openFor,
  optionsOf,
  rowsOf,
  sinkServer,
  spoolDirectory,
  type Call,
  type SinkServer,
} from '../audit/fixtures.ts'
import { openAudit } from '../../src/audit/open.ts'
import { verifyChain } from '../../src/audit/inspect/verify.ts'
import { until } from '../support/eventually.ts'
import { exchangeOf } from '../support/exchange.ts'

const uidsOf = (rows: readonly { readonly EventUid: string }[]): string[] => [
  ...new Set(rows.map(({ EventUid }) => EventUid)),
]
const keep = { spool: { retentionSeconds: 3_600 } }

/** Rows at the sink, de-duplicated by key, are the rows of the spool. */
function sameSet(
  t: { same(found: unknown, wanted: unknown): unknown },
  sink: SinkServer,
  directory: string,
) {
  t.same(uidsOf(sink.rows).toSorted(), uidsOf(rowsOf(directory)).toSorted())
}

type Answer = (call: Call, response: ServerResponse) => void
const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (_, response) => {
    response.writeHead(code, headers).end('{"error":{"code":"X","message":"y"}}')
  }

/** The sink takes no batch that has a row of this exchange. */
function rejectRowsOf(sink: SinkServer, id: string): void {
  sink.answer = (call, response) => {
    if (!call.text.includes(`"ExchangeId":"${id}"`)) return false
    status(400)(call, response)
    return true
  }
}

const FAULTS: [string, Answer][] = [
  ['answers 429 without Retry-After', status(429)],
  ['answers 429 with Retry-After', status(429, { 'retry-after': '0' })],
  ['answers 500', status(500)],
  ['answers 503', status(503)],
  ['answers 401', status(401)],
  ['answers 403', status(403)],
  ['answers 404', status(404)],
  ['redirects', status(307, { location: 'http://127.0.0.1:9/' })],
  ['answers 200 where 204 is success', status(200)],
  [
    'resets the connection',
    (_, response) => {
      response.socket?.resetAndDestroy()
    },
  ],
  ['hangs', () => {}],
]

for (const [name, answer] of FAULTS) {
  t.test(`a sink that ${name} loses nothing`, async (t) => {
    const sink = await sinkServer(t)
    let failures = 3
    sink.answer = (call, response) => {
      if (failures === 0) return false
      failures -= 1
      answer(call, response)
      return true
    }
    const directory = spoolDirectory(t)
    const audit = await openFor(t, optionsOf(directory, azureSink(sink.url), keep))
    for (let n = 0; n < 20; n += 1) await audit.recorder.refused(exchangeOf())
    await until(() => failures === 0)
    t.same(await audit.close(10_000), { unshipped: 0 })
    sameSet(t, sink, directory)
    t.ok(
      rowsOf(directory).some(({ Event }) => Event === 'sink_failing' || Event === 'sink_held'),
      'the failure is on record',
    )
  })
}

t.test(
  'a sink that takes a batch and then resets gets it twice, and once by its key',
  async (t) => {
    const sink = await sinkServer(t)
    let taken = 0
    sink.answer = (call, response) => {
      if (taken > 0) return false
      taken += 1
      sink.rows.push(...JSON.parse(call.text))
      response.socket?.resetAndDestroy()
      return true
    }
    const directory = spoolDirectory(t)
    const audit = await openAudit(optionsOf(directory, azureSink(sink.url), keep))
    await audit.recorder.refused(exchangeOf())
    await until(() => sink.calls.length > 1)
    await audit.close(5_000)
    t.ok(sink.rows.length > uidsOf(sink.rows).length)
    sameSet(t, sink, directory)
  },
)

t.test('a crash before the cursor moved sends again', async (t) => {
  const sink = await sinkServer(t)
  const directory = spoolDirectory(t)
  const options = optionsOf(directory, azureSink(sink.url), keep)
  await (await openAudit(options)).close(5_000)
  const earlier = readFileSync(`${directory}/monitor.cursor`, 'utf8')
  const audit = await openAudit(options)
  await audit.recorder.refused(exchangeOf())
  await audit.close(5_000)
  writeFileSync(`${directory}/monitor.cursor`, earlier)
  await (await openAudit(options)).close(5_000)
  t.ok(sink.rows.length > uidsOf(sink.rows).length)
  sameSet(t, sink, directory)
})

t.test('a batch that is too large is halved until it fits', async (t) => {
  const sink = await sinkServer(t)
  sink.answer = (call, response) => {
    if (call.text.length < 20_000) return false
    status(413)(call, response)
    return true
  }
  const directory = spoolDirectory(t)
  const audit = await openFor(
    t,
    optionsOf(directory, azureSink(sink.url), { ...keep, timing: { lingerMs: 200 } }),
  )
  await Promise.all(Array.from({ length: 60 }, () => audit.recorder.refused(exchangeOf())))
  t.same(await audit.close(10_000), { unshipped: 0 })
  t.ok(sink.calls.some(({ text }) => text.length >= 20_000))
  sameSet(t, sink, directory)
})

t.test('a batch is never above 900 KB', async (t) => {
  const sink = await sinkServer(t)
  const directory = spoolDirectory(t)
  const audit = await openFor(
    t,
    optionsOf(directory, azureSink(sink.url), { ...keep, timing: { lingerMs: 100 } }),
  )
  const decision = { ...exchangeOf().decision!, reason: 'r'.repeat(16_000) }
  await Promise.all(
    Array.from({ length: 150 }, () => audit.recorder.refused(exchangeOf({ decision }))),
  )
  t.same(await audit.close(20_000), { unshipped: 0 })
  for (const { text } of sink.calls) t.ok(Buffer.byteLength(text) <= 900_000)
  t.ok(sink.calls.length >= 3)
  sameSet(t, sink, directory)
})

t.test('one poison row blocks nothing and is itself on record', async (t) => {
  const sink = await sinkServer(t)
  const poison = exchangeOf()
  rejectRowsOf(sink, poison.id)
  const directory = spoolDirectory(t)
  const audit = await openFor(t, optionsOf(directory, azureSink(sink.url), keep))
  for (let n = 0; n < 30; n += 1) {
    await audit.recorder.refused(n === 15 ? poison : exchangeOf())
  }
  await until(() => sink.rows.some(({ Event }) => Event === 'dead_letter'))
  t.same(await audit.close(10_000), { unshipped: 0 })
  const [buried] = rowsOf(directory).filter(({ ExchangeId }) => ExchangeId === poison.id)
  const declared = sink.rows.filter(({ Event }) => Event === 'dead_letter')
  t.equal(declared.length, 1)
  t.match(declared[0]?.['Detail'], { sink: 'monitor', uid: buried?.EventUid })
  t.match(readFileSync(`${directory}/monitor.dead-letter.jsonl`, 'utf8'), poison.id)
  t.same(
    uidsOf([...sink.rows, buried!]).toSorted(),
    uidsOf(rowsOf(directory)).toSorted(),
    'all but the poison arrived',
  )
})

t.test('a poison row that is alone in its batch is found once others follow', async (t) => {
  const sink = await sinkServer(t)
  const poison = exchangeOf()
  rejectRowsOf(sink, poison.id)
  const directory = spoolDirectory(t)
  const audit = await openFor(t, optionsOf(directory, azureSink(sink.url), keep))
  await until(() => sink.rows.length > 0)
  await audit.recorder.refused(poison)
  await until(() => rowsOf(directory).some(({ Event }) => Event === 'sink_held'))
  await audit.recorder.refused(exchangeOf())
  await until(() => sink.rows.some(({ Event }) => Event === 'dead_letter'))
  t.same(await audit.close(10_000), { unshipped: 0 })
  const [buried] = rowsOf(directory).filter(({ ExchangeId }) => ExchangeId === poison.id)
  t.same(
    uidsOf([...sink.rows, buried!]).toSorted(),
    uidsOf(rowsOf(directory)).toSorted(),
    'all but the poison arrived',
  )
})

t.test('a sink that rejects every row is held: nothing is buried', async (t) => {
  const sink = await sinkServer(t)
  let wrong = true
  sink.answer = (call, response) => {
    if (wrong) status(400)(call, response)
    return wrong
  }
  const directory = spoolDirectory(t)
  const options = optionsOf(directory, azureSink(sink.url), keep)
  // its answers must not change in the middle of the next attempt
  const timing = { ...options.timing, holdMs: 60_000 }
  const audit = await openFor(t, { ...options, timing })
  for (let n = 0; n < 5; n += 1) await audit.recorder.refused(exchangeOf())
  await until(() => rowsOf(directory).some(({ Event }) => Event === 'sink_held'))
  wrong = false
  t.same(await audit.close(10_000), { unshipped: 0 })
  t.notOk(existsSync(`${directory}/monitor.dead-letter.jsonl`))
  sameSet(t, sink, directory)
})

t.test('a Retry-After of a day is cut to the longest one', async (t) => {
  const sink = await sinkServer(t)
  let refused = 0
  sink.answer = (call, response) => {
    if (refused > 0) return false
    refused += 1
    status(429, { 'retry-after': '86400' })(call, response)
    return true
  }
  const directory = spoolDirectory(t)
  const options = optionsOf(directory, azureSink(sink.url), keep)
  const audit = await openFor(t, {
    ...options,
    timing: { ...options.timing, maxRetryAfterMs: 50 },
  })
  await audit.recorder.refused(exchangeOf())
  await until(() => sink.rows.length > 0)
  await audit.close(5_000)
  sameSet(t, sink, directory)
})

t.test(
  'an outage costs disk and not data: the limits fail closed and recover unaided',
  async (t) => {
    const sink = await sinkServer(t)
    let down = true
    sink.answer = (call, response) => {
      if (down) status(503)(call, response)
      return down
    }
    const directory = spoolDirectory(t)
    const audit = await openFor(
      t,
      optionsOf(directory, azureSink(sink.url), {
        spool: { segmentBytes: 65_536, softLimitBytes: 300_000, hardLimitBytes: 400_000 },
      }),
    )
    const acknowledged: string[] = []
    for (;;) {
      const exchange = exchangeOf()
      try {
        await audit.recorder.authorized(exchange)
        acknowledged.push(exchange.id)
      } catch (error) {
        t.match(error, { code: 'audit_unavailable', detail: { retryAfter: Number } })
        break
      }
    }
    t.match(audit.ready(), { ok: false, reasons: ['the audit spool is at its hard limit'] })
    t.resolves(
      audit.recorder.completed(exchangeOf({ id: acknowledged[0]! }), 'success', 1),
      'what has begun can end',
    )
    down = false
    await until(() => audit.ready().ok)
    await audit.recorder.authorized(exchangeOf())
    await audit.close(10_000)
    const arrived = new Set(sink.rows.map(({ ExchangeId }) => ExchangeId))
    t.same(
      acknowledged.filter((id) => !arrived.has(id)),
      [],
    )
    t.equal(verifyChain(chainDirectory(directory)).broken, null, 'retired segments are on record')
  },
)

t.test('a segment that a required sink does not have is never deleted', async (t) => {
  const sink = await sinkServer(t)
  const dead = await sinkServer(t)
  dead.answer = (call, response) => {
    status(503)(call, response)
    return true
  }
  const directory = spoolDirectory(t)
  const sinks = [
    ...azureSink(sink.url),
    { name: 'second', kind: 'https' as const, endpoint: dead.url },
  ]
  const audit = await openFor(t, optionsOf(directory, sinks, { spool: { segmentBytes: 65_536 } }))
  for (let n = 0; n < 100; n += 1) await audit.recorder.refused(exchangeOf())
  await until(() => sink.rows.length >= 100)
  await new Promise((resolve) => {
    setTimeout(resolve, 1_500)
  })
  t.equal(rowsOf(directory)[0]?.Seq, 1)
})

t.test('an optional sink that is dead keeps no segment, and its loss is on record', async (t) => {
  const sink = await sinkServer(t)
  const dead = await sinkServer(t)
  let down = true
  dead.answer = (call, response) => {
    if (down) status(503)(call, response)
    return down
  }
  const directory = spoolDirectory(t)
  const sinks = [
    ...azureSink(sink.url),
    { name: 'second', kind: 'https' as const, endpoint: dead.url, required: false },
  ]
  const audit = await openFor(
    t,
    optionsOf(directory, sinks, { spool: { segmentBytes: 65_536, retentionSeconds: 0 } }),
  )
  for (let n = 0; n < 100; n += 1) await audit.recorder.refused(exchangeOf())
  await until(() => (rowsOf(directory)[0]?.Seq ?? 0) > 1)
  down = false
  await until(() => sink.rows.some(({ Event }) => Event === 'sink_skipped'))
  t.pass('it says what it skipped')
})

t.test(
  'a graceful stop with a slow sink counts what is left, and the next start ships it',
  async (t) => {
    const sink = await sinkServer(t)
    let slow = true
    sink.answer = () => slow
    const directory = spoolDirectory(t)
    const options = optionsOf(directory, azureSink(sink.url), keep)
    const audit = await openAudit(options)
    for (let n = 0; n < 10; n += 1) await audit.recorder.refused(exchangeOf())
    const start = performance.now()
    const { unshipped } = await audit.close(300)
    t.ok(unshipped >= 10, `${unshipped} left`)
    t.ok(performance.now() - start < 3_000)
    slow = false
    const again = await openAudit(options)
    t.same(await again.close(10_000), { unshipped: 0 })
    sameSet(t, sink, directory)
  },
)

t.test('metrics tell the spool and its sinks', async (t) => {
  const sink = await sinkServer(t)
  const directory = spoolDirectory(t)
  const audit = await openFor(t, optionsOf(directory, azureSink(sink.url)))
  await audit.recorder.refused(exchangeOf())
  await until(() => sink.rows.length > 1)
  const metrics = new Map(audit.metrics().map((metric) => [metric.name, metric]))
  for (const name of [
    'audit_spool_bytes',
    'audit_sync_seconds',
    'audit_oldest_unshipped_seconds',
    'audit_sink_rows_total',
    'audit_refusals_total',
  ]) {
    t.ok(metrics.has(name), name)
  }
  t.ok((metrics.get('audit_spool_records_total')?.values[0]?.value ?? 0) >= 2)
})

t.test('no secret of the gateway is in the spool', async (t) => {
  const sink = await sinkServer(t)
  const directory = spoolDirectory(t)
  const logged: string[] = []
  const options = optionsOf(directory, azureSink(sink.url), {
    ...keep,
    hashKey: Buffer.from('cAnArY-hash-key'),
    log: (fields, message) => logged.push(JSON.stringify(fields) + message),
  })
  let failures = 2
  sink.answer = (call, response) => {
    failures -= 1
    if (failures >= 0) status(403)(call, response)
    return failures >= 0
  }
  const audit = await openAudit(options)
  await audit.recorder.refused(exchangeOf())
  await until(() => sink.rows.length > 0)
  await audit.close(5_000)
  cpSync(directory, `${directory}-copy`, { recursive: true })
  t.teardown(() => {
    rmSync(`${directory}-copy`, { recursive: true, force: true })
  })
  const text = JSON.stringify(rowsOf(directory)) + logged.join('')
  t.notMatch(text, 'sink-token')
  t.notMatch(text, 'cAnArY-hash-key')
  t.ok(logged.length > 0)
})
