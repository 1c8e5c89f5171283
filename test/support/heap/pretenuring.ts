/**
 * Tells whether V8 allocates objects in the old generation of a gateway's own process: `--import` of this file and
 * `--allow-natives-syntax` in `execArgv`.
 */
import { runInThisContext } from 'node:vm'
import { numberOf } from './ask.ts'
import type { Gateway } from '../../../lab/gateway/gateway.ts'

const MARK = 'pretenured: '
const ROUNDS = 30
const KEPT = 60_000
/** Collections of the young generation that each object outlives: enough for V8 to expect it of all of its kind. */
const KEPT_ROUNDS = 3
const PROBES = 1_000

/** How many of `PROBES` new objects began in the old generation, after many of their kind had got old. */
export const pretenured = (gateway: Gateway): Promise<number> => numberOf(gateway, MARK)

interface Made {
  readonly n: number
  readonly list: readonly number[]
}

const make = (n: number): Made => ({ n, list: [n, n] })

function probe(): number {
  // V8's own function, whose name is no JavaScript without the flag
  const isYoung = runInThisContext('(made) => %InYoungGeneration(made)') as (
    made: object,
  ) => boolean
  const kept: Made[][] = []
  for (let round = 0; round < ROUNDS; round++)
    kept[round % KEPT_ROUNDS] = Array.from({ length: KEPT }, (_, n) => make(n))
  let old = 0
  for (let n = 0; n < PROBES; n++) if (!isYoung(make(n).list)) old += 1
  return old
}

if (process.argv[2] === 'serve') {
  process.on('SIGUSR2', () => {
    process.stdout.write(`${MARK}${probe()}\n`)
  })
}
