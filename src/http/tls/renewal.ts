/**
 * Serves a renewed certificate from the next connection on, without closing any: those that are open go on with what they
 * were opened with.
 * @module
 */
import type { Server } from 'node:http'
import { Server as TlsServer } from 'node:https'
import { signatureOfFile, watchFiles } from '../../lib/files/watch.ts'
import type { Log } from '../../lib/log.ts'
import { counter, gauge, single, type Metric } from '../../lib/metric.ts'
import { filesOf, readCertificate, type Certificate, type TlsFiles } from './certificate.ts'

export interface Renewal {
  /** What the server is made with; null without TLS. */
  readonly first: Certificate | null
  /** Watches the files from now on, and gives the server what is new in them. */
  readonly start: (server: Server | TlsServer, log: RenewalLog) => void
  /** Reads the files again now, if started. Never rejects: what cannot be used changes nothing, and is logged. */
  readonly reload: () => Promise<void>
  readonly metrics: () => readonly Metric[]
  readonly close: () => void
}

export interface RenewalLog {
  readonly info: Log
  readonly error: Log
}

export interface RenewalOptions {
  /** Absent: plain HTTP. */
  readonly files: TlsFiles | undefined
  readonly now: () => number
}

const NONE: Omit<Renewal, 'first'> = {
  start: () => undefined,
  reload: async () => undefined,
  metrics: () => [],
  close: () => undefined,
}

/**
 * Reads the files for the first time.
 * @throws Error as `readCertificate` does
 */
export async function createRenewal({ files, now }: RenewalOptions): Promise<Renewal> {
  if (files === undefined) return { first: null, ...NONE }
  const own = files
  const watch = await watchFiles(async () =>
    (await Promise.all(filesOf(own).map(signatureOfFile))).join(' '),
  )
  const first = await readCertificate(own)
  const counts = { changed: 0, unchanged: 0, kept: 0 }
  let current = first
  let sound = true
  let served: { readonly server: TlsServer; readonly log: RenewalLog } | null = null
  let stop: (() => void) | null = null

  async function reload(): Promise<void> {
    if (served === null) return
    const { server, log } = served
    try {
      const read = await readCertificate(own)
      checkPeriod(read, now())
      sound = true
      if (isSame(read, current)) {
        counts.unchanged += 1
        return
      }
      server.setSecureContext(read.context)
      current = read
      counts.changed += 1
      const { serial, notAfter } = read
      log.info(
        { serial, notAfter: new Date(notAfter).toISOString() },
        'the certificate was renewed: new connections are served with it',
      )
    } catch (error) {
      sound = false
      counts.kept += 1
      const fault = error instanceof Error ? error.message : 'unknown'
      log.error({ fault }, 'the certificate cannot be renewed: the last good one stays')
    }
  }

  return {
    first,
    start(server, log) {
      if (!(server instanceof TlsServer)) return
      served = { server, log }
      stop ??= watch(reload)
    },
    reload,
    metrics: () => [
      gauge('tls_certificate_not_after_timestamp_seconds', single(current.notAfter / 1000)),
      gauge('tls_files_sound', single(sound ? 1 : 0)),
      counter(
        'tls_reloads_total',
        Object.entries(counts).map(([outcome, value]) => ({ labels: { outcome }, value })),
      ),
    ],
    close() {
      stop?.()
      stop = null
    },
  }
}

function isSame({ context: one }: Certificate, { context: other }: Certificate): boolean {
  return one.cert === other.cert && one.key === other.key && one.ca === other.ca
}

/** Nobody would accept it, whatever becomes of the one that is served. */
function checkPeriod({ notBefore, notAfter }: Certificate, now: number): void {
  if (notAfter <= now) throw new Error('the certificate has ended')
  if (notBefore > now) throw new Error('the certificate is not valid yet')
}
