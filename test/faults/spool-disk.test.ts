/**
 * Faults of the disk, put before the real one's operations.
 */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { faultyDisk, errno, type Faults } from './disk.ts'
import {
  azureSink,
  chainDirectory,
  openFor,
  optionsOf,
  rowsOf,
  sinkServer,
  spoolDirectory,
} from '../audit/fixtures.ts'
import { openAudit } from '../../src/audit/open.ts'
import { segmentNames } from '../../src/audit/spool/recover.ts'
import { verifyChain } from '../../src/audit/inspect/verify.ts'
import type { Test } from '../audit/fixtures.ts'
import { until } from '../support/eventually.ts'
import { exchangeOf } from '../support/exchange.ts'

async function trail(t: Test, faults: Faults) {
  const sink = await sinkServer(t)
  const directory = spoolDirectory(t)
  const options = optionsOf(directory, azureSink(sink.url), { files: faultyDisk(faults) })
  return { sink, directory, options, audit: await openFor(t, options) }
}

/** Ids of the exchanges that the spool has a record of. */
const idsOf = (directory: string): string[] =>
  rowsOf(directory).map(({ ExchangeId }) => String(ExchangeId))

t.test('nothing is acknowledged before the disk synced', async (t) => {
  const faults: Faults = {}
  const held: (() => void)[] = []
  const { audit } = await trail(t, faults)
  faults.datasync = () =>
    new Promise((resolve) => {
      held.push(resolve)
    })
  let acknowledged = false
  const recorded = audit.recorder.authorized(exchangeOf()).then(() => {
    acknowledged = true
  })
  await new Promise((resolve) => {
    setTimeout(resolve, 300)
  })
  t.notOk(acknowledged)
  delete faults.datasync
  for (const release of held) release()
  await recorded
  t.ok(acknowledged)
})

t.test('short writes are completed, and never acknowledged before they are', async (t) => {
  const faults: Faults = {}
  const { audit, directory } = await trail(t, faults)
  let writes = 0
  faults.write = (wanted) => {
    writes += 1
    return Math.ceil(wanted / 2)
  }
  const exchange = exchangeOf()
  await audit.recorder.authorized(exchange)
  t.ok(writes > 5, `${writes} writes`)
  t.ok(idsOf(directory).includes(exchange.id))
  t.equal(verifyChain(chainDirectory(directory)).broken, null)
})

t.test(
  'where there is no room to write zeros ahead, records are written all the same',
  async (t) => {
    let refused = 0
    const faults: Faults = {
      // half of the zeros are taken, then the disk is full
      write(wanted) {
        if (wanted < 60_000) return wanted
        if (wanted > 70_000) return 65_536
        refused += 1
        throw errno('ENOSPC')
      },
    }
    const { audit, directory } = await trail(t, faults)
    const exchanges = Array.from({ length: 5 }, () => exchangeOf())
    const written: number[] = []
    for (const exchange of exchanges) {
      await audit.recorder.authorized(exchange)
      const [name = ''] = segmentNames(chainDirectory(directory))
      written.push(readFileSync(`${chainDirectory(directory)}/${name}`).at(-1) ?? -1)
    }
    t.ok(refused > 0, 'zeros did not fit')
    t.same(written, Array(5).fill(10), 'and what of them did is cut')
    const ids = idsOf(directory)
    for (const { id } of exchanges) t.ok(ids.includes(id))
    t.equal(verifyChain(chainDirectory(directory)).broken, null)
  },
)

t.test('a short write that ends in ENOSPC is cut off and refused', async (t) => {
  const faults: Faults = {}
  const { audit, directory } = await trail(t, faults)
  let calls = 0
  faults.write = (wanted) => {
    calls += 1
    if (calls === 1) return Math.min(100, wanted)
    throw errno('ENOSPC')
  }
  const exchange = exchangeOf()
  await t.rejects(audit.recorder.authorized(exchange), { code: 'audit_unavailable', status: 503 })
  delete faults.write
  t.notOk(idsOf(directory).includes(exchange.id))
  t.equal(verifyChain(chainDirectory(directory)).broken, null)
})

