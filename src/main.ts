#!/usr/bin/env node
/**
 * The process: its arguments, environment and signals. No other module uses `process`.
 * @module
 */
import { text } from 'node:stream/consumers'
import { runCli } from './cli/cli.ts'

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    stop.abort(signal)
  })
}
// Azure SDKs refresh tokens in the background: a rejection there must not end a process that has records to ship
process.on('unhandledRejection', (reason) => {
  process.stderr.write(
    `${JSON.stringify({ level: 50, msg: 'unhandled rejection', name: reason instanceof Error ? reason.name : typeof reason })}\n`,
  )
})

process.exitCode = await runCli(process.argv.slice(2), {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
  colour: process.stderr.isTTY && process.env['NO_COLOR'] === undefined,
  env: process.env,
  cwd: process.cwd(),
  now: Date.now,
  signal: stop.signal,
  input: () => text(process.stdin),
  onSignal(names, listener) {
    for (const name of names) process.on(name, listener)
    return () => {
      for (const name of names) process.off(name, listener)
    }
  },
})
