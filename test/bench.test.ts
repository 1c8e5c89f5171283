/**
 * The benches, one short round: every kind of call is answered as it should be, what was measured is there, and a run whose
 * sink got no rows fails. Nothing here depends on how long anything took.
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { GROWTH_DEFAULTS, growthSeconds, type Grown } from '../bench/growth/growth.ts'
import { writeCalls } from '../bench/load/calls.ts'
import { coldness, warmUp } from '../bench/load/warm-up.ts'
import { figureOf, round, shown } from '../bench/report/figures.ts'
import { growthText, outOfBounds } from '../bench/report/growth.ts'
import { helpRuns, littleRuns } from '../bench/start/commands.ts'
import { costOf } from '../bench/start/cpu.ts'
import { SCENARIOS, type Scenario } from '../bench/world/answers.ts'
import { IdSet } from '../bench/world/id-set.ts'
import { ensureCertificates } from '../lab/identity/ca.ts'
import { COMMANDS } from './cli/support/run.ts'

const ROOT = resolve(import.meta.dirname, '..')
const SHORT = ['--rounds', '1', '--seconds', '1', '--warm-up', '1', '--calls', '200']
const NO_PROC = existsSync('/proc/self/stat') ? false : 'the benches read CPU times from /proc'

/** A thread that takes 100 ms of CPU, however busy the machine is. */
const BUSY = `
  const { Worker } = require('node:worker_threads')
  const work = 'while (process.cpuUsage().user < 100_000);'
  new Worker(work, { eval: true }).on('exit', () => process.exit(3))`

t.setTimeout(280_000)

