/**
 * Composition root: the configuration becomes real parts, the parts become a server. No judgement lives here.
 * @module
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, Server } from 'node:http'
import type { Writable } from 'node:stream'
import Fastify, { LogController } from 'fastify'
import type { Config } from './config/schema/schema.ts'
import { readSecrets } from './config/secrets.ts'
import { parseTarget } from './azureml/target.ts'
import { classify } from './azureml/classify.ts'
import { discoveryDocument, metadataDocument } from './azureml/hosts/metadata.ts'
import { callFacts } from './azureml/facts.ts'
import type { Exchange } from './exchange.ts'
import { createDenyList } from './identity/deny-list.ts'
import { createIdentify } from './identity/identify.ts'
import { checkSignIn } from './identity/sign-in.ts'
import type { Facts } from './policy/decide.ts'
import { createLivePolicy } from './policy/reload.ts'
import { createSightings } from './policy/sightings.ts'
import { createWatch } from './policy/load/watch.ts'
import { createBroker } from './token/broker.ts'
import { openAudit } from './audit/open.ts'
import { createAsk } from './forward/ask.ts'
import { createForward } from './forward/forward.ts'
import { registerProxy } from './forward/proxy.ts'
import { createUpstream } from './forward/upstream.ts'
import { createInjection } from './enforce/enforce.ts'
import { createLookUps } from './enforce/lookups/label.ts'
import { createRunLookUps } from './enforce/lookups/run.ts'
import { createPipeline, type Stages } from './pipeline.ts'
import { checkInbound } from './http/inbound.ts'
import {
  clientCertificate,
  guardServer,
  hostNames,
  refuseBytes,
  serverFactory,
} from './http/server.ts'
import { serveMetrics, toSamples } from './http/metrics-endpoint.ts'
import { registerRoutes } from './http/own-routes.ts'
import { createReloading } from './reloading.ts'
import { createRouting } from './routing.ts'

/** Every cloud and workspace has it. */
const LOCATION_API_VERSION = '2024-04-01'

const DEFAULTS = {
  bodyBytes: 4 * 1024 * 1024,
  holdBytes: 8 * 1024 * 1024,
  upstreamTimeoutMs: 120_000,
  askTimeoutMs: 10_000,
  tokenTimeoutMs: 3_000,
  issuerTimeoutMs: 5_000,
} as const

/** For the records of a start that failed to be shipped: they are on the disk in any case. */
const FAILED_START_MS = 2_000

/** What the process hands to the app; nothing else of it is visible here. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly now: () => number
  readonly log: Writable
  readonly version: string
}

export interface App {
  /** Listens; resolves with the port. If it rejects, everything is closed again. */
  readonly listen: () => Promise<number>
  /** Reads the policies again. Never rejects: what cannot be used changes nothing and is logged and recorded. */
  readonly reload: () => Promise<void>
  /** Stops accepting, finishes what runs, ships records until the deadline. */
  readonly close: (deadlineMs: number) => Promise<{ unshipped: number }>
}

