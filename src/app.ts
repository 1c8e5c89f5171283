/**
 * Composition root: the configuration becomes parts, the parts become the stages of the pipeline, and these a server.
 * `createApp` is the order; each function below it is one of its steps. Nothing is decided here.
 * @module
 */
import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import type { Writable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { Config, SecretSource } from './config/schema/schema.ts'
import { readSecrets } from './config/secrets.ts'
import { createRemembered } from './azureml/remembered.ts'
import { discoveryDocument, metadataDocument } from './azureml/hosts/metadata.ts'
import { callFacts, ownCallFacts, type Exchange } from './exchange.ts'
import { bearerToken } from './identity/credential/bearer.ts'
import { createDenyList, type DenyList } from './identity/deny-list.ts'
import { createIdentify, type Identify } from './identity/identify.ts'
import { checkSignIn } from './identity/sign-in.ts'
import type { Facts } from './policy/decide.ts'
import { createNeedsBody, createNeedsDocument } from './policy/engine/what-policy-asks.ts'
import { createLivePolicy, type LivePolicy } from './policy/reload.ts'
import { createSightings, type Sightings } from './policy/sightings.ts'
import { createWatch, type Watch } from './policy/load/watch.ts'
import { createBroker, type Broker } from './token/broker.ts'
import { openAudit, type Audit } from './audit/open.ts'
import { createAsk, type AskAzure } from './forward/ask.ts'
import { createForward } from './forward/forward.ts'
import { registerProxy } from './forward/proxy.ts'
import { createUpstream, type Upstream } from './forward/upstream.ts'
import { createEnforcement } from './enforce/enforce.ts'
import { withOwnTags } from './enforce/own-tags.ts'
import { createLookUps } from './enforce/lookups/label.ts'
import { withDatastoreCredentials } from './enforce/datastore-credentials.ts'
import { withForeignReferences } from './enforce/foreign-references.ts'
import { createRegistryPlaces } from './enforce/lookups/registries.ts'
import { createRunLookUps } from './enforce/lookups/run.ts'
import { createCallers, type Callers } from './callers.ts'
import { createPipeline } from './pipeline.ts'
import type { Stages } from './stages.ts'
import { checkInbound } from './http/inbound.ts'
import {
  clientCertificate,
  guardServer,
  hostNames,
  serverFactory,
  type GuardedConnections,
} from './http/server.ts'
import { createUnparsed } from './http/unparsed.ts'
import { serveMetrics } from './http/metrics-endpoint.ts'
import { registerRoutes } from './http/own-routes.ts'
import { readinessOf, type Readiness } from './http/readiness.ts'
import { createSelfService, type SelfService } from './self-service.ts'
import { createFramework } from './http/listener.ts'
import { endOfWaiting, never } from './lib/end-of-waiting.ts'
import { createReviews, type Reviews } from './reviews/reviews.ts'
import { createReloading, type Reloading } from './reloading.ts'
import { createRouting } from './routing.ts'

/** Every cloud, workspace and endpoint has it. */
const ASK_API_VERSION = '2024-04-01'

/** For one question of the gateway's own to Azure: a caller waits for it besides the call. */
const MAX_ASK_MS = 10_000

/** For the records of a start that failed to be shipped: they are on the disk in any case. */
const FAILED_START_MS = 2_000

/** What requests may take of the time of a stop; the rest is for their records. */
const REQUESTS_SHARE = 0.6

/** What the process hands to the app; nothing else of it is visible here. */
export interface Host {
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
  /**
   * Stops accepting, finishes what runs, cuts off what does not end, ships records until the deadline.
   * @param hasten aborts when the deadline is now
   */
  readonly close: (deadlineMs: number, hasten?: AbortSignal) => Promise<{ unshipped: number }>
}

/** Opens every part; throws what keeps the gateway from starting, naming it. */
export async function createApp(config: Config, host: Host): Promise<App> {
  const secrets = await readSecrets(config, host.env)
  // these run when requests come, and by then the parts and the pipeline exist
  const server = createFramework(await serverFactory(config), host.log, {
    serve: (reply) => pipeline.serve(reply),
    refuse: (error, reply) => pipeline.refuse(error, reply),
    failed: (error, socket) => connections.failed(error, socket),
  })
  const parts = await openParts(config, host, secrets, server.log)
  const selfService = createSelfService(config, parts, secrets, host.now)
  const calls = composeStages(config, host, secrets, parts)
  const pipeline = createPipeline({ ...calls, ...selfService })
  const { policy, watch, sightings, audit, identify, broker } = parts
  const { recorder } = audit
  const unparsed = createUnparsed(recorder, selfService.answers, host.now)
  const { unfinished } = pipeline
  const { limits } = config
  const connections = guardServer(server.server, { limits, unparsed, unfinished })
  const reloading = createReloading({
    live: policy,
    watch,
    sightings,
    recorder,
    log: server.log,
    now: host.now,
  })
  const readiness = (): Readiness =>
    readinessOf({
      version: host.version,
      policyVersion: policy.current().version,
      parts: { audit: audit.ready(), identity: identify.ready(), tokens: broker.ready() },
    })
  registerOwnRoutes(server, config, readiness, parts.reviews.jwks)
  registerProxy(server, pipeline)
  return lifeCycle({ server, connections, readiness }, config, host, parts, reloading)
}

/** What lives as long as the gateway, and is closed with it. */
interface Parts {
  readonly policy: LivePolicy
  readonly watch: Watch
  readonly sightings: Sightings
  readonly broker: Broker
  readonly audit: Audit
  readonly denyList: DenyList
  readonly identify: Identify
  readonly callers: Callers
  readonly upstream: Upstream
  readonly ask: AskAzure
  readonly reviews: Reviews
}

type Secrets = (source: SecretSource) => string

async function openParts(
  config: Config,
  { now, version }: Host,
  secrets: Secrets,
  logger: FastifyInstance['log'],
): Promise<Parts> {
  const { limits } = config
  const log = (fields: Record<string, unknown>, message: string): void =>
    logger.warn(fields, message)

  const { directory, bindings = `${directory}/bindings.yaml` } = config.policies
  const watch = await createWatch({ directory, bindings })
  const identities = Object.keys(config.identities)
  const issuers = config.issuers.map(({ name }) => name)
  const policy = await createLivePolicy(
    { directory, bindings, identities, issuers, now },
    { checkSignIn: (principal, requirement) => checkSignIn(principal, requirement, now()) },
  )
  const sightings = createSightings(now)
  const broker = createBroker({
    identities: new Map(Object.entries(config.identities)),
    cloud: config.cloud.name,
    timeoutMs: limits.tokenTimeoutMs,
    now,
    log: logger,
  })
  const audit = await openAudit({
    config: config.audit,
    hashKey: config.audit.hashKey === undefined ? null : Buffer.from(secrets(config.audit.hashKey)),
    credential: broker.credential,
    secret: secrets,
    version,
    now,
    log,
  })
  const denyList = createDenyList({ file: config.denyListFile ?? null, log })
  const identify = createIdentify({
    issuers: config.issuers,
    publicUrl: config.listen.publicUrl,
    secrets,
    denyList,
    now,
    graphToken: async (identity, scope) => (await broker.token(identity, scope)).token,
    timeoutMs: limits.issuerTimeoutMs,
    log,
  })
  const upstream = createUpstream(limits.upstreamTimeoutMs)
  const callers = createCallers(limits)
  const ask = createAsk(
    upstream.dispatcher,
    userAgentOf(version),
    Math.min(limits.upstreamTimeoutMs, MAX_ASK_MS),
  )
  const reviewing = { config, policy, ask, broker, denyList, secrets, now, log, audit }
  const reviews = await createReviews({ ...reviewing, callFacts: ownCallFacts(now) })
  const own = { policy, watch, sightings, broker, audit, denyList, identify, callers, upstream }
  return { ...own, ask, reviews }
}

const userAgentOf = (version: string): string => `azureml-harness/${version}`

/** All that a call of Azure's goes through. */
type CallStages = Omit<Stages, keyof SelfService>

/** The stages of pipeline.ts, in its order, over the parts. */
function composeStages(config: Config, host: Host, secrets: Secrets, parts: Parts): CallStages {
  const { now } = host
  const { policy, sightings, broker, audit, identify, callers, upstream, ask, reviews } = parts
  const { publicUrl } = config.listen
  const { limits } = config
  const userAgent = userAgentOf(host.version)
  const routing = createRouting({
    cloud: config.cloud,
    publicUrl,
    operationKey: config.operationKey === undefined ? null : secrets(config.operationKey),
    now,
    askArm: (grant, origin, id) =>
      ask(grant, randomUUID(), origin, `${id}?api-version=${ASK_API_VERSION}`),
    timeoutsMs: { model: limits.scoringTimeoutMs, promptFlow: limits.promptFlowTimeoutMs },
    isOnBehalfOf: (identity) => config.identities[identity]?.kind === 'on-behalf-of',
  })
  const factsOf = (exchange: Exchange): Facts => callFacts(exchange, routing.ownOperation(exchange))
  const { decide } = policy
  const places = createRegistryPlaces(routing.hosts)
  const inner = createEnforcement({
    policy: policy.current,
    createNeedsBody,
    createNeedsDocument,
    decide,
    refuseWithoutBody: (principal, ...call) => {
      sightings.see(principal)
      return policy.refuseWithoutBody(principal, ...call)
    },
    bodyBytes: limits.bodyBytes,
    callFacts: factsOf,
    lookUps: createLookUps({ decide, callFacts: factsOf, ask, hosts: routing.hosts, places }),
    runLookUps: createRunLookUps(ask),
    ask,
  })
  const { bodyBytes } = limits
  const asking = { decide, callFacts: factsOf, ask, bodyBytes }
  const enforcement = withForeignReferences(
    withOwnTags(withDatastoreCredentials(inner, asking), asking),
    {
      ...asking,
      hosts: routing.hosts,
      places,
      askedFacts: () => policy.current().facts,
    },
  )
  const names = hostNames(config)
  const { parseTarget, classify } = createRemembered()
  const onBehalf = Object.values(config.identities).some(({ kind }) => kind === 'on-behalf-of')
  return {
    checkInbound: ({ method = '', httpVersion, rawHeaders }) =>
      checkInbound({ method, httpVersion, rawHeaders }, names),
    parseTarget,
    identify: identifyStage(config, identify),
    callers,
    classify,
    ...enforcement,
    decide: (principal, operation, facts) => {
      sightings.see(principal)
      return decide(principal, operation, facts)
    },
    route: routing.route,
    // for on-behalf-of identities only; all others never see the caller's token
    grant: (permit, scope, raw) =>
      broker.grant(permit, scope, onBehalf ? bearerToken(raw.rawHeaders) : undefined),
    readGrant: (judged, scope, raw) =>
      broker.readGrant(judged, scope, onBehalf ? bearerToken(raw.rawHeaders) : undefined),
    review: reviews.review,
    reviewed: reviews.reviewed,
    dropToken: (grant, scope) =>
      broker.invalidate(grant.identity.name, scope, grant.authorization().slice('Bearer '.length)),
    recorder: audit.recorder,
    forward: createForward({
      ...routing,
      userAgent,
      upstream,
      holdBytes: limits.answerBytes,
    }),
    now,
  }
}

function identifyStage({ listen }: Config, identify: Identify): Stages['identify'] {
  const withCertificates = listen.tls?.clientCertificates !== undefined
  return (raw) =>
    identify.identified({
      method: raw.method ?? '',
      url: raw.url ?? '',
      rawHeaders: raw.rawHeaders,
      connection: raw.socket,
      clientCertificate: withCertificates ? clientCertificate(raw) : null,
    })
}

function registerOwnRoutes(
  server: FastifyInstance,
  config: Config,
  readiness: () => Readiness,
  keys: Reviews['jwks'],
): void {
  const { publicUrl } = config.listen
  registerRoutes(server, {
    publicUrl,
    readiness,
    keys,
    issuers: config.issuers,
    metadata: (apiVersion) => metadataDocument(apiVersion, { publicUrl, cloud: config.cloud.name }),
    discovery: discoveryDocument(publicUrl),
  })
}

/** What faces callers and operators. */
interface Face {
  readonly server: FastifyInstance
  readonly connections: GuardedConnections
  readonly readiness: () => Readiness
}

/** Start and stop, each in the order that loses no record. */
function lifeCycle(
  { server, connections, readiness }: Face,
  { listen }: Config,
  { version }: Host,
  { policy, broker, audit, denyList, identify, callers, upstream, reviews }: Parts,
  reloading: Reloading,
): App {
  let metrics: Server | null = null

  async function start(): Promise<number> {
    denyList.start()
    await identify.start()
    await audit.recorder.event('start', { version, policyVersion: policy.current().version })
    if (listen.metrics !== undefined) {
      metrics = await serveMetrics(
        listen.metrics,
        () => [
          ...audit.metrics(),
          ...identify.metrics(),
          ...callers.metrics(),
          ...connections.metrics(),
          ...broker.metrics(),
          ...reviews.metrics(),
          ...reloading.metrics(),
        ],
        readiness,
      )
    }
    await server.listen({ host: listen.host, port: listen.port })
    reloading.start()
    const address = server.server.address()
    return typeof address === 'object' && address !== null ? address.port : listen.port
  }

  async function close(deadlineMs: number, hasten = never()): Promise<{ unshipped: number }> {
    const ends = performance.now() + deadlineMs
    const over = endOfWaiting(deadlineMs * REQUESTS_SHARE, hasten)
    metrics?.close()
    metrics?.closeAllConnections()
    reloading.close()
    const closed = server.close()
    await connections.drain(over)
    await closed
    await upstream.close(over)
    await reviews.close()
    identify.close()
    denyList.close()
    // a disk that refuses has said so; what it has is shipped all the same
    await audit.recorder.event('stop', { version }).catch(() => undefined)
    const result = await audit.close(Math.max(0, ends - performance.now()), hasten)
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