/** Runs `npm run bench -- ARGS`. */
async function bench(args: readonly string[]): Promise<{ status: unknown; output: string }> {
  const child = spawn(process.execPath, ['bench/run.ts', ...args], { cwd: ROOT })
  const [out, err, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  return { status, output: out + err }
}

t.test('what is no measurement is not written', async (t) => {
  t.equal(shown(figureOf([3, 1.2345, 1234.5])), '3 (1.23 to 1235)')
  for (const value of [Infinity, Number.NaN]) {
    t.throws(() => round(value), /was measured/)
    t.throws(() => shown(figureOf([1, 2, value])), /was measured/)
  }
})

/** A size of something that grows, whose turns cost so much. */
const grown = (size: number, cpuMicros: readonly number[]): Grown => {
  const others = { p99: 1, readyMs: 500, memoryAtRest: 100, memoryLoaded: 300 }
  return { dimension: 'policies', bare: false, size, cpuMicros, ...others }
}

t.test('growth: a turn is compared with that of the least size in the same round', async (t) => {
  const start = { readyMs: [500], memoryAtRest: [100] }
  // the machine was slow in the second round, and in the third for one turn
  const least = grown(30, [100, 300, 100])
  const flat = { start, grown: [least, grown(10_000, [110, 330, 200])] }
  t.same(outOfBounds(flat), [])
  t.match(
    growthText(flat),
    /policies, 30 to 10000: CPU of a read grows +\| 1\.1 \(1\.1 to 2\) times/,
  )
  const growing = { start, grown: [least, grown(10_000, [130, 390, 110])] }
  t.match(outOfBounds(growing), [
    /policies, 30 to 10000: .* 1\.3 \(1\.1 to 1\.3\) times, at most 1\.25/,
  ])
})

t.test(
  'growth: nothing is asked of the bare proxy, and an unknown dimension is said',
  async (t) => {
    const start = { readyMs: [500], memoryAtRest: [100] }
    const bare = [grown(64, [100]), grown(2_000, [900])].map((one) => ({ ...one, bare: true }))
    t.same(outOfBounds({ start, grown: bare }), [])
    const many = grown(2_000, [900])
    const rate = { ...many, dimension: 'connections at 1000 calls a second' }
    t.same(outOfBounds({ start, grown: [rate] }), [], 'one size does not grow')
    t.match(outOfBounds({ start, grown: [{ ...rate, memoryLoaded: 351 }] }), [
      /^memory with 2000 connections at 1000 calls a second: 351 MB, at most 350$/,
    ])
    const options = { ...GROWTH_DEFAULTS, dimensions: ['policy'] }
    t.throws(
      () => growthSeconds(options),
      /nothing that grows is called "policy"; there are policies,/,
    )
    const minutes = growthSeconds(GROWTH_DEFAULTS) / 60
    t.ok(minutes < 12, `${minutes} minutes`)
  },
)

t.test('the sink counts each exchange once', async (t) => {
  const set = new IdSet()
  const ids = Array.from({ length: 100_000 }, () => randomUUID())
  for (const id of [...ids, ...ids.toReversed()]) set.add(id)
  t.equal(set.size, ids.length)
  const [id = ''] = ids
  set.add(id.replace(/.$/, (last) => (last === '0' ? '1' : '0')))
  t.equal(set.size, ids.length + 1, 'one that differs in its last character')
  t.throws(() => set.add('not one'), /no UUID/)
})

/** Answers all calls. @returns where it is, and the paths that were asked for */
async function startCounting(t: Test): Promise<{ url: string; seen: Set<string> }> {
  const seen = new Set<string>()
  const { key, cert } = await ensureCertificates(t.testdir())
  const server = createServer({ key, cert }, (request, response) => {
    seen.add(request.url ?? '')
    response.end('{}')
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

/** A file of so many calls, each of its own path. */
async function fileOf(t: Test, count: number): Promise<string> {
  const file = join(t.testdirName, 'calls')
  const scenario: Scenario = {
    name: 'calls',
    method: 'GET',
    body: null,
    path: (n) => `/call-${n}`,
    isAnswer: () => true,
    goal: null,
  }
  await writeCalls(file, scenario, ['token'], count)
  return file
}

t.test('each call was made before anything is measured', async (t) => {
  const { url, seen } = await startCounting(t)
  // more than the first part of the load makes, so that the next one must go on where that ended
  const count = 25_000
  const file = await fileOf(t, count)
  const { made, calls } = await warmUp({ url, file, connections: 8, seconds: 10 })
  t.equal(calls, count)
  t.ok(made >= count, `${made} calls were made`)
  t.equal(seen.size, count)
  t.equal(coldness({ made, calls }), null)
  t.equal(coldness({ made: 7, calls: 10 }), '7 of 10 calls were made before it was measured')
})

t.test('without wrk, each connection goes on in its share of the calls', async (t) => {
  const { url, seen } = await startCounting(t)
  const [count, connections] = [100_000, 4]
  const file = await fileOf(t, count)
  const args = [url, file, String(connections), '1', String(count / 2)]
  const child = spawn(process.execPath, [join(ROOT, 'bench/load/autocannon.ts'), ...args])
  const [output] = await Promise.all([text(child.stdout), once(child, 'close')])
  t.match(JSON.parse(output), { failed: 0 })
  const share = count / connections
  const order = [...seen]
  for (let n = 0; n < connections; n++) {
    const [middle, before] = [share / 2, 0].map((at) => order.indexOf(`/call-${n * share + at}`))
    t.not(middle, -1, `connection ${n}`)
    // on a fast machine the share is over within the second, and what was made before comes again
    t.ok(before === -1 || Number(before) > Number(middle), `connection ${n}, what was made before`)
  }
})

interface Turn {
  readonly scenario: string
  readonly peer: string
  readonly cpuMicros: number
  readonly callsPerSecond: number
}

t.test(
  'every kind of call is measured, the gateway and the bare proxy alike',
  { skip: NO_PROC },
  async (t) => {
    const file = join(t.testdir(), 'measured.json')
    const { status, output } = await bench(['path', ...SHORT, '--output', file])
    t.equal(status, 0, output)
    const { path } = JSON.parse(await readFile(file, 'utf8')) as {
      path: { turns: readonly Turn[] }
    }
    const measured = path.turns.map(({ scenario, peer }) => `${scenario}: ${peer}`)
    const expected = Object.keys(SCENARIOS).flatMap((scenario) =>
      ['bare @fastify/http-proxy', 'gateway'].map((peer) => `${scenario}: ${peer}`),
    )
    t.same(measured.toSorted(), expected.toSorted())
    for (const { scenario, peer, cpuMicros, callsPerSecond } of path.turns)
      t.ok(cpuMicros > 0 && callsPerSecond > 0, `${scenario}: ${peer}`)
    for (const { name } of Object.values(SCENARIOS)) t.match(output, `**${name}**`)
  },
)

t.test('a run whose sink gets no rows fails, and says so', { skip: NO_PROC }, async (t) => {
  const { status, output } = await bench([
    'path',
    '--scenarios',
    'get',
    ...SHORT,
    '--sink',
    'refuse',
  ])
  t.equal(status, 1)
  t.match(output, /the sink did not get its rows: 0 "authorized" and 0 "completed" of \d+ calls/)
})

t.test('a bench that there is not is said, with those that there are', async (t) => {
  const { status, output } = await bench(['nothing'])
  t.equal(status, 2)
  t.match(output, 'no benchmark "nothing"')
  t.match(output, 'growth')
})

/** They ask a gateway, an issuer or Azure; `init` works once, since it replaces no file. */
const WITHOUT_WORK =
  /^(?:init|serve|health|doctor|login|exec|why|whoami|policy drift|audit (?:reconcile|search|ship))$|^(?:access|approvals|evidence|workspace) /

t.test('start: every command says its help, and does its work unless that needs a gateway', (t) => {
  const paths = { config: 'c', spool: 's', policies: 'p', other: 'o', small: 's', decision: 'd' }
  const helped = helpRuns().map(({ args }) => args.slice(0, -1).join(' '))
  const worked = littleRuns(paths).map(({ name }) => name)
  for (const name of COMMANDS.keys()) {
    t.ok(helped.includes(name), `${name} --help`)
    t.equal(worked.includes(name), !WITHOUT_WORK.test(name), name)
  }
  t.end()
})

t.test(
  'start: the CPU of a process is that of all its threads, and its status is looked at',
  (t) => {
    const idle = costOf(process.execPath, ['-e', '0'], process.env, 0)
    const busy = costOf(process.execPath, ['-e', BUSY], process.env, 3)
    t.ok(idle.cpuMs > 0 && idle.wallMs > 0)
    t.ok(busy.cpuMs > 100, `${busy.cpuMs} ms`)
    t.throws(() => costOf(process.execPath, ['-e', BUSY], process.env, 0), /ended with status 3/)
    t.end()
  },
)
