/**
 * `npm run bench -- path`: CPU of a call by its kind and by the length of its answer, beside the bare proxy's in the same
 * run. Gateway and bare proxy take turns; each kind has a warm-up of its own, and handshakes are left out.
 */
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Pool } from 'undici'
import { NODE_FLAGS, spawnGateway } from '../lab/gateway/gateway.ts'
import { startLab } from '../lab/lab.ts'
import { workspaceId } from '../lab/personas.ts'
import { cpuOf } from './gateway.ts'

/** One line of the table: microseconds of CPU a call, the middle of the rounds. */
export interface PathRow {
  readonly call: string
  readonly bare: number
  readonly gateway: number
  /** The gateway's CPU by the bare proxy's, and what is asked for. */
  readonly ratio: number
  readonly goal: number
}

interface Kind {
  readonly name: string
  readonly method: 'GET' | 'PUT'
  readonly path: string
  readonly body: string | null
  readonly calls: number
  readonly goal: number
}

const CONNECTIONS = 64
const ROUNDS = 3
const VERSION = 'api-version=2024-04-01'

/** One of Azure's jobs, 1.4 KB of JSON, with the URLs that the gateway makes its own. */
function job(name: string): object {
  const services = {
    Tracking: {
      jobServiceType: 'Tracking',
      endpoint: 'azureml://eastus.api.azureml.ms/mlflow/v1.0',
    },
    Studio: { jobServiceType: 'Studio', endpoint: `https://ml.azure.com/runs/${name}` },
  }
  return {
    id: `${workspaceId()}/jobs/${name}`,
    name,
    type: 'Microsoft.MachineLearningServices/workspaces/jobs',
    properties: {
      jobType: 'Command',
      status: 'Completed',
      displayName: 'a run of a bench',
      description: 'y'.repeat(900),
      tags: { team: 'vision', model: 'resnet' },
      services,
    },
  }
}

/** A list of as many jobs as make about `bytes` of JSON. */
function list(bytes: number): string {
  const length = JSON.stringify(job('job-0000')).length + 1
  const value = Array.from({ length: Math.ceil(bytes / length) }, (_, at) => job(`job-${at}`))
  return JSON.stringify({ value })
}

const ANSWERS: Readonly<Record<string, string>> = {
  one: JSON.stringify(job('one')),
  '10k': list(10_000),
  '100k': list(100_000),
  '1m': list(1_000_000),
}

const JOB = JSON.stringify({
  properties: {
    jobType: 'Command',
    displayName: 'a run of a bench',
    command: 'python train.py --rate 0.01',
    codeId: `${workspaceId()}/codes/train/versions/1`,
    environmentId: `${workspaceId()}/environments/pytorch/versions/3`,
    computeId: `${workspaceId()}/computes/cpu`,
    inputs: { data: { jobInputType: 'uri_folder', uri: 'azureml:images:4' } },
    tags: { team: 'vision', model: 'resnet' },
  },
})

const KINDS: readonly Kind[] = [
  kind('GET, 1.4 KB', 'jobs/one', 8_000, 1.3),
  { ...kind('PUT, stamped', 'jobs/one', 4_000, 1.8), method: 'PUT', body: JOB },
  kind('GET, list of 10 KB', 'jobs?$filter=10k', 4_000, 1.5),
  kind('GET, list of 100 KB', 'jobs?$filter=100k', 1_500, 2.5),
  kind('GET, list of 1 MB', 'jobs?$filter=1m', 200, 3),
]

function kind(name: string, resource: string, calls: number, goal: number): Kind {
  const path = `${workspaceId()}/${resource}${resource.includes('?') ? '&' : '?'}${VERSION}`
  return { name, method: 'GET', path, body: null, calls, goal }
}

interface Subject {
  readonly name: 'bare' | 'gateway'
  readonly url: string
  readonly pid: number
  readonly ca: string
  readonly token: string
}

/** Microseconds of CPU a call. */
async function measure(subject: Subject, { method, path, body, calls }: Kind): Promise<number> {
  const pool = new Pool(subject.url, { connections: CONNECTIONS, connect: { ca: subject.ca } })
  const headers = {
    authorization: `Bearer ${subject.token}`,
    ...(body === null ? {} : { 'content-type': 'application/json' }),
  }
  const load = async (count: number): Promise<void> => {
    let left = count
    const worker = async (): Promise<void> => {
      while (left-- > 0) {
        const answer = await pool.request({ path, method, headers, body })
        if (answer.statusCode !== 200)
          throw new Error(
            `${subject.name} answered ${answer.statusCode}: ${await answer.body.text()}`,
          )
        await answer.body.dump({ limit: Infinity })
      }
    }
    await Promise.all(Array.from({ length: CONNECTIONS }, worker))
  }
  await load(Math.ceil(calls / 4))
  const before = cpuOf(subject.pid)
  await load(calls)
  // what is written behind the answers counts, too
  await new Promise((done) => setTimeout(done, 300))
  const used = (cpuOf(subject.pid) - before) / calls
  await pool.close()
  return used
}

/** Upstream, bare proxy and gateway are processes of their own. Needs /proc. */
export async function benchPath(): Promise<PathRow[]> {
  const directory = mkdtempSync(join(tmpdir(), 'harness-bench-'))
  const upstream = fork(new URL(import.meta.url), ['answers'], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const [origin] = (await once(upstream, 'message')) as [string]
  const lab = await startLab({ directory, port: 0 })
  const { certFile, keyFile, ca } = lab.certificates
  const program = join(import.meta.dirname, 'bare-proxy.ts')
  const proxy = spawn(process.execPath, [...NODE_FLAGS, program, origin, certFile, keyFile], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [printed] = (await once(proxy.stdout, 'data')) as [Buffer]
  // one caller makes all calls
  const limits = { requestsPerSecondPerPrincipal: 1_000_000, burstPerPrincipal: 1_000_000 }
  const gateway = await spawnGateway(lab, {
    execArgv: [...NODE_FLAGS, ...(process.env['BENCH_NODE_FLAGS']?.split(' ') ?? [])],
    change: ({ cloud, ...config }) => ({
      ...config,
      // the data plane's own hosts, whose URLs the answers have
      cloud: { name: cloud.name, resourceManager: origin, regions: cloud.regions ?? {} },
      limits,
    }),
  })
  const token = await lab.token('scientist')
  const address = printed.toString('utf8').trim().replace('127.0.0.1', 'localhost')
  const subjects: readonly Subject[] = [
    { name: 'bare', url: address, pid: proxy.pid ?? 0, ca, token },
    { name: 'gateway', url: gateway.url, pid: gateway.pid, ca, token },
  ]
  try {
    const rows: PathRow[] = []
    for (const one of KINDS) {
      const used = { bare: [] as number[], gateway: [] as number[] }
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const subject of subjects) used[subject.name].push(await measure(subject, one))
      }
      const [bare, full] = [middle(used.bare), middle(used.gateway)]
      rows.push({ call: one.name, bare, gateway: full, ratio: full / bare, goal: one.goal })
    }
    return rows
  } finally {
    await gateway.stop()
    proxy.kill()
    upstream.kill()
    await lab.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

if (process.argv[2] === 'answers') {
  const server = createServer((request, response) => {
    request.resume()
    const which = /filter=(\w+)/.exec(request.url ?? '')?.[1] ?? 'one'
    const answer = ANSWERS[which] ?? ''
    response
      .writeHead(200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(answer),
      })
      .end(answer)
  })
  server.listen(0, '127.0.0.1', () =>
    process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
  )
}
