/**
 * Memory of the gateway's process while something is done or once it is over, and bodies of any size to do it with.
 * @module
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Gateway } from '../../lab/gateway/gateway.ts'
import { eventually } from './eventually.ts'

const SAMPLE_MS = 50
const CHUNK = Buffer.alloc(64 * 1024, 'x')

/** For tap: why memory cannot be measured here. */
export const NO_PROC =
  process.platform === 'linux' ? false : 'memory is read from /proc, which this platform has not'

/** Resident memory of a process in bytes, from /proc. */
export async function resident(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024
}

/** The largest growth in bytes seen while `work` runs. */
export async function growth(pid: number, work: () => Promise<void>): Promise<number> {
  const start = await resident(pid)
  let most = start
  const timer = setInterval(
    () => void resident(pid).then((now) => (most = Math.max(most, now))),
    SAMPLE_MS,
  )
  await work().finally(() => clearInterval(timer))
  return most - start
}

const PRELOAD = `
let asked = 0
process.on('SIGWINCH', () => {
  gc()
  const { heapUsed, external } = process.memoryUsage()
  asked += 1
  process.stderr.write('heap ' + asked + ': ' + heapUsed + ' and ' + external + ' bytes are in use\\n')
})`

/** Flags for node, to be given as `execArgv`, for what `liveHeap` asks. */
export const toldHeap: readonly string[] = [
  '--expose-gc',
  '--import',
  `data:text/javascript,${encodeURIComponent(PRELOAD)}`,
]

/**
 * The live heap, in bytes, of a gateway that was started with `toldHeap`: measured after a collection, because resident
 * memory grows until V8 collects, whatever is kept.
 */
export async function liveHeap(gateway: Gateway): Promise<number> {
  const { objects, buffers } = await live(gateway)
  return objects + buffers
}

const LOOKS = 4

/** The same without the bytes of buffers: the least of some looks, since calls that have just ended are kept for a moment. */
export async function liveObjects(gateway: Gateway): Promise<number> {
  let least = Infinity
  for (let look = 0; look < LOOKS; look++) least = Math.min(least, (await live(gateway)).objects)
  return least
}

async function live(gateway: Gateway): Promise<{ objects: number; buffers: number }> {
  const told = (): RegExpMatchArray[] => [
    ...gateway.logs().matchAll(/heap (\d+): (\d+) and (\d+) bytes/g),
  ]
  const before = told().length
  process.kill(gateway.pid, 'SIGWINCH')
  await eventually('the gateway tells its heap', () => told().length > before)
  const [, , objects, buffers] = told().at(-1) ?? []
  return { objects: Number(objects), buffers: Number(buffers) }
}

/** So many bytes, one block of memory at a time. */
export function* blocks(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= CHUNK.byteLength) yield CHUNK.subarray(0, left)
}

export function sha256Of(bytes: number): string {
  const hash = createHash('sha256')
  for (const chunk of blocks(bytes)) hash.update(chunk)
  return hash.digest('hex')
}
