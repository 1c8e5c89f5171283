/**
 * Children of the lab: other people's servers, started on a free port and ended with the lab.
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'

const KEPT_OUTPUT_CHARS = 64 * 1024
const STOP_TIMEOUT_MS = 10_000

export interface Child {
  /** What it has written so far, the last 64 KiB of it. */
  output(): string
  /** SIGTERM to its process group, then SIGKILL. */
  stop(): Promise<void>
}

export interface ChildOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Looks whether it is ready: null for not yet. Asked every 50 ms with what it has written. */
  readonly ready: (output: string) => Promise<string | null> | string | null
  readonly timeoutMs: number
}

/** Spawns it, and resolves with what `ready` said; rejects if it ends or takes too long. */
export async function startChild(
  name: string,
  options: ChildOptions,
): Promise<{ child: Child; found: string }> {
  let output = ''
  const child = spawn(options.command, [...options.args], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // a group of its own: servers that fork workers end as a whole, and Ctrl-C reaches only us
    detached: true,
  })
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString('utf8')).slice(-KEPT_OUTPUT_CHARS)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  let ended: string | null = null
  child.once('error', (error) => (ended = error.message))
  const exited = once(child, 'close').then(
    () => (ended ??= 'it ended'),
    () => {},
  )
  const signal = (kind: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, kind)
    } catch {
      // the whole group has gone already
    }
  }
  const reap = (): void => signal('SIGKILL')
  process.once('exit', reap)
  async function stop(): Promise<void> {
    process.off('exit', reap)
    if (ended !== null) return
    signal('SIGTERM')
    const timer = setTimeout(() => signal('SIGKILL'), STOP_TIMEOUT_MS)
    await exited
    clearTimeout(timer)
  }

  const deadline = Date.now() + options.timeoutMs
  for (;;) {
    const found = ended === null ? await options.ready(output) : null
    if (found !== null) return { child: { output: () => output, stop }, found }
    if (ended !== null || Date.now() > deadline) {
      await stop()
      throw new Error(`${name} did not start: ${ended ?? 'it takes too long'}\n${output}`)
    }
    await delay(50)
  }
}
