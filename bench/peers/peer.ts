/**
 * What a peer of a comparison is: a proxy behind the lab's TLS, before the upstream of the bench.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { World } from '../world/world.ts'

export interface Running {
  /** `https://localhost:PORT`. */
  readonly url: string
  readonly pid: number
  /** Whether each call that it forwards has its record at the sink. */
  readonly records: boolean
  stop(): Promise<void>
}

/** Why a peer does not take part. */
export interface Absent {
  readonly absent: string
}

export interface Peer {
  readonly name: string
  /** What it does for each call, in a few words. */
  readonly does: string
  start(world: World): Promise<Running | Absent>
}

/** Whether a program can be run. */
export function isInstalled(program: string, args: readonly string[]): boolean {
  const { error, status } = spawnSync(program, args, { stdio: 'ignore', timeout: 10_000 })
  return error === undefined && status === 0
}

const READY_MS = 20_000

/** Runs a proxy until it listens on `port`; what it writes, its log above all, goes to a file in the world's directory. */
export async function run(
  world: World,
  program: string,
  args: readonly string[],
  port: number,
  env: Readonly<Record<string, string>> = {},
): Promise<Running> {
  const log = join(world.directory, `${program.split('/').at(-1)}-${port}.log`)
  const file = openSync(log, 'a')
  const child = spawn(program, args, {
    stdio: ['ignore', file, file],
    cwd: world.directory,
    env: { ...process.env, ...env },
  })
  let ended = false
  const gone = once(child, 'exit').then(() => (ended = true))
  const deadline = performance.now() + READY_MS
  while (!(await listens(port))) {
    if (ended || performance.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`${program} does not listen; see ${log}`)
    }
    await delay(50)
  }
  return {
    url: `https://localhost:${port}`,
    pid: child.pid ?? 0,
    records: false,
    async stop() {
      child.kill('SIGKILL')
      await gone
    },
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
