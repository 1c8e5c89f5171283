/**
 * The gateway in full, durable record included, against the bare proxy, in one run: CPU and time a request.
 */
import { fork, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { Pool } from 'undici'
import { NODE_FLAGS, spawnGateway } from '../lab/gateway/gateway.ts'
import type { ConfigFile } from '../lab/gateway/harness-config.ts'
import { startLab } from '../lab/lab.ts'
import { workspaceId } from '../lab/personas.ts'

/** One line of the table: microseconds of CPU, milliseconds of time. */
export interface GatewayRow {
  readonly name: string
  readonly cpuMicros: number
  readonly p50: number
  readonly p99: number
  readonly requestsPerSecond: number
}

const CONNECTIONS = 64
const WARM_UP = 3_000
const REQUESTS = 12_000
const ROUNDS = 3
/** Open loop: requests a second over those connections, well below what one core can do, and for how long. */
const RATE = 300
const OPEN_SECONDS = 6
const OPEN_WARM_UP = 300
const ANSWER = JSON.stringify({
  id: 'x',
  properties: { jobType: 'Command', description: 'y'.repeat(1_400) },
})
const PATH = `${workspaceId()}/jobs/one?api-version=2024-04-01`
/** Of /proc/PID/stat: a hundredth of a second on every Linux that Node runs on. */
const TICK_MICROS = 10_000

/** User and system time of a process so far, in microseconds. */
export function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * TICK_MICROS
}

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0

interface Subject {
  readonly name: string
  readonly url: string
  readonly pid: number
  readonly ca: string
  readonly token: string
}

async function measure(subject: Subject): Promise<GatewayRow> {
  const pool = new Pool(subject.url, { connections: CONNECTIONS, connect: { ca: subject.ca } })
  const headers = { authorization: `Bearer ${subject.token}` }
  const waits: number[] = []
  const load = async (count: number): Promise<void> => {
    let left = count
    const worker = async (): Promise<void> => {
      while (left-- > 0) {
        const began = performance.now()
        const answer = await pool.request({ path: PATH, method: 'GET', headers })
        await answer.body.dump()
        if (answer.statusCode !== 200)
          throw new Error(`${subject.name} answered ${answer.statusCode}`)
        waits.push(performance.now() - began)
      }
    }
    await Promise.all(Array.from({ length: CONNECTIONS }, worker))
  }
  await load(WARM_UP)
  waits.length = 0
  const cpu = cpuOf(subject.pid)
  const began = performance.now()
  await load(REQUESTS)
  const seconds = (performance.now() - began) / 1000
  await new Promise((done) => setTimeout(done, 200))
  const cpuMicros = (cpuOf(subject.pid) - cpu) / REQUESTS
  await pool.close()
  waits.sort((a, b) => a - b)
  return {
    name: subject.name,
    cpuMicros,
    p50: quantile(waits, 0.5),
    p99: quantile(waits, 0.99),
    requestsPerSecond: REQUESTS / seconds,
  }
}

/** Milliseconds of a request at a stated rate: what a caller waits for when the machine is not the limit. */
export interface OpenRow {
  readonly name: string
  readonly rate: number
  readonly p50: number
  readonly p99: number
}

/** Sends at a fixed rate, whether or not the answers keep up; a request's time begins when it is sent. */
async function measureOpen(subject: Subject, method: 'GET' | 'PUT'): Promise<number[]> {
  const pool = new Pool(subject.url, { connections: CONNECTIONS, connect: { ca: subject.ca } })
  const headers = {
    authorization: `Bearer ${subject.token}`,
    ...(method === 'PUT' ? { 'content-type': 'application/json' } : {}),
  }
  const body = method === 'PUT' ? '{"properties":{"jobType":"Command"}}' : null
  const waits: number[] = []
  const one = async (sent: number): Promise<void> => {
    const answer = await pool.request({ path: PATH, method, headers, body })
    await answer.body.dump()
    if (answer.statusCode !== 200) throw new Error(`${subject.name} answered ${answer.statusCode}`)
    waits.push(performance.now() - sent)
  }
  await Promise.all(Array.from({ length: OPEN_WARM_UP }, () => one(0)))
  waits.length = 0
  const began = performance.now()
  const all: Promise<void>[] = []
  for (let n = 0; n < RATE * OPEN_SECONDS;) {
    const due = began + (n * 1000) / RATE
    if (performance.now() < due) await new Promise((done) => setTimeout(done, 1))
    else {
      all.push(one(performance.now()))
      n += 1
    }
  }
  await Promise.all(all)
  await pool.close()
  return waits
}