t.test('on a full disk what has begun can still end, what begins is refused', async (t) => {
  const faults: Faults = {}
  const { audit, directory } = await trail(t, faults)
  const running = exchangeOf()
  await audit.recorder.authorized(running)
  let failures = 1
  faults.write = (wanted) => {
    if (failures === 0) return wanted
    failures -= 1
    throw errno('ENOSPC')
  }
  const beginning = exchangeOf()
  const results = await Promise.allSettled([
    audit.recorder.authorized(beginning),
    audit.recorder.completed(running, 'success', 1),
  ])
  t.same(
    results.map(({ status }) => status),
    ['rejected', 'fulfilled'],
  )
  await t.rejects(audit.recorder.authorized(exchangeOf()), { code: 'audit_unavailable' })
  t.match(audit.ready(), { ok: false, reasons: ['the audit disk is full'] })
  await until(() => audit.ready().ok)
  await audit.recorder.authorized(exchangeOf())
  t.equal(idsOf(directory).filter((id) => id === running.id).length, 2)
  t.equal(verifyChain(chainDirectory(directory)).broken, null)
})

t.test('a failed sync rejects its waiters, and its segment is never synced again', async (t) => {
  const faults: Faults = {}
  const { audit, directory, options } = await trail(t, faults)
  let syncs = 0
  faults.datasync = () => {
    syncs += 1
    if (syncs === 1) throw errno('EIO')
  }
  const lost = [exchangeOf(), exchangeOf()]
  const results = await Promise.allSettled(lost.map((one) => audit.recorder.authorized(one)))
  t.same(
    results.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  t.notOk(audit.ready().ok)
  await until(() => audit.ready().ok)
  const later = exchangeOf()
  await audit.recorder.authorized(later)
  await audit.recorder.completed(later, 'success', 1)
  const ids = idsOf(directory)
  t.notOk(ids.includes(lost[0]?.id ?? ''))
  t.ok(ids.includes(later.id))
  const verdict = verifyChain(chainDirectory(directory))
  t.equal(verdict.broken, null)
  t.equal(verdict.segments, 2, 'a new segment was opened')
  await audit.close(1000)
  const again = await openAudit({ ...options })
  t.ok(again.ready().ok, 'a chain with a poisoned segment opens again')
  await again.close(1000)
})

t.test('a failed write that is no lack of space poisons the segment too', async (t) => {
  const faults: Faults = {}
  const { audit, directory } = await trail(t, faults)
  let failures = 1
  faults.write = (wanted) => {
    if (failures === 0) return wanted
    failures -= 1
    throw errno('EIO')
  }
  await t.rejects(audit.recorder.authorized(exchangeOf()), { code: 'audit_unavailable' })
  await until(() => audit.ready().ok)
  await audit.recorder.refused(exchangeOf())
  t.equal(verifyChain(chainDirectory(directory)).broken, null)
  t.ok(rowsOf(directory).some(({ Event }) => Event === 'spool_recovered'))
})

for (const code of ['EROFS', 'EMFILE', 'EIO']) {
  t.test(`a disk that stays ${code} fails closed and recovers unaided`, async (t) => {
    const faults: Faults = {}
    const { audit, directory } = await trail(t, faults)
    faults.write = () => {
      throw errno(code)
    }
    faults.create = () => {
      throw errno(code)
    }
    for (let n = 0; n < 20; n += 1) {
      await t.rejects(audit.recorder.authorized(exchangeOf()), {
        code: 'audit_unavailable',
        detail: { retryAfter: Number },
      })
    }
    t.notOk(audit.ready().ok)
    delete faults.write
    delete faults.create
    await until(() => audit.ready().ok)
    await audit.recorder.refused(exchangeOf())
    t.equal(verifyChain(chainDirectory(directory)).broken, null)
  })
}

t.test('a disk that fails at the start refuses to start', async (t) => {
  const sink = await sinkServer(t)
  const files = faultyDisk({
    create: () => {
      throw errno('EROFS')
    },
  })
  const options = optionsOf(spoolDirectory(t), azureSink(sink.url), { files })
  await t.rejects(openAudit(options), { message: /cannot be written: EROFS/ })
})
