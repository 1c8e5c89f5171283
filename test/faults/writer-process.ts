/**
 * A process that records as fast as it can and says what was acknowledged, to be killed by a test.
 *
 * Arguments: spool directory, URL of a sink, file for acknowledged record names, number of writers.
 */
import { openSync, writeSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { openAudit } from '../../src/audit/open.ts'
import { azureSink, optionsOf } from '../audit/fixtures.ts'
import { exchangeOf } from '../support/exchange.ts'

const [directory = '', url = '', acknowledged = '', writers = '16'] = process.argv.slice(2)
const file = openSync(acknowledged, 'a')
const audit = await openAudit(
  optionsOf(directory, azureSink(url), { spool: { segmentBytes: 262_144 } }),
)
// the page cache outlives a killed process: what is written here was acknowledged before the kill
const say = (what: string): void => {
  writeSync(file, `${what}\n`)
}
say('open')

async function writer(): Promise<void> {
  for (;;) {
    const exchange = exchangeOf({ id: randomUUID() })
    try {
      await audit.recorder.authorized(exchange)
      say(`authorized ${exchange.id}`)
      await audit.recorder.completed(exchange, 'success', 1)
      say(`completed ${exchange.id}`)
    } catch {
      say(`refused ${exchange.id}`)
      await new Promise((resolve) => {
        setTimeout(resolve, 20)
      })
    }
  }
}
await Promise.all(Array.from({ length: Number(writers) }, writer))
