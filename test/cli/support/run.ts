/**
 * Runs commands: as functions with an `Io` of their own, or as processes the way people do.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { commandsIn, programOf, runCli } from '../../../src/cli/cli.ts'
import type { Io } from '../../../src/cli/io.ts'

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url))

export interface Ran {
  readonly status: number
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  readonly now?: () => number
  readonly signal?: AbortSignal
  readonly input?: () => Promise<string>
  /** As at a terminal: answers questions. */
  readonly ask?: (question: string) => Promise<string>
  /** As on a terminal: sees the line that says how far it is. */
  readonly progress?: (line: string | null) => void
  /** Sees each line of standard error as it comes. */
  readonly onErr?: (line: string) => void
}

/** An `Io` without a terminal that writes nowhere, but for what is given. */
export function ioOf(given: Partial<Io>): Io {
  return {
    out: () => {},
    drained: async () => {},
    err: () => {},
    style: (_format, text) => text,
    columns: null,
    env: {},
    cwd: '/',
    now: Date.now,
    signal: new AbortController().signal,
    ...given,
  }
}

/** Through the list of commands, so that errors come out as people see them. */
export async function run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { onErr, ...given } = options
  let out = ''
  let err = ''
  const status = await runCli(
    args,
    ioOf({
      out: (line) => {
        out += `${line}\n`
      },
      err: (line) => {
        err += `${line}\n`
        onErr?.(line)
      },
      ...given,
    }),
  )
  return { status, out, err }
}

/** Every command that does something, by its words. */
export const COMMANDS = commandsIn(programOf({ io: ioOf({}), args: [], status: 0 }))

export interface Process {
  readonly pid: number
  readonly kill: (signal: NodeJS.Signals) => void
  /** Resolves once standard output or error holds `text`. */
  readonly saw: (text: string) => Promise<void>
  readonly ended: Promise<Ran & { signal: NodeJS.Signals | null }>
}

/** `node src/main.ts ARGS`; of the environment only what is given, `PATH` and `HOME`. */
export function start(args: readonly string[], env: RunOptions['env'] = {}, cwd?: string): Process {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  })
  let out = ''
  let err = ''
  const watchers: (() => void)[] = []
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString('utf8')
    for (const watcher of watchers) watcher()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString('utf8')
    for (const watcher of watchers) watcher()
  })
  const ended = once(child, 'close').then(([code, signal]) => ({
    status: (code as number | null) ?? -1,
    signal: signal as NodeJS.Signals | null,
    out,
    err,
  }))
  return {
    pid: child.pid ?? 0,
    kill: (signal) => void child.kill(signal),
    saw: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (out.includes(text) || err.includes(text)) resolve()
        }
        watchers.push(look)
        look()
        void ended.then(() => reject(new Error(`it ended first: ${out}${err}`)))
      }),
    ended,
  }
}
