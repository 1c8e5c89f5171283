/**
 * `serve`: runs the gateway until it is told to stop.
 * @module
 */
import { resolve } from 'node:path'
import { Writable } from 'node:stream'
import { parseArgs } from 'node:util'
import { createApp } from '../app.ts'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema/schema.ts'
import { EXIT, type Command } from './io.ts'
import { Problem } from './problem.ts'

/** The product's version, as it appears in records and in `User-Agent`; a test compares it with package.json. */
export const VERSION = '0.1.0'

export const serve: Command = {
  summary: 'run the gateway',
  help: `Usage: azureml-harness serve --config FILE [--drain-ms N]

Runs the gateway until SIGINT or SIGTERM; then finishes what runs, closes what does not end and ships its records. A
second SIGINT or SIGTERM ends the waiting. Policies and bindings are read again when their files change, and on
SIGHUP; if they are not sound, the last good ones stay in force.

  --config FILE   configuration (YAML); its schema: azureml-harness config schema
  --drain-ms N    milliseconds for requests and records to finish on stop; limits.stopMs if absent

Exit status: 0 stopped with every record shipped, 1 could not start or records are left in the spool.
Example: azureml-harness serve --config /etc/azureml-harness/harness.yaml`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: { config: { type: 'string' }, 'drain-ms': { type: 'string' } },
    })
    if (values.config === undefined) {
      io.err('serve needs --config FILE; config/harness.yaml is an example to start from')
      return EXIT.usage
    }
    const drainMs = values['drain-ms'] === undefined ? null : Number(values['drain-ms'])
    if (drainMs !== null && (!Number.isInteger(drainMs) || drainMs < 0)) {
      io.err('--drain-ms needs a whole number of milliseconds')
      return EXIT.usage
    }
    const config = await loadConfig(resolve(io.cwd, values.config))
    const log = new Writable({
      write(chunk: Buffer, _encoding, done) {
        io.err(chunk.toString('utf8').trimEnd())
        done()
      },
    })
    const app = await createApp(config, { env: io.env, now: io.now, log, version: VERSION })
    const stopListening = io.onSignal?.(['SIGHUP'], () => void app.reload())
    await app.listen().catch((error: unknown) => {
      throw portProblem(error, config) ?? error
    })
    await new Promise<void>((stopped) => {
      if (io.signal.aborted) stopped()
      else io.signal.addEventListener('abort', () => stopped(), { once: true })
    })
    stopListening?.()
    const hasten = new AbortController()
    io.onSignal?.(['SIGINT', 'SIGTERM'], () => hasten.abort())
    const { unshipped } = await app.close(drainMs ?? config.limits.stopMs, hasten.signal)
    if (unshipped > 0) {
      io.err(
        `${unshipped} records are still in the spool; they are shipped at the next start on the same disk`,
      )
      return EXIT.failed
    }
    return EXIT.ok
  },
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
