/**
 * `npm run bench [-- gateway|path|policy|spool ...]`: what the gateway costs, each beside what it is compared with in the
 * same run. These are ratios on whatever machine this is; no test depends on them.
 * `npm run bench -- structure [FOLDER]`: the shape of a source folder in figures, `src` if none is named.
 */
import { join } from 'node:path'
import { benchGateway } from './gateway.ts'
import { benchPolicy } from './policy.ts'
import { benchPath } from './request-path.ts'
import { benchSpool, GOAL } from './spool.ts'
import { measureStructure } from './structure.ts'

const round = (value: number): number => Number(value.toPrecision(3))
const rounded = (row: object): object =>
  Object.fromEntries(
    Object.entries(row).map(([key, value]) => [
      key,
      typeof value === 'number' ? round(value) : value,
    ]),
  )

const BENCHES: Readonly<Record<string, () => Promise<void>>> = {
  async gateway() {
    const { closed, open } = await benchGateway()
    const [bare, full] = closed
    console.table(closed.map(rounded))
    console.table(open.map(rounded))
    for (let at = 0; at + 2 < open.length; at += 3) {
      const [base, synced, unsynced] = open.slice(at, at + 3)
      if (base === undefined || synced === undefined || unsynced === undefined) break
      console.log(
        `${synced.name} at ${synced.rate} a second over 64 connections: adds ${round(synced.p50 - base.p50)} ms at the ` +
          `median with fsync, ${round(unsynced.p50 - base.p50)} ms without; asked for: under 2 ms`,
      )
    }
    if (bare === undefined || full === undefined) return
    console.log(`CPU a request: ${round(full.cpuMicros / bare.cpuMicros)} times the bare proxy's`)
  },
  async path() {
    console.table((await benchPath()).map(rounded))
  },
  async policy() {
    console.table((await benchPolicy(join(import.meta.dirname, '..', 'policies'))).map(rounded))
  },
  async spool() {
    const rows = await benchSpool()
    console.table(rows.map(rounded))
    console.log(
      `asked for at ${GOAL.writers} writers: ${GOAL.recordsPerSecond} records a second, p99 under ${GOAL.p99} ms`,
    )
  },
}

const [first, folder = join(import.meta.dirname, '..', 'src')] = process.argv.slice(2)
if (first === 'structure') console.table(measureStructure(folder))
else await runAll(process.argv.slice(2))

async function runAll(names: readonly string[]): Promise<void> {
  for (const name of names.length === 0 ? Object.keys(BENCHES) : names) {
    const bench = BENCHES[name]
    if (bench === undefined) {
      console.error(
        `no benchmark "${name}"; there are structure, ${Object.keys(BENCHES).join(', ')}`,
      )
      process.exitCode = 2
      return
    }
    console.log(`\n${name}: measuring ...`)
    await bench()
  }
}
