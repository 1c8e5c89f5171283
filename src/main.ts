#!/usr/bin/env node
/**
 * The process: its arguments, environment, streams and signals. No other module uses `process`.
 * @module
 */
import { once } from 'node:events'
import { constants } from 'node:os'
import { text } from 'node:stream/consumers'
import { styleText } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runCli } from './cli/cli.ts'
import { EXIT, type Io } from './cli/io.ts'
import { codeOf } from './lib/error-code.ts'
import { fileFaultOf } from './lib/file-fault.ts'

/** As shells have it: 128 and the number of the signal. */
const SIGNALLED = 128
/** What a command that was interrupted has left to end by itself, in milliseconds. */
const GRACE_MS = 500

// Cedar's WebAssembly is compiled as it is called, and what runs often once more, for speed. That pays after some 20,000
// questions: most commands ask fewer, and cost a quarter less without. The same goes for V8's second compiler of JavaScript.
// A gateway that has just started is 20 MB smaller if it waits. The budget of each function of Cedar's is for what it runs in
// about a second: a tenth of that is used up while policies are loaded, and V8 then takes 20 MB to compile some of them
const SHORT = ['--no-wasm-dynamic-tiering', '--no-wasm-tier-up', '--no-maglev']
// V8 doubles the young generation as much survives in it, and keeps it. What a start makes survives anyhow: a gateway that
// has served nobody yet is 13 MB smaller if it only grows from then on
const KEEPS_SIZE = '--semi-space-growth-factor=1'
// With so little that survives a call, V8 would let the old generation grow by a fifth only before it collects the whole heap:
// every ten seconds under load, for up to 100 ms in which calls take three times as long. With many calls at once it would let
// it grow to four times. The limit that it works out is then two and a half times what was alive, whatever the load
const GROWS = ['--semi-space-growth-factor=2', '--heap-growing-percent=150']
// pretenuring: where most objects of an allocation site outlive collections of the young generation, V8 allocates the next
// ones in the old generation. Under load those are the objects of a call, and each keeps all that it refers to until the
// whole heap is collected: a PUT of 64 connections cost an eighth more, and the gateway had twice the memory
const NO_PRETENURING = '--no-allocation-site-pretenuring'
const SERVE = ['--wasm-tiering-budget=1000000000', KEEPS_SIZE, NO_PRETENURING]
for (const flag of process.argv[2] === 'serve' ? SERVE : SHORT) setFlagsFromString(flag)

const UNHANDLED = 'unhandled rejection'

const stop = new AbortController()
let listening = false
let interrupt: NodeJS.Signals = 'SIGINT'
/** Whether the command listens to signals by itself, and so decides by itself when to end. */
let isOwn = false
const statusAfter = (name: NodeJS.Signals): number => SIGNALLED + constants.signals[name]
/** Other commands keep the system's own answer to these signals, which ends them at once, whatever they are at. */
function listen(): void {
  if (listening) return
  listening = true
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      const isFirst = !stop.signal.aborted
      interrupt = name
      stop.abort(name)
      if (isFirst) setTimeout(() => isOwn || process.exit(statusAfter(name)), GRACE_MS).unref()
    })
  }
}
// the first process of a container has no answer of the system's to fall back to
if (process.pid === 1) listen()

// Azure SDKs refresh tokens in the background: a rejection there must not end a process that has records to ship
process.on('unhandledRejection', (reason) => {
  const error = reason instanceof Error ? reason.name : typeof reason
  const line = { level: 50, time: Date.now(), name: 'azureml-harness', error, msg: UNHANDLED }
  process.stderr.write(`${JSON.stringify(line)}\n`)
})
// whoever reads the results has gone, as `head` does: end as programs do that take SIGPIPE
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(statusAfter('SIGPIPE'))
  const { what, next } = fileFaultOf(error) ?? { what: `fails with ${codeOf(error)}`, next: null }
  const lines = [
    `azureml-harness: standard output ${what}`,
    ...(next === null ? [] : [`  ${next}`]),
  ]
  process.stderr.write(`${lines.join('\n')}\n`)
  process.exit(EXIT.failed)
})
process.stderr.on('error', () => {
  // nobody reads the log: no reason to stop
})

const clear = '\r\u001B[2K'
let shown = false
const progress = (line: string | null): void => {
  if (line !== null || shown) process.stderr.write(line === null ? clear : `${clear}${line}`)
  shown = line !== null
}

/** A line of a terminal; the end of the input is an empty one. */
async function ask(question: string): Promise<string> {
  const { createInterface } = await import('node:readline/promises')
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const ended = once(lines, 'close').then(() => '')
    return await Promise.race([lines.question(question), ended])
  } finally {
    lines.close()
  }
}

const io: Io = {
  out: (line) => {
    if (shown && process.stdout.isTTY) progress(null)
    process.stdout.write(`${line}\n`)
  },
  async drained() {
    if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain')
  },
  err: (line) => {
    progress(null)
    process.stderr.write(`${line}\n`)
  },
  ...(process.stderr.isTTY ? { progress } : {}),
  style: (format, line) => styleText(format, line, { stream: process.stdout }),
  columns: process.stdout.isTTY ? process.stdout.columns : null,
  env: process.env,
  cwd: process.cwd(),
  now: Date.now,
  get signal() {
    listen()
    return stop.signal
  },
  serving() {
    for (const flag of GROWS) setFlagsFromString(flag)
  },
  input: () => text(process.stdin),
  ...(process.stdin.isTTY && process.stderr.isTTY ? { ask } : {}),
  onSignal(names, listener) {
    isOwn = true
    for (const name of names) process.on(name, listener)
    return () => {
      for (const name of names) process.off(name, listener)
    }
  },
}

// a process that ends before its command does has failed
process.exitCode = EXIT.failed
void runCli(process.argv.slice(2), io).then((status) => {
  progress(null)
  process.exitCode = stop.signal.aborted && !isOwn ? statusAfter(interrupt) : status
  // traces on their way to a collector that does not answer would hold it for longer than a stop may take
  if (isOwn) setTimeout(() => process.exit(), GRACE_MS).unref()
})
