/** An outcome that is owed to the disk is enough to be unready, also while it is being written. */
import t from 'tap'
import { azureSink, openFor, optionsOf, rowsOf } from '../audit/fixtures.ts'
import { sinkServer, spoolDirectory } from '../audit/fixtures.ts'
import { diskFiles, type SpoolFiles } from '../../src/audit/spool/files.ts'
import { errno } from './disk.ts'
import { until } from '../support/eventually.ts'
import { exchangeOf } from '../support/exchange.ts'

t.test('readiness drops for an owed outcome alone, and rises when it is on the disk', async (t) => {
  let mode: 'well' | 'refuses' | 'hangs' = 'well'
  let held = 0
  const { promise, resolve: letGo } = Promise.withResolvers<void>()
  // the disk takes all but ends of requests
  const files: SpoolFiles = {
    ...diskFiles,
    create: async (directory, name) => {
      const file = await diskFiles.create(directory, name)
      return {
        ...file,
        write: async (data, offset, position) => {
          if (data.subarray(offset).includes('"RecordKind":"completed"')) {
            if (mode === 'refuses') throw errno('EIO')
            if (mode === 'hangs') {
              held += 1
              await promise
            }
          }
          return file.write(data, offset, position)
        },
      }
    },
  }
  const sink = await sinkServer(t)
  const directory = spoolDirectory(t)
  const audit = await openFor(t, optionsOf(directory, azureSink(sink.url), { files }))
  const exchange = exchangeOf()
  await audit.recorder.authorized(exchange)
  t.same(audit.ready(), { ok: true, reasons: [] })
  mode = 'refuses'
  await t.rejects(audit.recorder.completed(exchange, 'success', 1), { code: 'audit_unavailable' })
  t.ok(audit.ready().reasons.some((why) => why.startsWith('1 outcomes')))

  mode = 'hangs'
  await until(() => held > 0)
  t.same(
    audit.ready(),
    { ok: false, reasons: ['1 outcomes are not on the audit disk yet'] },
    'the disk is well, and the outcome is not on it',
  )
  mode = 'well'
  letGo()
  await until(() => audit.ready().ok)
  const ends = rowsOf(directory).filter(({ RecordKind }) => RecordKind === 'completed')
  t.same(
    ends.map(({ ExchangeId }) => ExchangeId),
    [exchange.id],
  )
})
