/**
 * Syslog: RFC 5424 messages over TLS (RFC 5425), framed by octet counting.
 *
 * The protocol has no acknowledgement: bytes in a socket whose other end died are lost without an error. So a batch
 * counts only after the connection has outlived it for a moment, and after a broken connection the last records
 * are sent again; the receiver drops repeated ones by `EventUid`.
 * @module
 */
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { connect, type TLSSocket } from 'node:tls'
import { isRefusal } from '../../record/ocsf.ts'
import { examineHost } from './reach.ts'
import type { ShippedRow } from '../batch.ts'
import { baseOf, type Sink, type SinkDefinition } from './sink.ts'
import { codeOf } from '../../../lib/error-code.ts'

const LIMIT_BYTES = 256_000
const REPLAY_ROWS = 1_000
const SETTLE_MS = 250
const FACILITY_LOG_AUDIT = 13
const SEVERITY = { warning: 4, informational: 6 } as const
const FIELDS = /^\{"RecordKind":"([a-z]{1,16})"/
const EVENT_TIME = /"EventTime":"([^"]{20,30})"/
const MAX_SEQUENCE = 2_147_483_647

export interface SyslogOptions {
  readonly name: string
  readonly required: boolean
  readonly host: string
  readonly port: number
  /** PEM of the authority to trust, asked for at each connection; null: those that Node trusts. */
  readonly ca: (() => string) | null
  readonly settleMs?: number
}

const printable = (text: string, longest: number): string =>
  text.replace(/[^\x21-\x7e]/g, '_').slice(0, longest) || '-'

/** One framed message: `MSG-LEN SP MSG`, where the length counts octets. */
export function frameOf(row: ShippedRow, host: string): Buffer {
  const kind = FIELDS.exec(row.text)?.[1] ?? 'gateway'
  const severity = isRefusal(kind) ? SEVERITY.warning : SEVERITY.informational
  const time = EVENT_TIME.exec(row.text)?.[1] ?? '-'
  // sequenceId (RFC 5424 section 7.3.1) ends at 2^31-1 and begins again
  const sequence = ((row.seq - 1) % MAX_SEQUENCE) + 1
  const message = Buffer.from(
    `<${FACILITY_LOG_AUDIT * 8 + severity}>1 ${time} ${printable(host, 255)} azureml-harness - ${kind} ` +
      `[meta sequenceId="${sequence}"] \ufeff${row.text}`,
  )
  return Buffer.concat([Buffer.from(`${message.length} `), message])
}

/** Writes to the connection; a signal that comes before the bytes are taken destroys it. */
function put(target: TLSSocket, data: Buffer, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      target.destroy()
      reject(new Error('TIMEOUT'))
    }
    signal.addEventListener('abort', abort)
    target.write(data, (error) => {
      signal.removeEventListener('abort', abort)
      if (error === null || error === undefined) resolve()
      else reject(error)
    })
  })
}

/** Makes the sink; connects when there is something to send. */
export function createSyslogSink(options: SyslogOptions): Sink {
  const host = hostname()
  const settleMs = options.settleMs ?? SETTLE_MS
  let socket: TLSSocket | null = null
  let failure: string | null = null
  let replay: readonly ShippedRow[] = []

  function open(signal: AbortSignal): Promise<TLSSocket> {
    return new Promise((resolve, reject) => {
      failure = null
      const made = connect({
        host: options.host,
        port: options.port,
        minVersion: 'TLSv1.2',
        ...(options.ca === null ? {} : { ca: options.ca() }),
      })
      const give = (error: unknown): void => {
        failure = codeOf(error)
        if (socket === made) socket = null
        made.destroy()
        reject(new Error(failure))
      }
      const abort = (): void => {
        give({ code: 'TIMEOUT' })
      }
      made.once('secureConnect', () => {
        signal.removeEventListener('abort', abort)
        made.setKeepAlive(true, 10_000)
        resolve(made)
      })
      made.on('error', give)
      // a receiver never sends anything: when it ends the connection, so do we
      made.on('end', () => {
        give({ code: 'EOF' })
      })
      made.on('close', () => {
        give({ code: failure ?? 'CLOSED' })
      })
      made.resume()
      signal.addEventListener('abort', abort)
    })
  }

  return {
    name: options.name,
    kind: 'syslog',
    required: options.required,
    limitBytes: LIMIT_BYTES,
    atOnce: 1,

    async send(batch, signal) {
      const rows = batch.rows()
      let again: readonly ShippedRow[] = []
      if (socket === null) {
        socket = await open(signal)
        again = replay
      }
      const current = socket
      const known = new Set(rows.map(({ seq }) => seq))
      const all = [...again.filter(({ seq }) => !known.has(seq)), ...rows]
      await put(current, Buffer.concat(all.map((row) => frameOf(row, host))), signal)
      await wait(settleMs)
      if (socket !== current || current.destroyed) {
        return { kind: 'retry', why: failure ?? 'the connection broke' }
      }
      replay = [...replay, ...rows].slice(-REPLAY_ROWS)
      return { kind: 'accepted' }
    },

    close() {
      const current = socket
      socket = null
      if (current === null) return Promise.resolve()
      return new Promise((resolve) => {
        current.once('close', resolve)
        current.end()
        setTimeout(() => current.destroy(), 1_000).unref()
      })
    },
  }
}

/** Reads the file again for each connection; as long as that fails, what it held before stays. */
function createAuthority(file: string): () => string {
  let known = readFileSync(file, 'utf8')
  return () => {
    try {
      known = readFileSync(file, 'utf8')
    } catch {
      // a volume that is being swapped
    }
    return known
  }
}

/** The kind `syslog`. */
export const syslog: SinkDefinition<'syslog'> = {
  acknowledged: 'the connection outlived the batch',
  ocsf: true,
  scope: null,
  make: (config) =>
    createSyslogSink({
      ...baseOf(config),
      host: config.host,
      port: config.port,
      ca: config.caFile === undefined ? null : createAuthority(config.caFile),
    }),
  examine: ({ host, port }) => examineHost(host, port),
}
