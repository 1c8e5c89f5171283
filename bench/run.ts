/**
 * `npm run bench [-- gateway|policy|spool ...]`: what the gateway costs, each beside what it is compared with in the
 * same run. These are ratios on whatever machine this is; no test depends on them.
 */
import { join } from 'node:path'
import { benchGateway } from './gateway.ts'
import { benchPolicy } from './policy.ts'
import { benchSpool, GOAL } from './spool.ts'

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
    const [bare, full] = await benchGateway()
    console.table([bare, full].map((row) => rounded(row ?? {})))
    if (bare === undefined || full === undefined) return
    console.log(`CPU a request: ${round(full.cpuMicros / bare.cpuMicros)} times the bare proxy's`)
    console.log(`added at the median, 64 connections, fsync: ${round(full.p50 - bare.p50)} ms`)
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

const names = process.argv.slice(2)
for (const name of names.length === 0 ? Object.keys(BENCHES) : names) {
  const bench = BENCHES[name]
  if (bench === undefined) {
    console.error(`no benchmark "${name}"; there are ${Object.keys(BENCHES).join(', ')}`)
    process.exitCode = 2
    break
  }
  console.log(`\n${name}: measuring ...`)
  await bench()
}
