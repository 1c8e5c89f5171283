/**
 * One soak: a gateway and a lab, load with faults, a stop with held connections, and what is judged of it.
 * @module
 */
import { setTimeout as delay } from 'node:timers/promises'
import { run as runCli } from '../cli/support/run.ts'
import { descriptors, hold, type Held } from '../security/support/connection.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { liveHeap, toldHeap } from '../support/memory.ts'
import { createTail } from '../support/spool-tail.ts'
import { disturb } from './disturb.ts'
import { createRecords, judgeEnds, judgeMemory, judgeUpstream, type Judgement, type Records } from './judge.ts' // prettier-ignore
import { createLoad, type Counted } from './load.ts'

const COLLECT_MS = 500
/** Samples of memory in a run. */
const SAMPLES = 30
/** For connections to Azure and for last records. */
const SETTLE_MS = 60_000

export interface SoakOptions {
  readonly seconds: number
  /** Calls a second. */
  readonly rate: number
  /** Progress, a line at a time. */
  readonly tell: (line: string) => void
}

export interface SoakResult {
  readonly sent: number
  /** Calls by what came of them: a status, or what the caller did. */
  readonly outcomes: Readonly<Record<string, number>>
  readonly heldBack: number
  readonly judgements: readonly Judgement[]
}

/** Whether it holds in time. */
async function within(ms: number, holds: () => Promise<boolean> | boolean): Promise<boolean> {
  const until = performance.now() + ms
  while (performance.now() < until) {
    if (await holds()) return true
    await delay(COLLECT_MS)
  }
  return holds()
}

/** Collects what is on record and what Azure saw, and forgets it in the lab: a long run has too much of it. */
function createCollector(world: World) {
  const tail = createTail(world.gateway.config.audit.spool.directory)
  const records = createRecords()
  const seen = new Set<string>()
  return {
    records,
    seen,
    async collect(): Promise<void> {
      // nothing runs between the two, so that no request is lost
      for (const { headers } of world.lab.requests())
        seen.add(String(headers['x-ms-correlation-request-id']))
      world.lab.parts.get('arm')?.journal.clear()
      records.add(await tail())
    },
  }
}

/** Repeats it until `over` aborts. */
async function every(ms: number, over: AbortSignal, work: () => Promise<unknown>): Promise<void> {
  while (!over.aborted) {
    await work()
    await delay(ms, undefined, { signal: over }).catch(() => undefined)
  }
}

export async function soak({ seconds, rate, tell }: SoakOptions): Promise<SoakResult> {
  const world = await startGateway({ gateway: { execArgv: toldHeap } })
  try {
    const load = await createLoad(world)
    const collector = createCollector(world)
    const { records, seen } = collector
    const collect = async (): Promise<void> => collector.collect()
    const before = await descriptors(world)
    const heaps: number[] = []
    const over = new AbortController()
    const began = performance.now()
    const told = (what: string): void => {
      const at = Math.round((performance.now() - began) / 1_000)
      tell(`${at} s: ${load.counted.sent} calls; ${what}`)
    }
    const beside = Promise.all([
      disturb(world, over.signal, told),
      every(COLLECT_MS, over.signal, collect),
      every((seconds * 1_000) / SAMPLES, over.signal, async () => {
        heaps.push(await liveHeap(world.gateway))
      }),
    ])
    await load.run(seconds, rate)
    over.abort()
    await beside
    told('load is over; waiting for records, the sink and idle connections')
    const { sent, answered } = load.counted
    await within(SETTLE_MS, async () => {
      await collect()
      return records.ends >= sent
    })
    const ends = judgeEnds(records, sent, answered)
    const judgements = [
      ...ends,
      judgeUpstream(records, seen),
      judgeMemory(heaps),
      await judgeDescriptors(world, before),
      ...(await judgeStop(world, records, collect)),
    ]
    return { ...outcome(load.counted), judgements }
  } finally {
    await world.close()
  }
}

function outcome({ sent, statuses, heldBack }: Counted): Omit<SoakResult, 'judgements'> {
  return { sent, heldBack, outcomes: Object.fromEntries(statuses) }
}

async function judgeDescriptors(world: World, before: number): Promise<Judgement> {
  let now = 0
  const held = await within(SETTLE_MS, async () => {
    for (const part of world.lab.parts.values()) part.closeIdle()
    now = await descriptors(world)
    return now <= before
  })
  return { name: 'sockets are given back', held, figures: `${before} before, ${now} after` }
}

/** By name: a connection that waits for something, and how many records its bytes leave. */
const HELD: Readonly<Record<string, (world: World) => Promise<Held>>> = {
  'TCP without a byte': (world) => hold(world, '', { tls: false }),
  'TLS without a byte': (world) => hold(world, ''),
  'half a head': (world) => hold(world, 'GET / HTTP/1.1\r\nHost:'),
  'half a body': (world) => {
    const { host } = new URL(world.url)
    return hold(world, `PUT / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 9\r\n\r\n{`)
  },
}

/** Stops the gateway while connections are held; it must end by itself, with all records shipped. */
async function judgeStop(
  world: World,
  records: Records,
  collect: () => Promise<void>,
): Promise<readonly Judgement[]> {
  const held = await Promise.all(Object.values(HELD).map((make) => make(world)))
  // both of those with bytes are heard
  await delay(COLLECT_MS)
  const began = performance.now()
  const { code, signal } = await world.gateway.stop()
  const seconds = ((performance.now() - began) / 1_000).toFixed(1)
  for (const one of held) one.reset()
  await collect()
  const rows = world.lab.ingestion.rows()
  const shipped = new Set(rows.map((row) => row['Seq'])).size
  const { directory } = world.gateway.config.audit.spool
  const verified = await runCli(['audit', 'verify', directory])
  return [
    {
      name: 'a stop with held connections ends by itself',
      held: code === 0,
      figures: `${held.length} held, ${code === null ? `signal ${signal}` : `exit status ${code}`} after ${seconds} s`,
    },
    {
      name: 'every record is at the sink',
      held: shipped === records.last,
      figures: `${records.last} records, ${shipped} at the sink`,
    },
    {
      name: 'the audit chain is whole',
      held: verified.status === 0,
      figures: (verified.out.split('\n')[1] ?? verified.err).trim(),
    },
  ]
}
