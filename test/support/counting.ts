/**
 * Counts what a gateway does while it serves calls, in its own process: `--import` of this file in `execArgv`. It counts
 * what Node makes, so that no line of the gateway has to know of it.
 */
import { createHook } from 'node:async_hooks'
import crypto from 'node:crypto'
import { subscribe } from 'node:diagnostics_channel'
import { Session } from 'node:inspector'
import { syncBuiltinESMExports } from 'node:module'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { eventually } from './eventually.ts'
import type { Gateway } from '../../lab/gateway/gateway.ts'

/** What was made or done since the gateway began. */
export interface Counts {
  /** Promises that the code of the way of a call made, also by `async` and `await`. */
  readonly promises: number
  /** What that code made of timers, of `setImmediate`, and of calls of the operating system about files. */
  readonly timers: number
  readonly immediates: number
  readonly files: number
  /** What it hashed, or authenticated with a hash. */
  readonly hashes: number
  /** All timers, those of Node's server too. */
  readonly allTimers: number
  /** All callbacks that were put behind the current one with `process.nextTick`: streams do. */
  readonly allTicks: number
  /** What undici made, requests and other resources: a call whose body is here as a whole is sent without it. */
  readonly undici: number
  /** Bytes of the heap that were allocated, for the audit trail too, as a sample tells. */
  readonly allocated: number
  /** Of those, what collections of young objects left: the answer is sent, so nearly nothing should. */
  readonly survived: number
}

const MARK = 'counted: '
const KINDS: Readonly<Record<string, 'promises' | 'timers' | 'immediates' | 'files'>> = {
  PROMISE: 'promises',
  Timeout: 'timers',
  Immediate: 'immediates',
  FSREQCALLBACK: 'files',
  FSREQPROMISE: 'files',
}
/** What goes on beside calls, and how often depends on time: groups of records, looks at files. */
const BESIDE = /\/src\/(?:audit\/|policy\/load\/|identity\/deny-list|reloading)/
const FRAMES = 20
/** A sample each so many bytes. */
const SAMPLE_BYTES = 2_048

/**
 * What the gateway has counted: from the first call on to the second one; sampled of what it allocates, from there to the
 * third one; and of what survives, to the fourth one.
 */
export async function countsOf(gateway: Gateway): Promise<Counts> {
  const told = (): string[] =>
    gateway
      .logs()
      .split('\n')
      .filter((line) => line.startsWith(MARK))
  const before = told().length
  process.kill(gateway.pid, 'SIGUSR2')
  const line = await eventually('the gateway tells what it counted', () => told()[before])
  return JSON.parse(line.slice(MARK.length)) as Counts
}

interface SampledNode {
  readonly selfSize: number
  readonly children: readonly SampledNode[]
}

function sizeOf({ selfSize, children }: SampledNode): number {
  return children.reduce((sum, child) => sum + sizeOf(child), selfSize)
}

/** Whether the innermost code of the gateway's own that runs now is on the way of a call. */
function isOfCall(): boolean {
  const own = new Error('here').stack?.split('\n').find((frame) => frame.includes('/src/'))
  return own !== undefined && !BESIDE.test(own)
}

/** Whether this is the gateway's process and not the test's. */
const isGateway = process.argv[2] === 'serve'
if (isGateway) {
  const counts = {
    promises: 0,
    timers: 0,
    immediates: 0,
    files: 0,
    hashes: 0,
    allTimers: 0,
    allTicks: 0,
    undici: 0,
  }
  Error.stackTraceLimit = FRAMES
  const hook = createHook({
    init(_id, type) {
      if (type === 'Timeout') counts.allTimers += 1
      if (type === 'TickObject') counts.allTicks += 1
      if (type.startsWith('UNDICI')) counts.undici += 1
      const kind = KINDS[type]
      if (kind !== undefined && isOfCall()) counts[kind] += 1
    },
  })
  for (const name of ['hash', 'createHash', 'createHmac'] as const) {
    const make = crypto[name] as (...args: unknown[]) => unknown
    Object.assign(crypto, {
      [name]: (...args: unknown[]) => {
        if (isOfCall()) counts.hashes += 1
        return make(...args)
      },
    })
  }
  syncBuiltinESMExports()
  subscribe('undici:request:create', () => {
    counts.undici += 1
  })
  const session = new Session()
  session.connect()
  const tell = (sampled: Partial<Counts> = {}): void => {
    const all: Counts = { ...counts, allocated: 0, survived: 0, ...sampled }
    process.stdout.write(`${MARK}${JSON.stringify(all)}\n`)
  }
  /** @param all whether what young collections have collected counts, too */
  const sample = (all: boolean, done: () => void): void => {
    const sampling = {
      samplingInterval: SAMPLE_BYTES,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: all,
    }
    session.post('HeapProfiler.startSampling', sampling, done)
  }
  const sampled = (done: (bytes: number) => void): void => {
    session.post('HeapProfiler.stopSampling', (error, result) => {
      if (error === null) done(sizeOf(result.profile.head))
    })
  }
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: { readonly type: 'minor' }) => void
  /** Twice: what survives one is old after the next. */
  const collectYoung = (): void => {
    for (let time = 0; time < 2; time++) collect({ type: 'minor' })
  }
  // counting makes objects of its own: what is allocated is sampled when it is over
  const steps = [
    () => {
      hook.enable()
      tell()
    },
    () => {
      hook.disable()
      sample(true, tell)
    },
    () =>
      sampled((allocated) => {
        collectYoung()
        sample(false, () => tell({ allocated }))
      }),
    () => {
      collectYoung()
      sampled((survived) => tell({ survived }))
    },
  ]
  let step = 0
  process.on('SIGUSR2', () => {
    steps[step % steps.length]?.()
    step += 1
  })
}
