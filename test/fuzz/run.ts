/**
 * `npm run fuzz -- SECONDS [--only NAME] [--seed N] [--path P]`: properties over generated input, for a time.
 *
 * What it finds is shown as small as it could be made, with the command that shows it again.
 * @module
 */
import * as fc from 'fast-check'
import { parseArgs } from 'node:util'
import { TARGETS } from './targets.ts'
import type { FuzzTarget } from './target.ts'

const MAX_SEED = 0x7fff_ffff
const HELP = `usage: npm run fuzz -- SECONDS [--only NAME] [--seed N] [--path P]

Runs properties over generated input for SECONDS in all, in equal shares.

  --only NAME  this target alone, for the whole time
  --seed N     where the generators begin; printed by each run
  --path P     the failing case of a seed, as printed; needs --only and --seed

targets:
${[...TARGETS].map(([name, { holds }]) => `  ${name.padEnd(11)}${holds}`).join('\n')}

exit status: 0 nothing found, 1 a property failed, 2 wrong use
`

interface Asked {
  readonly seconds: number
  readonly targets: readonly (readonly [string, FuzzTarget])[]
  readonly seed: number
  readonly path: string | undefined
}

const isWhole = (text: string): boolean => /^\d{1,10}$/.test(text)

/** @throws {Error} saying what is wrong with the arguments */
function asked(args: readonly string[]): Asked | 'help' {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      only: { type: 'string' },
      seed: { type: 'string' },
      path: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help === true) return 'help'
  const [seconds = '', ...more] = positionals
  if (!isWhole(seconds) || Number(seconds) === 0 || more.length > 0)
    throw new Error('one argument is needed: how many seconds, a whole number')
  const { only, path, seed = String(Math.floor(Math.random() * MAX_SEED)) } = values
  if (!isWhole(seed)) throw new Error(`"--seed ${seed}" is no whole number`)
  const target = only === undefined ? undefined : TARGETS.get(only)
  if (only !== undefined && target === undefined)
    throw new Error(`there is no target "${only}"; there are ${[...TARGETS.keys()].join(', ')}`)
  if (path !== undefined && (target === undefined || values.seed === undefined))
    throw new Error('"--path" needs "--only" and "--seed"')
  const targets = only !== undefined && target !== undefined ? [[only, target] as const] : [...TARGETS] // prettier-ignore
  return { seconds: Number(seconds), targets, seed: Number(seed), path }
}

/** Whether the property held. */
async function fuzz(
  name: string,
  target: FuzzTarget,
  { seed, path }: Asked,
  seconds: number,
): Promise<boolean> {
  const { property, close } = await target.open()
  let details
  try {
    details = await fc.check(property as fc.IAsyncProperty<unknown>, {
      seed,
      ...(path === undefined ? {} : { path }),
      numRuns: Number.MAX_SAFE_INTEGER,
      interruptAfterTimeLimit: seconds * 1_000,
      markInterruptAsFailure: false,
    })
  } finally {
    await close()
  }
  const found = details.failed && details.counterexample !== null
  console.log(`${name}: ${found ? 'failed' : 'held'} in ${details.numRuns} cases, seed ${seed}`)
  if (!found) return true
  const { errorInstance: error } = details
  console.log(`  ${error instanceof Error ? error.message : String(error)}`)
  console.log(`  with ${fc.stringify(details.counterexample)}`)
  const again = `--only ${name} --seed ${seed} --path ${details.counterexamplePath}`
  console.log(`  again: npm run fuzz -- 60 ${again}`)
  return false
}

async function main(args: readonly string[]): Promise<number> {
  let what: Asked | 'help'
  try {
    what = asked(args)
  } catch (error) {
    console.error(`fuzz: ${error instanceof Error ? error.message : String(error)}`)
    console.error('see npm run fuzz -- --help')
    return 2
  }
  if (what === 'help') {
    console.log(HELP)
    return 0
  }
  let held = true
  for (const [name, target] of what.targets)
    if (!(await fuzz(name, target, what, what.seconds / what.targets.length))) held = false
  return held ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2))
