/**
 * What the benches measure in: the lab's issuers and managed identities, and an upstream and a sink that cost little, each
 * a process of its own.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { ConfigFile } from '../../lab/gateway/harness-config.ts'
import { startLab, type Lab } from '../../lab/lab.ts'
import { startHelper, type Helper } from './process.ts'
import type { Answered } from './upstream.ts'
import type { RowCounts } from './sink.ts'

export interface World {
  readonly lab: Lab
  /** For configurations and logs; gone with the world. */
  readonly directory: string
  readonly upstream: Helper<Answered>
  readonly sink: Helper<RowCounts>
  /** What a gateway's configuration must have to be measured here. */
  configure(config: ConfigFile): ConfigFile
  /**
   * Runs a load on one proxy.
   * @param records whether each call of it must have its rows at the sink afterwards
   * @throws if the sink does not get them: figures of a gateway that keeps its records to itself are not worth having
   */
  counted<T>(records: boolean, load: () => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** How long a sink may go without a new row before its rows are given up. */
const PATIENCE_MS = 15_000
const POLL_MS = 100

/** Starts all of it. `sink` is `refuse` to show that rows which do not arrive are noticed. */
export async function startWorld(sinkMode: 'take' | 'refuse' = 'take'): Promise<World> {
  const directory = await mkdtemp(join(tmpdir(), 'harness-bench-'))
  const lab = await startLab({ directory, port: 0 })
  const { certFile, keyFile } = lab.certificates
  const upstream = await startHelper<Answered>('upstream.ts', [])
  const sink = await startHelper<RowCounts>('sink.ts', [certFile, keyFile, sinkMode])
  return {
    lab,
    directory,
    upstream,
    sink,
    configure: ({ cloud, audit, ...config }) => ({
      ...config,
      // the data plane's own hosts, whose URLs the answers have
      cloud: {
        name: cloud.name,
        resourceManager: upstream.url,
        scoring: upstream.url,
        regions: cloud.regions ?? {},
      },
      audit: {
        ...audit,
        sinks: audit.sinks.map((one) => ({ ...one, endpoint: sink.url }) as typeof one),
      },
      limits: {
        // one machine makes all calls
        requestsPerSecondPerPrincipal: 1_000_000,
        burstPerPrincipal: 1_000_000,
        // 2,000 handshakes at once take long on a machine that does other work; the bare proxy has 120 seconds for one
        headersTimeoutMs: 60_000,
      },
    }),
    async counted(records, load) {
      const result = await load()
      if (records) await demandRows(sink, (await upstream.count()).toGateway)
      return result
    },
    async close() {
      upstream.stop()
      sink.stop()
      await lab.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Waits until the sink has a row of each kind for each of `calls`. @throws if no more rows come */
async function demandRows(sink: Helper<RowCounts>, calls: number): Promise<void> {
  let last = -1
  let changed = performance.now()
  for (;;) {
    const { authorized, completed } = await sink.count()
    if (authorized >= calls && completed >= calls) return
    if (authorized + completed !== last)
      [last, changed] = [authorized + completed, performance.now()]
    if (performance.now() - changed > PATIENCE_MS) {
      const got = `${authorized} "authorized" and ${completed} "completed"`
      throw new Error(`the sink did not get its rows: ${got} of ${calls} calls`)
    }
    await delay(POLL_MS)
  }
}