/** Opens every part; throws what keeps the gateway from starting, naming it. */
export async function createApp(config: Config, around: Surroundings): Promise<App> {
  const { now } = around
  const limits = config.limits ?? {}
  const secrets = await readSecrets(config, around.env)
  const app = Fastify({
    serverFactory: await serverFactory(config),
    clientErrorHandler: (error, socket) =>
      refuseBytes(error, socket, audit.recorder, pipeline.unfinished),
    frameworkErrors: (error, request, reply) => {
      void pipeline.refuse(error, request, reply)
    },
    logger: { level: 'info', stream: around.log, base: { name: 'azureml-harness' } },
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: false,
    return503OnClosing: false,
    routerOptions: { maxParamLength: 16_384 },
    exposeHeadRoutes: false,
  })
  const log = (fields: Record<string, unknown>, message: string): void =>
    app.log.warn(fields, message)

  const { directory, bindings = `${directory}/bindings.yaml` } = config.policies
  const watch = await createWatch({ directory, bindings })
  const identities = Object.keys(config.identities)
  const issuers = config.issuers.map(({ name }) => name)
  const policy = await createLivePolicy(
    { directory, bindings, identities, issuers },
    { checkSignIn: (principal, requirement) => checkSignIn(principal, requirement, now()) },
  )
  const sightings = createSightings(now)
  const broker = createBroker({
    identities: new Map(Object.entries(config.identities)),
    cloud: config.cloud.name,
    timeoutMs: limits.tokenTimeoutMs ?? DEFAULTS.tokenTimeoutMs,
    now,
    log: app.log,
  })
  const audit = await openAudit({
    config: config.audit,
    hashKey: config.audit.hashKey === undefined ? null : Buffer.from(secrets(config.audit.hashKey)),
    credential: broker.credential,
    secret: secrets,
    version: around.version,
    now,
    log,
  })
  const token = async (identity: string, scope: string): Promise<string> =>
    (await broker.token(identity, scope)).token
  const denyList = createDenyList({ file: config.denyListFile ?? null, log })
  const identify = createIdentify({
    issuers: config.issuers,
    publicUrl: config.listen.publicUrl,
    secrets,
    denyList,
    now,
    graphToken: token,
    timeoutMs: limits.issuerTimeoutMs ?? DEFAULTS.issuerTimeoutMs,
    log,
  })
  const upstreamTimeoutMs = limits.upstreamTimeoutMs ?? DEFAULTS.upstreamTimeoutMs
  const upstream = createUpstream(upstreamTimeoutMs)
  const userAgent = `azureml-harness/${around.version}`
  const askTimeoutMs = Math.min(upstreamTimeoutMs, DEFAULTS.askTimeoutMs)
  const ask = createAsk(upstream.dispatcher, userAgent, askTimeoutMs)
  const routing = createRouting({
    cloud: config.cloud,
    publicUrl: config.listen.publicUrl,
    operationKey: config.operationKey === undefined ? null : secrets(config.operationKey),
    now,
    askLocation: (grant, origin, id) =>
      ask(grant, randomUUID(), origin, `${id}?api-version=${LOCATION_API_VERSION}`),
  })
  const factsOf = (exchange: Exchange): Facts => callFacts(exchange, routing.ownOperation(exchange))
  const { decide } = policy
  const injection = createInjection({
    policy: policy.current,
    decide,
    bodyBytes: limits.bodyBytes ?? DEFAULTS.bodyBytes,
    callFacts: factsOf,
    lookUps: createLookUps({ decide, callFacts: factsOf, ask, hosts: routing.hosts }),
    runLookUps: createRunLookUps(ask),
  })
  const names = hostNames(config)
  const stages: Stages = {
    checkInbound: (raw) =>
      void checkInbound(
        { method: raw.method ?? '', httpVersion: raw.httpVersion, rawHeaders: raw.rawHeaders },
        names,
      ),
    parseTarget,
    identify: (raw) =>
      identify.identify({
        method: raw.method ?? '',
        url: raw.url ?? '',
        rawHeaders: raw.rawHeaders,
        clientCertificate: clientCertificate(raw),
      }),
    classify,
    ...injection,
    decide: (principal, operation, facts) => {
      sightings.see(principal)
      return policy.decide(principal, operation, facts)
    },
    route: routing.route,
    grant: (permit, scope, raw) => broker.grant(permit, scope, callersToken(raw)),
    dropToken: (grant, scope) =>
      broker.invalidate(grant.identity.name, scope, grant.authorization().slice('Bearer '.length)),
    recorder: audit.recorder,
    forward: createForward({
      ...routing,
      userAgent,
      upstream,
      holdBytes: limits.answerBytes ?? DEFAULTS.holdBytes,
    }),
    challenge: {
      publicUrl: config.listen.publicUrl,
      authorizationUri: config.issuers[0]?.issuer ?? null,
    },
    now,
  }
  const pipeline = createPipeline(stages)
  guardServer(app.server, audit.recorder)
  const { recorder } = audit
  const reloading = createReloading({ live: policy, watch, sightings, recorder, log: app.log, now })

  registerRoutes(app, {
    publicUrl: config.listen.publicUrl,
    version: around.version,
    policyVersion: () => policy.current().version,
    health: () => ({ audit: audit.ready(), identity: identify.ready(), tokens: broker.ready() }),
    issuers: config.issuers,
    metadata: (apiVersion) =>
      metadataDocument(apiVersion, {
        publicUrl: config.listen.publicUrl,
        cloud: config.cloud.name,
      }),
    discovery: discoveryDocument(config.listen.publicUrl),
  })
  registerProxy(app, upstream, pipeline)

  let metrics: Server | null = null
  async function start(): Promise<number> {
    denyList.start()
    await identify.start()
    await audit.recorder.event('start', {
      version: around.version,
      policyVersion: policy.current().version,
    })
    if (config.listen.metrics !== undefined) {
      metrics = await serveMetrics(config.listen.metrics, () => {
        const { samples, help } = toSamples(audit.metrics())
        const others = [...identify.metrics(), ...broker.metrics(), ...reloading.metrics()]
        return { samples: [...samples, ...others], help }
      })
    }
    await app.listen({ host: config.listen.host, port: config.listen.port })
    reloading.start()
    const address = app.server.address()
    return typeof address === 'object' && address !== null ? address.port : config.listen.port
  }
  async function close(deadlineMs: number): Promise<{ unshipped: number }> {
    metrics?.close()
    reloading.close()
    await app.close()
    await upstream.dispatcher.close()
    identify.close()
    denyList.close()
    // a disk that refuses has said so; what it has is shipped all the same
    await audit.recorder.event('stop', { version: around.version }).catch(() => undefined)
    const result = await audit.close(deadlineMs)
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
    reload: () => reloading.reload('signal'),
    close,
  }
}

/** For on-behalf-of identities only; all others never see it. */
function callersToken(raw: IncomingMessage): string | undefined {
  return /^bearer (\S+)$/i.exec(raw.headers.authorization ?? '')?.[1]
}
