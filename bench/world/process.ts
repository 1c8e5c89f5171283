/**
 * Processes of a bench: how they are started and asked, and what the system says of their CPU and memory. Needs Linux's /proc.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** A helper that has said where it is, and answers each message with a count. */
export interface Helper<Count> {
  readonly url: string
  count(): Promise<Count>
  stop(): void
}

/** Starts a file of this folder with `fork`. Its first message is where it listens. */
export async function startHelper<Count>(
  file: string,
  args: readonly string[],
): Promise<Helper<Count>> {
  const child = fork(new URL(file, import.meta.url), args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const [url] = (await Promise.race([once(child, 'message'), failed(child, file)])) as [string]
  return {
    url,
    async count() {
      const answer = once(child, 'message')
      child.send('count')
      return ((await answer) as [Count])[0]
    },
    stop: () => void child.kill(),
  }
}

async function failed(child: ChildProcess, name: string): Promise<never> {
  const [code] = (await once(child, 'exit')) as [number | null]
  throw new Error(`${name} ended before it listened, with status ${code}`)
}

/** A hundredth of a second on every Linux that Node runs on. */
const TICK_NANOS = 10_000_000

/** User and system time of a process so far, all threads, in nanoseconds. */
export function cpuNanos(pid: number): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    const used = threads.map((id) => nanosOf(`/proc/${pid}/task/${id}/schedstat`))
    if (used.some((nanos) => nanos > 0)) return used.reduce((sum, nanos) => sum + nanos, 0)
  } catch {
    // a kernel without schedstat, or a thread that has just ended
  }
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * TICK_NANOS
}

const nanosOf = (file: string): number => Number(readFileSync(file, 'utf8').split(' ')[0])

const ESTABLISHED = '01'

/** Connections that are open to a port of this machine. */
export function connectionsTo(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const lines = ['tcp', 'tcp6'].flatMap((name) => {
    const file = `/proc/net/${name}`
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
  })
  return lines.filter((line) => {
    const [, own = '', , state] = line.trim().split(/\s+/)
    return own.endsWith(local) && state === ESTABLISHED
  }).length
}

/** Resident memory of a process in megabytes (10^6 bytes). */
export function memoryMb(pid: number): number {
  const [, kilobytes = '0'] =
    /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return (Number(kilobytes) * 1024) / 1e6
}
