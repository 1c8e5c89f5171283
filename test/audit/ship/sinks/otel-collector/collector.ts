/**
 * A real OpenTelemetry Collector on 127.0.0.1 that writes what it receives into a file; install.sh beside this file
 * builds it.
 * @module
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Certificates } from '../../../../../lab/identity/ca.ts'
import type { Test } from '../../../fixtures.ts'

const HOME = resolve(import.meta.dirname, '../../../../../.otelcol')
const name = existsSync(HOME)
  ? readdirSync(HOME).find((file) => /^otelcol-[\d.]+$/.test(file))
  : undefined

/** Why tests with a collector are skipped, or false. */
export const skip =
  name === undefined
    ? 'no OpenTelemetry Collector: test/audit/ship/sinks/otel-collector/install.sh builds it (Go 1.25)'
    : false

interface Attribute {
  readonly key: string
  readonly value: { readonly stringValue: string }
}

/** A log record as the collector understood it, in the JSON of its own file exporter. */
export interface LogRecord {
  readonly timeUnixNano: string
  readonly observedTimeUnixNano: string
  readonly severityNumber: number
  readonly severityText: string
  readonly eventName: string
  readonly body: { readonly stringValue: string }
  readonly attributes: readonly Attribute[]
}

export interface ResourceLogs {
  readonly resource: { readonly attributes: readonly Attribute[] }
  readonly scopeLogs: readonly {
    readonly scope: { readonly name: string; readonly version: string }
    readonly logRecords: readonly LogRecord[]
  }[]
}

/** A span, as above; ids are in hexadecimal digits. */
export interface SpanRecord {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly traceState?: string
  readonly attributes?: readonly Attribute[]
}

interface Line {
  readonly resourceLogs?: readonly ResourceLogs[]
  readonly resourceSpans?: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] }
    readonly scopeSpans: readonly { readonly spans: readonly SpanRecord[] }[]
  }[]
}

export interface CollectorOptions {
  readonly certificates: Certificates
  /** Holds its configuration, its log and `received/N.jsonl`, N counting the starts. */
  readonly directory: string
  readonly tokenFile: string
  readonly maxBodyBytes?: number
}

export interface Collector {
  readonly port: number
  /** Where the present process writes, from the first record on. */
  output(): string
  received(): ResourceLogs[]
  records(): LogRecord[]
  /** All that it wrote, as text. */
  text(): string
  spans(): SpanRecord[]
  /** Attributes of the resources that spans came from. */
  origins(): Record<string, string>[]
  start(): Promise<void>
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
}

export const attributesOf = (attributes: readonly Attribute[] = []): Record<string, string> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue]))

/** The key that a repeated record is known by. */
export const uidOf = (record: LogRecord): string =>
  attributesOf(record.attributes)['event.uid'] ?? ''

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

const listens = (port: number): Promise<boolean> =>
  new Promise((settle) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => settle(true)).once('error', () => settle(false))
    socket.once('connect', () => socket.destroy())
  })

function linesOf(file: string): Line[] {
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.flatMap((line, n): Line[] => {
    if (line === '') return []
    try {
      return [JSON.parse(line) as Line]
    } catch (error) {
      // the last line of a process that was killed, or that writes just now
      if (n === lines.length - 1) return []
      throw error
    }
  })
}

const configOf = (options: CollectorOptions, port: number, output: string) => ({
  extensions: { bearertokenauth: { filename: options.tokenFile } },
  receivers: {
    otlp: {
      protocols: {
        http: {
          endpoint: `127.0.0.1:${port}`,
          tls: { cert_file: options.certificates.certFile, key_file: options.certificates.keyFile },
          auth: { authenticator: 'bearertokenauth' },
          ...(options.maxBodyBytes !== undefined && {
            max_request_body_size: options.maxBodyBytes,
          }),
        },
      },
    },
  },
  // written before the receiver answers: it has no queue, and a file that is rotated has no buffer
  exporters: { file: { path: output, rotation: { max_megabytes: 1_000 } } },
  service: {
    extensions: ['bearertokenauth'],
    pipelines: {
      logs: { receivers: ['otlp'], exporters: ['file'] },
      traces: { receivers: ['otlp'], exporters: ['file'] },
    },
  },
})

/** What the collector says of a configuration: '' if it takes it. */
export function validate(file: string): string {
  const { stderr } = spawnSync(join(HOME, name ?? ''), ['validate', '--config', `file:${file}`])
  return stderr.toString()
}

/** Starts one; it ends with the test. */
export async function startCollector(t: Test, options: CollectorOptions): Promise<Collector> {
  const port = await freePort()
  let starts = 0
  let child: ChildProcess | null = null
  const output = (n = starts): string => join(options.directory, 'received', `${n}.jsonl`)

  const files = (): string[] =>
    Array.from({ length: starts }, (_, n) => output(n + 1)).filter((file) => existsSync(file))
  const resourceSpans = () =>
    files()
      .flatMap(linesOf)
      .flatMap((line) => line.resourceSpans ?? [])

  const collector: Collector = {
    port,
    output,
    received: () =>
      files()
        .flatMap(linesOf)
        .flatMap(({ resourceLogs = [] }) => resourceLogs),
    text: () =>
      files()
        .map((file) => readFileSync(file, 'utf8'))
        .join(''),
    spans: () => resourceSpans().flatMap(({ scopeSpans }) => scopeSpans.flatMap((s) => s.spans)),
    origins: () => resourceSpans().map(({ resource }) => attributesOf(resource.attributes)),
    records: () =>
      collector.received().flatMap(({ scopeLogs }) => scopeLogs.flatMap((s) => s.logRecords)),
    async start() {
      starts += 1
      mkdirSync(dirname(output()), { recursive: true })
      const config = join(options.directory, 'otelcol.yaml')
      // JSON is YAML
      writeFileSync(config, JSON.stringify(configOf(options, port, output())))
      const process = spawn(join(HOME, name ?? ''), ['--config', `file:${config}`], {
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      child = process
      let log = ''
      process.stderr.on('data', (chunk: Buffer) => {
        log += chunk.toString()
      })
      while (!(await listens(port))) {
        if (process.exitCode !== null) throw new Error(`the collector does not start: ${log}`)
        await wait(20)
      }
    },
    async kill() {
      if (child === null) return
      const alive = child.exitCode === null && child.signalCode === null
      const exit = alive ? once(child, 'exit') : null
      child.kill('SIGKILL')
      await exit
      child = null
    },
  }
  t.teardown(() => collector.kill())
  await collector.start()
  return collector
}
