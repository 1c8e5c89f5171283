/**
 * `audit ship DIR`: sends what a gateway that is gone left in its spool, to the sinks of a configuration.
 *
 * The spool is opened as a gateway opens it: under its lock, repaired, and with an end on record for each request that
 * has none. So the trail of a replica that was killed and never came back is whole at the sinks.
 * @module
 */
import { resolve } from 'node:path'
import { setImmediate, setTimeout as delay } from 'node:timers/promises'
import { chainsIn } from '../../audit/inspect/verify.ts'
import { openAudit, type Audit, type AuditState } from '../../audit/open.ts'
import { loadConfig } from '../../config/load.ts'
import { readSecrets } from '../../config/secrets.ts'
import { QUIET } from '../../lib/log.ts'
import { createBroker } from '../../token/broker.ts'
import { configFile } from '../config-file.ts'
import { EXIT, type Io } from '../io.ts'
import { show, type Output, type Result } from '../output.ts'
import { Problem } from '../problem.ts'
import { createProgress, type Progress } from '../progress.ts'
import { VERSION } from '../version.ts'

const LOOK_MS = 100
/** For batches that are on their way when the command is interrupted or out of time. */
const LAST_MS = 500

export interface ShipOptions {
  readonly config?: string | undefined
  readonly spool: string
  /** Seconds. */
  readonly timeout: number
  readonly output: Output
}

type SinkState = AuditState['sinks'][number]

/** Resolves with 0 once each sink has every record, with 1 if the time is over before. */
export async function auditShip(options: ShipOptions, io: Io): Promise<number> {
  const config = await loadConfig(configFile(options, io))
  const directory = resolve(io.cwd, options.spool)
  if (chainsIn(directory).length === 0)
    throw new Problem(`no audit chain in "${directory}"`, 'name the directory of a spool')
  if (config.audit.sinks.length === 0)
    throw new Problem('the configuration has no sink to ship to', 'add one to audit.sinks')
  const secret = await readSecrets(config, io.env)
  const broker = createBroker({
    identities: new Map(Object.entries(config.identities)),
    cloud: config.cloud.name,
    timeoutMs: config.limits.tokenTimeoutMs,
    now: io.now,
    log: QUIET,
  })
  const { hashKey } = config.audit
  let reading: Progress | null = null
  try {
    const audit = await openAudit({
      config: { ...config.audit, spool: { ...config.audit.spool, directory } },
      hashKey: hashKey === undefined ? null : Buffer.from(secret(hashKey)),
      credential: broker.credential,
      secret,
      version: VERSION,
      now: io.now,
      async onRead(bytes, of) {
        reading ??= createProgress(io, 'reading records', of)
        reading.add(bytes)
        // lets an interrupt in, which the first process of a container has to answer by itself
        await setImmediate()
      },
      log: ({ sink, to, why }, message) => {
        if (to !== undefined && to !== 'ok') io.err(`${message} "${String(sink)}": ${String(why)}`)
      },
    })
    const sinks = await shipped(audit, options.timeout * 1_000, io)
    for (const sink of sinks) show(io, options.output, resultOf(sink))
    return sinks.every(({ unshipped }) => unshipped === 0) ? EXIT.ok : EXIT.failed
  } finally {
    broker.close()
  }
}

/** Waits until every sink has every record, the time is over or the command is interrupted; then closes the spool. */
async function shipped(audit: Audit, ms: number, io: Io): Promise<readonly SinkState[]> {
  const left = (): number => Math.max(...audit.state().sinks.map(({ unshipped }) => unshipped))
  const all = left()
  const progress = createProgress(io, 'shipping records', all)
  const end = io.now() + ms
  let before = all
  while (before > 0 && io.now() < end && !io.signal.aborted) {
    await delay(LOOK_MS, undefined, { signal: io.signal }).catch(() => undefined)
    const now = left()
    progress.add(before - now)
    before = now
  }
  progress.end()
  // with the records of the end of this, which are shipped, too
  await audit.close(before > 0 ? LAST_MS : Math.max(LAST_MS, end - io.now()), io.signal)
  return audit.state().sinks
}

function resultOf({ name, kind, unshipped }: SinkState): Result {
  const text = unshipped === 0 ? 'has every record' : `${unshipped} records are not shipped`
  return {
    json: () => ({ sink: name, kind, unshipped }),
    table: () => [`${name} (${kind})  ${text}`],
    tsv: () => [[name, kind, unshipped]],
  }
}