/** Each subject in turn, several times over; the middle of all its waits. */
async function openLoop(subjects: readonly Subject[]): Promise<OpenRow[]> {
  const rows: OpenRow[] = []
  for (const method of ['GET', 'PUT'] as const) {
    const waits = new Map<string, number[]>()
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const subject of subjects) {
        const measured = await measureOpen(subject, method)
        waits.set(subject.name, [...(waits.get(subject.name) ?? []), ...measured])
      }
    }
    for (const [name, all] of waits) {
      const sorted = all.toSorted((a, b) => a - b)
      rows.push({
        name: `${name}, ${method}`,
        rate: RATE,
        p50: quantile(sorted, 0.5),
        p99: quantile(sorted, 0.99),
      })
    }
  }
  return rows
}

/** Upstream, bare proxy and gateway are processes of their own; the two take turns. Needs /proc. */
export async function benchGateway(): Promise<{ closed: GatewayRow[]; open: OpenRow[] }> {
  const directory = mkdtempSync(join(tmpdir(), 'harness-bench-'))
  const upstream = fork(new URL(import.meta.url), ['upstream'], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const [origin] = (await once(upstream, 'message')) as [string]
  const lab = await startLab({ directory, port: 0 })
  const { certFile, keyFile, ca } = lab.certificates
  const bare: ChildProcess = spawn(
    process.execPath,
    // the same memory for both: how often it is collected is a large part of what a call costs
    [...NODE_FLAGS, join(import.meta.dirname, 'bare-proxy.ts'), origin, certFile, keyFile],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const [printed] = (await once(bare.stdout ?? bare, 'data')) as [Buffer]
  // one caller makes all calls
  const limits = { requestsPerSecondPerPrincipal: 1_000_000, burstPerPrincipal: 1_000_000 }
  const upstreamOf = ({ cloud }: ConfigFile) => ({
    cloud: { ...cloud, resourceManager: origin },
    limits,
  })
  const gateway = await spawnGateway(lab, {
    change: (config) => ({ ...config, ...upstreamOf(config) }),
  })
  const unsynced = await spawnGateway(lab, {
    configFile: join(directory, 'unsynced.yaml'),
    spool: join(directory, 'unsynced'),
    change: (config) => ({
      ...config,
      ...upstreamOf(config),
      audit: {
        ...config.audit,
        spool: { ...config.audit.spool, durability: 'records-may-be-lost-on-power-failure' },
      },
    }),
  })
  const token = await lab.token('scientist')
  try {
    const subjects: Subject[] = [
      {
        name: 'bare @fastify/http-proxy',
        url: printed.toString('utf8').trim().replace('127.0.0.1', 'localhost'),
        pid: bare.pid ?? 0,
        ca,
        token,
      },
      { name: 'gateway', url: gateway.url, pid: gateway.pid, ca, token },
    ]
    const rows: GatewayRow[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const subject of subjects) rows.push(await measure(subject))
    }
    const open = await openLoop([
      ...subjects,
      { name: 'gateway without fsync', url: unsynced.url, pid: unsynced.pid, ca, token },
    ])
    const closed = subjects.map(({ name }) => median(rows.filter((row) => row.name === name)))
    return { closed, open }
  } finally {
    await gateway.stop()
    await unsynced.stop()
    bare.kill()
    upstream.kill()
    await lab.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** The round whose CPU is in the middle. */
function median(rows: readonly GatewayRow[]): GatewayRow {
  const row = rows.toSorted((a, b) => a.cpuMicros - b.cpuMicros)[Math.floor(rows.length / 2)]
  if (row === undefined) throw new Error('nothing was measured')
  return row
}

if (process.argv[2] === 'upstream') {
  const server = createServer((_request, response) => {
    response
      .writeHead(200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(ANSWER),
      })
      .end(ANSWER)
  })
  server.listen(0, '127.0.0.1', () =>
    process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
  )
}
