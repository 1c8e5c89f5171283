/**
 * How the gateway starts and stops: each in the order that loses no record.
 * @module
 */
import type { Server } from 'node:http'
import type { Audit } from './audit/open.ts'
import type { Callers } from './callers.ts'
import type { Config } from './config/schema/schema.ts'
import type { Upstream } from './forward/upstream.ts'
import type { createFramework } from './http/listener.ts'
import { serveMetrics } from './http/metrics-endpoint.ts'
import type { Readiness } from './http/readiness.ts'
import type { GuardedConnections } from './http/server.ts'
import type { Renewal } from './http/tls/renewal.ts'
import type { DenyList } from './identity/deny-list.ts'
import type { Identify } from './identity/identify.ts'
import { endOfWaiting, never } from './lib/end-of-waiting.ts'
import { commitOf } from './policy/load/commit.ts'
import type { LivePolicy } from './policy/reload.ts'
import type { Reloading } from './reloading.ts'
import type { Reviews } from './reviews/reviews.ts'
import type { Durations } from './telemetry/durations.ts'
import type { Traces } from './telemetry/traces.ts'
import type { Broker } from './token/broker.ts'

/** For the records of a start that failed to be shipped: they are on the disk in any case. */
export const FAILED_START_MS = 2_000

/** What requests may take of the time of a stop; the rest is for their records. */
const REQUESTS_SHARE = 0.6

/** For spans that are not sent yet, of the time of a stop. */
const TRACES_MS = 3_000

export interface App {
  /** Listens; resolves with the port. If it rejects, everything is closed again. */
  readonly listen: () => Promise<number>
  /** Reads policies and certificates again. Never rejects: what cannot be used changes nothing and is logged. */
  readonly reload: () => Promise<void>
  /**
   * Stops accepting, finishes what runs, cuts off what does not end, ships records until the deadline.
   * @param hasten aborts when the deadline is now
   */
  readonly close: (deadlineMs: number, hasten?: AbortSignal) => Promise<{ unshipped: number }>
}

/** What is started and closed with the gateway. */
export interface LivingParts {
  readonly policy: LivePolicy
  readonly broker: Broker
  readonly audit: Audit
  readonly denyList: DenyList
  readonly identify: Identify
  readonly callers: Callers
  readonly upstream: Upstream
  readonly reviews: Reviews
}

/** What faces callers and operators. */
export interface Face {
  readonly server: ReturnType<typeof createFramework>
  readonly connections: GuardedConnections
  readonly renewal: Renewal
  readonly durations: Durations
  /** Null: calls are not traced. */
  readonly traces: Traces | null
  readonly readiness: () => Readiness
}

/** Start and stop, each in the order that loses no record. */
export function lifeCycle(
  { server, connections, renewal, durations, traces, readiness }: Face,
  { listen, policies }: Pick<Config, 'listen' | 'policies'>,
  version: string,
  { policy, broker, audit, denyList, identify, callers, upstream, reviews }: LivingParts,
  reloading: Reloading,
): App {
  let metrics: Server | null = null

  async function start(): Promise<number> {
    denyList.start()
    await identify.start()
    const commit = await commitOf(policies.directory)
    await audit.recorder.event('start', {
      version,
      policyVersion: policy.current().version,
      ...(commit === null ? {} : { commit }),
    })
    if (listen.metrics !== undefined) {
      metrics = await serveMetrics(
        listen.metrics,
        () => [
          ...durations.metrics(),
          ...(traces?.metrics() ?? []),
          ...audit.metrics(),
          ...identify.metrics(),
          ...callers.metrics(),
          ...connections.metrics(),
          ...broker.metrics(),
          ...reviews.metrics(),
          ...reloading.metrics(),
          ...renewal.metrics(),
        ],
        readiness,
      )
    }
    await server.listen({ host: listen.host, port: listen.port })
    reloading.start()
    renewal.start(server.server, server.log)
    const address = server.server.address()
    return typeof address === 'object' && address !== null ? address.port : listen.port
  }

  async function close(deadlineMs: number, hasten = never()): Promise<{ unshipped: number }> {
    const ends = performance.now() + deadlineMs
    const over = endOfWaiting(deadlineMs * REQUESTS_SHARE, hasten)
    metrics?.close()
    metrics?.closeAllConnections()
    reloading.close()
    renewal.close()
    const closed = server.close()
    await connections.drain(over)
    await closed
    await upstream.close(over)
    await reviews.close()
    identify.close()
    denyList.close()
    // a disk that refuses has said so; what it has is shipped all the same
    await audit.recorder.event('stop', { version }).catch(() => undefined)
    const left = Math.max(0, ends - performance.now())
    const [result] = await Promise.all([
      audit.close(left, hasten),
      traces?.close(Math.min(left, TRACES_MS)),
    ])
    broker.close()
    return result
  }

  return {
    async listen() {
      try {
        return await start()
      } catch (error) {
        // timers, connections and the spool's lock would outlive a start that failed
        await close(FAILED_START_MS)
        throw error
      }
    },
    async reload() {
      await Promise.all([reloading.reload('signal'), renewal.reload()])
    },
    close,
  }
}
