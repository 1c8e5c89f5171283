/** Refusals of callers who make too many calls, on a real disk: a burst has records, the rest is counted, none is lost. */
import t from 'tap'
import { azureSink, openFor, optionsOf, rowsOf, sinkServer, spoolDirectory } from './fixtures.ts'
import { Refusal } from '../../src/errors.ts'
import { eventually } from '../support/eventually.ts'
import { exchangeOf } from '../support/exchange.ts'

const BURST = 100
const tooMany = new Refusal('too_many_requests', 'too many')

t.test(
  'beyond a burst they are counted by caller, and written when the trail closes',
  async (t) => {
    const directory = spoolDirectory(t)
    const sink = await sinkServer(t)
    const audit = await openFor(t, optionsOf(directory, azureSink(sink.url)))
    const caller = exchangeOf().principal
    const other = caller === null ? null : { ...caller, id: 'entra/t/other' }
    const refuse = async (count: number, principal = caller, refusal = tooMany): Promise<void> => {
      const all = Array.from({ length: count }, () => exchangeOf({ principal, refusal }))
      await Promise.all(all.map((exchange) => audit.recorder.refused(exchange)))
    }
    await refuse(3 * BURST)
    await refuse(1, other)
    await refuse(BURST, caller, new Refusal('policy_refused', 'no'))
    const summaries = () => rowsOf(directory).filter((row) => row['RecordKind'] === 'summary')
    await eventually('what was counted is written each second', () => summaries().length > 0)
    await refuse(BURST)
    await audit.close(0)

    const rows = rowsOf(directory)
    const own = rows.filter((row) => row['RefusalCode'] === 'too_many_requests')
    const ofCaller = own.filter((row) => row['PrincipalId'] === caller?.id)
    t.ok(ofCaller.length >= BURST && ofCaller.length < 3 * BURST, `${ofCaller.length} of their own`)
    t.equal(own.length - ofCaller.length, 1, 'another caller has its own burst')
    const counted = summaries().reduce((sum, row) => sum + Number(row['Count']), 0)
    t.equal(ofCaller.length + counted, 4 * BURST, 'each is on record once')
    for (const row of summaries()) {
      t.match(row, {
        Event: 'refused_too_many_requests',
        PrincipalId: caller?.id,
        Decision: 'refuse',
        RefusalCodes: { too_many_requests: row['Count'] },
      })
      t.equal(row['SourceIp'], undefined)
    }
    const others = rows.filter((row) => row['RefusalCode'] === 'policy_refused')
    t.equal(others.length, BURST, 'other refusals have a record each')
  },
)
