/**
 * `npm run soak -- MINUTES [--rate N] [--output json]`: load on a gateway whose Azure and sink fail now and then, judged
 * at the end.
 * @module
 */
import { parseArgs } from 'node:util'
import { NO_PROC } from '../support/memory.ts'
import { soak, type SoakResult } from './soak.ts'

const DEFAULT_RATE = 60
const HELP = `usage: npm run soak -- MINUTES [--rate N] [--output json]

Starts a lab and a gateway, and makes calls for MINUTES: served, refused, broken off.
Faults of Azure and of the sink switch on and off. At the end a SIGTERM comes while
connections are held, and the sides are compared.

  --rate N       calls a second, ${DEFAULT_RATE} if not given
  --output json  the result as JSON instead of a table

exit status: 0 all judgements held, 1 one did not, 2 wrong use
`

interface Asked {
  readonly seconds: number
  readonly rate: number
  readonly json: boolean
}

/** @throws {Error} saying what is wrong with the arguments */
function asked(args: readonly string[]): Asked | 'help' {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rate: { type: 'string', default: String(DEFAULT_RATE) },
      output: { type: 'string', default: 'table' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help === true) return 'help'
  const [minutes = '', ...more] = positionals
  const seconds = Number(minutes) * 60
  if (minutes === '' || !(seconds > 0) || !Number.isFinite(seconds) || more.length > 0)
    throw new Error('one argument is needed: how many minutes, a number above 0')
  const rate = Number(values.rate)
  if (!(rate > 0) || !Number.isFinite(rate)) throw new Error(`"--rate ${values.rate}" is no rate`)
  if (values.output !== 'table' && values.output !== 'json')
    throw new Error(`"--output ${values.output}" is neither table nor json`)
  if (NO_PROC !== false) throw new Error(NO_PROC)
  return { seconds, rate, json: values.output === 'json' }
}

function show({ sent, outcomes, heldBack, judgements }: SoakResult): void {
  const list = Object.entries(outcomes).map(([what, count]) => `${what}: ${count}`)
  console.log(`${sent} calls; ${list.join(', ')}; held back: ${heldBack}`)
  for (const { name, held, figures } of judgements)
    console.log(`${held ? 'ok    ' : 'NOT OK'}  ${name}\n        ${figures}`)
}

async function main(args: readonly string[]): Promise<number> {
  let what: Asked | 'help'
  try {
    what = asked(args)
  } catch (error) {
    console.error(`soak: ${error instanceof Error ? error.message : String(error)}`)
    console.error('see npm run soak -- --help')
    return 2
  }
  if (what === 'help') {
    console.log(HELP)
    return 0
  }
  const { seconds, rate, json } = what
  const result = await soak({ seconds, rate, tell: (line) => console.error(line) })
  if (json) console.log(JSON.stringify(result, null, 2))
  else show(result)
  const failed = result.judgements.filter(({ held }) => !held)
  for (const { name } of failed) console.error(`soak: did not hold: ${name}`)
  return failed.length === 0 ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2))
