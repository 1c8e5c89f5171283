/**
 * The gateway as a child process, configured for a lab: `npm start` and the tests run it the way an operator does.
 * @module
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../server/free-port.ts'
import { writeGatewayConfig, type ConfigFile, type GatewayConfigOptions } from './harness-config.ts'
import { request } from '../server/http.ts'
import type { Lab } from '../lab.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
/** As the image runs it (Dockerfile says why). */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=16']
/** The same. */
export const MALLOC_ENV: Readonly<Record<string, string>> = {
  MALLOC_MMAP_THRESHOLD_: '131072',
  MALLOC_ARENA_MAX: '1',
}
/** Endpoints of the lab have names of their own under localhost. */
const RESOLVER = ['--import', new URL('../server/localhost-names.mjs', import.meta.url).href]
const READY_TIMEOUT_MS = 30_000
const POLL_MS = 50
const STOP_TIMEOUT_MS = 40_000
const KEPT_LOG_BYTES = 8 * 1024 * 1024

export interface GatewayOptions extends Partial<GatewayConfigOptions> {
  /** Where harness.yaml is written; the lab's directory if absent. */
  readonly configFile?: string
  /** Added to (or, if undefined, taken from) its environment. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** What node runs; src/main.ts if absent. */
  readonly main?: string
  /** Flags for node itself, e.g. `--max-old-space-size`. */
  readonly execArgv?: readonly string[]
  /** A command that ends by becoming (exec) the one that follows it: another namespace, other limits. */
  readonly wrap?: readonly string[]
  /** Also show its output here. */
  readonly echo?: boolean
  readonly readyTimeoutMs?: number
  /** Resolve as soon as it was spawned, ready or not. */
  readonly waitUntilReady?: boolean
}

/** How it ended: one of the two is set. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Gateway {
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly configFile: string
  readonly config: ConfigFile
  /** Everything it has written to standard output and standard error, up to 8 MiB. */
  logs(): string
  readonly exited: Promise<Exit>
  /** SIGTERM, then waits; SIGKILL if it is still there after 40 s. */
  stop(): Promise<Exit>
  /** SIGKILL at once, as a power cut would. */
  kill(): Promise<Exit>
  /** Resolves when `/_harness/readyz` answers 200; rejects if it exits or takes too long. */
  ready(timeoutMs?: number): Promise<void>
}

function capture(child: ChildProcess, echo: boolean): () => string {
  const chunks: Buffer[] = []
  let bytes = 0
  const keep = (chunk: Buffer): void => {
    bytes += chunk.length
    if (bytes <= KEPT_LOG_BYTES) chunks.push(chunk)
    if (echo) process.stderr.write(chunk)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  return () => Buffer.concat(chunks).toString('utf8')
}

/** Writes its configuration, spawns `node src/main.ts serve --config FILE`, and resolves when it is ready. */
export async function spawnGateway(lab: Lab, options: GatewayOptions = {}): Promise<Gateway> {
  const port = options.port === undefined || options.port === 0 ? await freePort() : options.port
  const configFile = options.configFile ?? join(lab.directory, 'harness.yaml')
  const config = await writeGatewayConfig(lab, configFile, { ...options, port })
  await mkdir(config.audit.spool.directory, { recursive: true, mode: 0o700 })
  const env = { ...process.env, ...MALLOC_ENV, ...lab.env, ...options.env }
  const flags = [...(options.execArgv ?? NODE_FLAGS), ...RESOLVER]
  const [command, ...before] = [...(options.wrap ?? []), process.execPath]
  const args = [...before, ...flags, options.main ?? MAIN, 'serve', '--config', configFile]
  // a process group of its own: Ctrl-C reaches this process only, which stops the gateway before the lab
  const child = spawn(command ?? process.execPath, args, {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const logs = capture(child, options.echo ?? false)
  const exited: Promise<Exit> = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
  }))
  // the gateway must not outlive this process
  const reap = (): void => void child.kill('SIGKILL')
  process.once('exit', reap)
  const gone = exited.finally(() => process.off('exit', reap))

  const url = `https://localhost:${port}`
  // with `echo` its output has been shown already
  const told = (): string => (options.echo === true ? '' : `\n${logs()}`)
  async function ready(timeoutMs = options.readyTimeoutMs ?? READY_TIMEOUT_MS): Promise<void> {
    const deadline = Date.now() + timeoutMs
    let ended: Exit | null = null
    void gone.then((exit) => (ended = exit))
    let last = 'nothing answered'
    while (Date.now() < deadline) {
      if (ended !== null)
        throw new Error(`the gateway ended before it was ready: ${describe(ended)}${told()}`)
      try {
        const { ca } = lab.certificates
        const reply = await request(`${url}/_harness/readyz`, { ca, timeoutMs: 2000 })
        if (reply.status === 200) return
        last = `readyz said ${reply.status}: ${reply.text().slice(0, 500)}`
      } catch (error) {
        last = error instanceof Error ? error.message : 'no connection'
      }
      await delay(POLL_MS)
    }
    throw new Error(`the gateway was not ready after ${timeoutMs} ms (${last})${told()}`)
  }

  async function stop(): Promise<Exit> {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    const exit = await gone
    clearTimeout(timer)
    return exit
  }
  async function kill(): Promise<Exit> {
    child.kill('SIGKILL')
    return gone
  }

  if (child.pid === undefined) throw new Error('node could not be spawned')
  const gateway: Gateway = {
    url,
    port,
    pid: child.pid,
    configFile,
    config,
    logs,
    exited: gone,
    stop,
    kill,
    ready,
  }
  if (options.waitUntilReady !== false) {
    try {
      await ready()
    } catch (error) {
      await kill()
      throw error
    }
  }
  return gateway
}

/** `exit status 1`, `signal SIGKILL`. */
export function describe(exit: Exit): string {
  return exit.signal === null ? `exit status ${exit.code}` : `signal ${exit.signal}`
}
