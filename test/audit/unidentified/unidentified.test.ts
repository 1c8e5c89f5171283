/** Refusals of callers that were not identified, on a real disk: what their answers wait for, and that none is lost. */
import t from 'tap'
import {
  azureSink,
  openFor,
  optionsOf,
  rowsOf,
  sinkServer,
  spoolDirectory,
  type SinkRow,
  type Test,
} from '../fixtures.ts'
import { errno, faultyDisk, type Faults } from '../../faults/disk.ts'
import { chainsIn, verifyChain } from '../../../src/audit/inspect/verify.ts'
import { openAudit, type Audit, type AuditOptions } from '../../../src/audit/open.ts'
import { Refusal } from '../../../src/errors.ts'
import type { Exchange } from '../../../src/exchange.ts'
import { eventually } from '../../support/eventually.ts'
import { exchangeOf } from '../../support/exchange.ts'

const BURST = 3
const missing = new Refusal('missing_token', 'a bearer token is missing')

/** A refusal of somebody who was not identified. */
function stranger(number: number, ip = '192.0.2.1'): Exchange {
  const id = `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
  const source = { ip, port: 1 }
  return exchangeOf({
    id,
    source,
    principal: null,
    operation: null,
    decision: null,
    refusal: missing,
  })
}

interface Trail {
  readonly directory: string
  readonly options: AuditOptions
  readonly audit: Audit
  /** Refuses so many strangers; resolves with how many were told that they cannot be recorded. */
  readonly refuse: (count: number, ip?: string) => Promise<number>
  readonly metric: (name: string) => number | undefined
}

async function openTrail(
  t: Test,
  change: Parameters<typeof optionsOf>[2] = {},
  directory = spoolDirectory(t),
): Promise<Trail> {
  const sink = await sinkServer(t)
  const unidentified = { burst: BURST, perSecond: 0, ...change.unidentified }
  const options = optionsOf(directory, azureSink(sink.url), { ...change, unidentified })
  const audit = await openFor(t, options)
  let number = 0
  return {
    directory,
    options,
    audit,
    async refuse(count, ip) {
      const results = await Promise.allSettled(
        Array.from({ length: count }, () => audit.recorder.refused(stranger(number++, ip))),
      )
      return results.filter(({ status }) => status === 'rejected').length
    },
    metric: (name) => {
      const found = audit.metrics().find((metric) => metric.name === `audit_${name}`)
      return found?.values[0]?.value
    },
  }
}

const summariesOf = (rows: readonly SinkRow[]): SinkRow[] =>
  rows.filter(({ RecordKind }) => RecordKind === 'summary')
const refusedIn = (rows: readonly SinkRow[]): number =>
  rows.filter(({ RecordKind }) => RecordKind === 'refused').length +
  summariesOf(rows).reduce((sum, row) => sum + Number(row['Count']), 0)

t.test('a burst waits for the disk, what follows does not', async (t) => {
  const faults: Faults = {}
  const { refuse, audit, directory, metric } = await openTrail(t, { files: faultyDisk(faults) })
  const { promise: hung, resolve: letGo } = Promise.withResolvers<void>()
  faults.datasync = () => hung
  let burstEnded = false
  const burst = refuse(BURST).then((rejected) => {
    burstEnded = true
    return rejected
  })
  t.equal(await refuse(40), 0, 'the others have their answer')
  t.notOk(burstEnded, 'the burst has not')
  t.equal(metric('unidentified_waiting'), 40)
  letGo()
  t.equal(await burst, 0)
  await audit.close(1_000)
  t.equal(refusedIn(rowsOf(directory)), BURST + 40)
})

t.test('while the disk fails nothing is lost of what was answered', async (t) => {
  const faults: Faults = {}
  const { refuse, directory, metric } = await openTrail(t, { files: faultyDisk(faults) })
  faults.write = () => {
    throw errno('EIO')
  }
  t.equal(await refuse(BURST), BURST, 'who has a record of their own is told 503')
  t.equal(await refuse(40), 0)
  delete faults.write
  await eventually('it is written once the disk works', () => metric('unidentified_waiting') === 0)
  t.equal(refusedIn(rowsOf(directory)), 40)
})

t.test('who is identified has a record of each refusal', async (t) => {
  const { audit, directory } = await openTrail(t)
  const refusal = new Refusal('policy_refused', 'no')
  for (let call = 0; call < BURST * 10; call += 1)
    await audit.recorder.refused(exchangeOf({ refusal }))
  t.equal(rowsOf(directory).filter(({ RecordKind }) => RecordKind === 'refused').length, BURST * 10)
})

t.test('a network of IPv6 is one source, and addresses of IPv4 are their own', async (t) => {
  const { refuse, audit, directory } = await openTrail(t)
  for (let host = 1; host <= 10; host += 1) {
    await refuse(1, `2001:db8:0:1::${host}`)
    await refuse(1, `::ffff:192.0.2.${host}`)
  }
  await audit.close(1_000)
  const rows = rowsOf(directory)
  t.match(summariesOf(rows), [{ SourceIp: '2001:db8:0:1::/64', Count: 10 - BURST }])
  t.equal(refusedIn(rows), 20)
})

t.test('bytes that never were a request count like requests', async (t) => {
  const { audit, directory } = await openTrail(t)
  for (let number = 0; number < 10; number += 1)
    await audit.recorder.received({
      id: `id${number}`,
      source: { ip: '192.0.2.1', port: 1 },
      what: 'HPE_INVALID_METHOD',
      code: 'bad_request',
      status: 400,
    })
  await audit.close(1_000)
  const rows = rowsOf(directory)
  t.equal(rows.filter(({ RecordKind }) => RecordKind === 'received').length, BURST)
  t.match(summariesOf(rows), [
    { Count: 10 - BURST, RefusalCodes: { bad_request: 10 - BURST }, SampleIds: ['id3'] },
  ])
})

t.test('a spool at its limit closes with one summary for all that was counted', async (t) => {
  const { refuse, audit, directory } = await openTrail(t, {
    spool: { segmentBytes: 65_536, softLimitBytes: 70_000, hardLimitBytes: 72_000 },
  })
  const permitted = exchangeOf()
  await eventually('the spool is full', async () => {
    await audit.recorder.authorized(permitted).catch(() => undefined)
    return audit.ready().reasons.some((why) => why.includes('hard limit'))
  })
  t.equal(await refuse(1, '192.0.2.1'), 1, 'a record of its own is not to be had')
  for (const ip of ['192.0.2.1', '192.0.2.2']) await refuse(10, ip)
  await audit.close(1_000)
  const [summary, ...others] = summariesOf(rowsOf(directory))
  t.same(others, [])
  // each had what was left of its burst, and was told 503
  t.match(summary, { SourceIp: '(other)', Count: 20 - (BURST - 1) - BURST })
})

t.test('a disk that fails to the end says how many it did not take', async (t) => {
  const faults: Faults = {}
  const said: unknown[] = []
  const { refuse, audit } = await openTrail(t, {
    files: faultyDisk(faults),
    log: (fields, message) => said.push([message, fields['refusals']]),
  })
  await refuse(BURST + 40)
  faults.write = () => {
    throw errno('EIO')
  }
  await audit.close(1_000)
  t.ok(said.some((one) => JSON.stringify(one) === '["counted refusals could not be recorded",40]'))
})

t.test('what strangers have of the spool is known after a start', async (t) => {
  const first = await openTrail(t)
  await first.audit.recorder.authorized(exchangeOf())
  await first.audit.recorder.refused(exchangeOf({ refusal: new Refusal('policy_refused', 'no') }))
  await first.refuse(BURST + 40)
  await first.audit.close(1_000)
  const [chain = ''] = chainsIn(first.directory)
  t.equal(verifyChain(chain).broken, null)
  const bytes = first.metric('unidentified_spool_bytes') ?? 0
  t.ok(bytes > 1_000)
  const again = await openAudit(first.options)
  t.teardown(() => again.close(100))
  const found = again.metrics().find(({ name }) => name === 'audit_unidentified_spool_bytes')
  const known = found?.values[0]?.value ?? 0
  t.ok(Math.abs(known - bytes) < bytes / 20, `${known} bytes, ${bytes} before`)
})
