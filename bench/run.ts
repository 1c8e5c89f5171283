/**
 * `npm run bench -- NAME ...`: what the gateway costs, each beside what it is compared with in the same run. These are ratios
 * on whatever machine this is; no test depends on them. `npm run bench -- --help` says which there are.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { BENCHES, type BenchOptions } from './benches.ts'
import { writeSection } from './report/document.ts'
import { machine, machineLine } from './report/machine.ts'
import { measureStructure } from './structure.ts'

const HELP = `npm run bench -- [NAME ...] [OPTIONS]

${Object.entries(BENCHES)
  .map(([name, { about }]) => `  ${name.padEnd(9)} ${about}`)
  .join('\n')}
  structure [FOLDER]: the shape of a source folder in figures, src if none is named

  --rounds N         turns of each that is compared
  --seconds N        of one turn
  --warm-up N        seconds of load before the first turn, for path, peers, latency and profile; longer, up to six
                     times, until each call was made once
  --calls N          different calls of each kind, for path and peers; 5000 if absent
  --peers A,B        who is compared with the bare proxy, for path and peers
  --scenarios A,B    which kinds of calls, for path and peers
  --dimensions A,B   what grows, for growth: policies, bindings, issuers, principals, identities, connections
  --output FILE      what was measured, as JSON
  --write            replaces the sections of docs/performance.md; of all that it has if none is named

Each says how long it will take, about. These take 15 minutes on two cores:
  npm run bench -- peers latency profile --rounds 3 --seconds 2 --warm-up 3 --write`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    'warm-up': { type: 'string' },
    calls: { type: 'string' },
    peers: { type: 'string' },
    scenarios: { type: 'string' },
    dimensions: { type: 'string' },
    /** For the test of the benches themselves. */
    sink: { type: 'string', default: 'take' },
    output: { type: 'string' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const wrong = (message: string): never => {
  console.error(`${message}\n\n${HELP}`)
  process.exit(2)
}

function number(name: 'rounds' | 'seconds' | 'warm-up' | 'calls'): number | undefined {
  const given = values[name]
  if (given === undefined) return undefined
  const value = Number(given)
  return Number.isInteger(value) && value > 0 ? value : wrong(`--${name} takes a whole number`)
}

const options: BenchOptions = {
  rounds: number('rounds'),
  seconds: number('seconds'),
  warmUpSeconds: number('warm-up'),
  calls: number('calls'),
  peers: values.peers?.split(','),
  scenarios: values.scenarios?.split(','),
  dimensions: values.dimensions?.split(','),
  sink: values.sink === 'refuse' ? 'refuse' : 'take',
}

const [first, folder = join(import.meta.dirname, '..', 'src')] = positionals
if (values.help) console.log(HELP)
else if (first === 'structure') console.table(measureStructure(folder))
else await runAll(positionals)

async function runAll(named: readonly string[]): Promise<void> {
  const documented = Object.keys(BENCHES).filter((name) => BENCHES[name]?.documented === true)
  const names = named.length > 0 ? named : values.write ? documented : Object.keys(BENCHES)
  const unknown = names.find((name) => BENCHES[name] === undefined)
  if (unknown !== undefined) wrong(`no benchmark "${unknown}"`)
  const measured: Record<string, unknown> = {}
  for (const name of names) {
    const bench = BENCHES[name]
    if (bench === undefined) continue
    const on = machine()
    const minutes = Math.ceil((bench.seconds?.(options) ?? 0) / 60)
    console.log(`\n${name}: measuring${minutes === 0 ? '' : `, about ${minutes} minutes`} ...`)
    const { text, raw, missed } = await bench.run(options)
    const content = `${machineLine(on)}\n\n${text}`
    console.log(content)
    measured[name] = { machine: on, ...raw }
    if (values.write && bench.documented) await writeSection(name, content)
    if (missed.length > 0) {
      console.log(`\nout of bounds: ${missed.join('; ')}`)
      process.exitCode = 1
    }
  }
  if (values.output !== undefined) {
    const date = new Date().toISOString()
    await writeFile(values.output, `${JSON.stringify({ date, ...measured }, null, 2)}\n`)
  }
}
