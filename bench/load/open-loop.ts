/**
 * An open loop: calls at a fixed rate, whether or not the answers keep up. A call's time begins when it was due, so that
 * what waits behind a slow one counts (Gil Tene's coordinated omission).
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { RoundRobinPool } from 'undici'
import { headersOf, readCalls } from './calls.ts'

/** Milliseconds from when a call was due to the end of its answer, ascending. */
export interface OpenResult {
  readonly waits: readonly number[]
  /** Milliseconds that 99 of 100 calls were sent late at most: the generator's own part. */
  readonly late99: number
}

export interface OpenLoad {
  readonly url: string
  readonly file: string
  readonly rate: number
  readonly seconds: number
  /** Each has its turn; 64 if absent. */
  readonly connections?: number
  /** At the same rate, before; 5 if absent. */
  readonly warmUpSeconds?: number
  /** Called when all connections are there and warm, and the calls begin that are measured. */
  readonly measuring?: () => void
}

const CONNECTIONS = 64
/**
 * Seconds at the same rate before: connections, and code of the generator, whose delays would be the proxy's. With 2 of them a
 * turn still had a pause of some 20 ms, which the busier proxy took longer to catch up on.
 */
const WARM_UP_SECONDS = 5
/** Of handshakes at once, of an answer, and of a connection until it has its turn. */
const PATIENCE_MS = 30_000
const MEASURING = 'measuring'
const ascending = (a: number, b: number): number => a - b

/** Runs it in a process of its own. @throws if a call failed */
export async function openLoop(load: OpenLoad): Promise<OpenResult> {
  const { url, file, rate, seconds, measuring } = load
  const { connections = CONNECTIONS, warmUpSeconds = WARM_UP_SECONDS } = load
  const numbers = [rate, seconds, connections, warmUpSeconds].map(String)
  const args = [import.meta.filename, url, file, ...numbers]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  let last = ''
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === MEASURING) measuring?.()
    else last = line
  }
  const [code] = await closed
  if (code !== 0) throw new Error(`the open loop at ${url} failed`)
  return JSON.parse(last) as OpenResult
}

type Run = Required<Omit<OpenLoad, 'measuring'>>

async function run(load: Run): Promise<OpenResult> {
  const { url, file, rate, seconds, connections, warmUpSeconds } = load
  const all = readCalls(file)
  const pool = new RoundRobinPool(url, {
    connections,
    connect: { rejectUnauthorized: false, timeout: PATIENCE_MS },
    headersTimeout: PATIENCE_MS,
    keepAliveTimeout: PATIENCE_MS,
  })
  const waits: number[] = []
  const lateness: number[] = []
  let next = 0
  const one = async (due: number): Promise<void> => {
    const call = all.calls[next++ % all.calls.length]
    if (call === undefined) throw new Error('no calls')
    const { path, token } = call
    const headers = headersOf(all, token)
    lateness.push(performance.now() - due)
    const answer = await pool.request({ path, method: all.method, headers, body: all.body })
    await answer.body.dump({ limit: Infinity })
    if (answer.statusCode !== 200) throw new Error(`answered ${answer.statusCode}`)
    waits.push(performance.now() - due)
  }
  const during = async (length: number): Promise<void> => {
    const began = performance.now()
    const calls: Promise<void>[] = []
    for (let n = 0; n < rate * length;) {
      const due = began + (n * 1000) / rate
      if (performance.now() < due) await new Promise((done) => setTimeout(done, 1))
      else {
        calls.push(one(due))
        n += 1
      }
    }
    await Promise.all(calls)
  }
  // all connections, whatever the rate
  await Promise.all(Array.from({ length: connections }, () => one(performance.now())))
  await during(warmUpSeconds)
  waits.length = 0
  lateness.length = 0
  console.log(MEASURING)
  await during(seconds)
  await pool.close()
  const late99 = lateness.toSorted(ascending)[Math.floor(lateness.length * 0.99)] ?? 0
  return { waits: waits.toSorted(ascending), late99 }
}

if (import.meta.main) {
  const [, , url = '', file = '', ...numbers] = process.argv
  const [rate = 1, seconds = 1, connections = 1, warmUpSeconds = 1] = numbers.map(Number)
  const load = { url, file, rate, seconds, connections, warmUpSeconds }
  console.log(JSON.stringify(await run(load)))
}
