/**
 * `serve`: runs the gateway until it is told to stop.
 * @module
 */
import { Writable } from 'node:stream'
import { createApp } from '../../app.ts'
import { loadConfig } from '../../config/load.ts'
import type { Config } from '../../config/schema/schema.ts'
import type { App } from '../../life-cycle.ts'
import { configFile } from '../config-file.ts'
import { EXIT, type Io } from '../io.ts'
import { Problem } from '../problem.ts'
import { createServiceManager } from './service-manager.ts'
import { VERSION } from '../version.ts'

/** As pino has it. */
const WARN = 40
const NAME = 'azureml-harness'

export interface ServeOptions {
  readonly config?: string | undefined
  /** Milliseconds. */
  readonly drainMs?: number | undefined
}

/** Resolves with the exit status once the gateway has stopped. */
export async function serve(options: ServeOptions, io: Io): Promise<number> {
  const config = await loadConfig(configFile(options, io))
  // taken before the start: a signal during it ends the gateway in good order as soon as it runs
  /** A line of the log, in its form. */
  const say = (fields: Record<string, unknown>, msg: string): void =>
    io.err(JSON.stringify({ level: WARN, time: io.now(), name: NAME, ...fields, msg }))
  let app: App | undefined
  const { signal } = io
  const manager = createServiceManager({
    env: io.env,
    failed: (why) => say({ why }, 'systemd could not be told how the gateway is'),
  })
  const stopListening = io.onSignal?.(['SIGHUP'], () => {
    const running = app
    if (running !== undefined) void manager.reloading(() => running.reload())
  })
  const log = new Writable({
    write(chunk: Buffer, _encoding, done) {
      io.err(chunk.toString('utf8').trimEnd())
      done()
    },
  })
  app = await createApp(config, { env: io.env, now: io.now, log, version: VERSION })
  await app.listen().catch((error: unknown) => {
    throw portProblem(error, config) ?? error
  })
  io.serving?.()
  await manager.ready()
  await new Promise<void>((stopped) => {
    if (signal.aborted) stopped()
    else signal.addEventListener('abort', () => stopped(), { once: true })
  })
  stopListening?.()
  const told = manager.stopping()
  const hasten = new AbortController()
  io.onSignal?.(['SIGINT', 'SIGTERM'], () => hasten.abort())
  const { unshipped } = await app.close(options.drainMs ?? config.limits.stopMs, hasten.signal)
  await told
  if (unshipped > 0) {
    const what = 'they are shipped at the next start on the same disk'
    say({ unshipped }, `${unshipped} records are still in the spool; ${what}`)
    return EXIT.failed
  }
  return EXIT.ok
}

/** Why a port could not be had, with its key in the configuration; null if that is not what went wrong. */
function portProblem(error: unknown, { listen }: Config): Problem | null {
  if (!(error instanceof Error) || !('code' in error && 'port' in error)) return null
  const { metrics } = listen
  const isMetrics = metrics !== undefined && error.port === metrics.port
  const { host } = isMetrics ? metrics : listen
  const place = `port ${String(error.port)} of "${host}"`
  const key = isMetrics ? 'listen.metrics.port' : 'listen.port'
  switch (error.code) {
    case 'EADDRINUSE':
      return new Problem(
        `${place} is in use by another process`,
        `end that process, or choose another ${key} in the configuration`,
        error,
      )
    case 'EACCES':
      return new Problem(
        `${place} is not this user's to listen on`,
        `choose a ${key} above 1023 in the configuration`,
        error,
      )
    default:
      return null
  }
}
