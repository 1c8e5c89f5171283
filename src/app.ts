/**
 * Composition root: the configuration becomes parts, the parts become the stages of the pipeline, and these a server.
 * `createApp` is the order; each function below it is one of its steps. Nothing is decided here.
 * @module
 */
import { randomUUID } from 'node:crypto'
import type { Writable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { Config, SecretSource } from './config/schema/schema.ts'
import { readSecrets } from './config/secrets.ts'
import { createRemembered } from './azureml/remembered.ts'
import { discoveryDocument, metadataDocument } from './azureml/hosts/metadata.ts'
import { callFacts, ownCallFacts, type Exchange } from './exchange.ts'
import { bearerToken } from './identity/credential/bearer.ts'
import { createDenyList } from './identity/deny-list.ts'
import { createIdentify, type Identify } from './identity/identify.ts'
import { checkSignIn } from './identity/sign-in.ts'
import type { Facts } from './policy/decide.ts'
import { alikeIn } from './policy/engine/callers.ts'
import { createNeedsBody, createNeedsDocument } from './policy/engine/what-policy-asks.ts'
import { createLivePolicy } from './policy/reload.ts'
import { createSightings, type Sightings } from './policy/sightings.ts'
import type { Watch } from './lib/files/watch.ts'
import { commitOf } from './policy/load/commit.ts'
import type { PolicySet } from './policy/load/rules.ts'
import { createWatch } from './policy/load/watch.ts'
import { createBroker } from './token/broker.ts'
import { openAudit } from './audit/open.ts'
import { createAsk, type AskAzure } from './forward/ask.ts'
import { createForward } from './forward/forward.ts'
import { registerProxy } from './forward/proxy.ts'
import { createUpstream } from './forward/upstream.ts'
import { createEnforcement } from './enforce/enforce.ts'
import { modelStamps } from './enforce/model-stamps.ts'
import { withOwnRules } from './enforce/own-rules.ts'
import { ownTags } from './enforce/own-tags.ts'
import { createLookUps } from './enforce/lookups/label.ts'
import { datastoreCredentials } from './enforce/datastore-credentials.ts'
import { foreignReferences } from './enforce/foreign-references.ts'
import { createRegistryPlaces } from './enforce/lookups/registries.ts'
import { createRunLookUps } from './enforce/lookups/run.ts'
import { createFront } from './front.ts'
import { createCallers } from './callers.ts'
import { FAILED_START_MS, lifeCycle, type App, type LivingParts } from './life-cycle.ts'
import { createPipeline } from './pipeline.ts'
import type { Stages } from './stages.ts'
import { checkForwarded } from './http/proxies/forwarded-for.ts'
import { createInboundCheck } from './http/inbound.ts'
import { clientCertificate, guardServer, hostNames, serverFactory } from './http/server.ts'
import { createRenewal } from './http/tls/renewal.ts'
import { createUnparsed } from './http/unparsed.ts'
import { registerRoutes } from './http/own-routes.ts'
import { readinessOf, type Readiness } from './http/readiness.ts'
import { createSelfService, type SelfService } from './self-service.ts'
import { createFramework } from './http/listener.ts'
import { after } from './lib/pending.ts'
import { createReviews, type Reviews } from './reviews/reviews.ts'
import { createDurations } from './telemetry/durations.ts'
import { createFailureLog } from './telemetry/failures.ts'
import { observeStages } from './telemetry/observe.ts'
import { openTraces } from './telemetry/traces.ts'
import { createReloading } from './reloading.ts'
import { createRouting } from './routing.ts'

/** Every cloud, workspace and endpoint has it. */
const ASK_API_VERSION = '2024-04-01'

/** For one question of the gateway's own to Azure: a caller waits for it besides the call. */
const MAX_ASK_MS = 10_000

/** What the process hands to the app; nothing else of it is visible here. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly now: () => number
  readonly log: Writable
  readonly version: string
}

/** Opens every part; throws what keeps the gateway from starting, naming it. */
export async function createApp(config: Config, host: Host): Promise<App> {
  const secrets = await readSecrets(config, host.env)
  const renewal = await createRenewal({ files: config.listen.tls, now: host.now })
  // these run when requests come, and by then the parts and the pipeline exist
  const server = createFramework(serverFactory(config, renewal.first), host.log, {
    serve: (reply) => (front.takes(reply.request) ? front.serve(reply) : pipeline.serve(reply)),
    refuse: (error, reply) => pipeline.refuse(error, reply),
    failed: (error, socket) => connections.failed(error, socket),
  })
  const traces = await openTraces(host.env, {
    version: host.version,
    log: (fields, message) => server.log.warn(fields, message),
  })
  const parts = await openParts(config, host, secrets, server.log)
  const { policy, watch, sightings, audit, identify, broker } = parts
  const readiness = (): Readiness =>
    readinessOf({
      version: host.version,
      policyVersion: policy.current().version,
      parts: { audit: audit.ready(), identity: identify.ready(), tokens: broker.ready() },
    })
  const selfService = createSelfService(config, { ...parts, readiness }, secrets, host.now)
  const calls = composeStages(config, host, secrets, parts)
  const durations = createDurations()
  const failures = createFailureLog((fields, message) => server.log.error(fields, message))
  const watching = { durations, failures, watcher: traces?.watcher ?? null }
  const pipeline = createPipeline(observeStages({ ...calls, ...selfService }, watching))
  const own = { config, secrets, log: server.log, now: host.now }
  const front = createFront({ ...calls, ...pipeline, ...parts, ...own })
  const { recorder } = audit
  const unparsed = createUnparsed(recorder, selfService.answers, host.now)
  const { unfinished } = pipeline
  const { limits } = config
  const { trustedProxies } = config.listen
  const guard = { limits, trustedProxies, unparsed, unfinished }
  const connections = guardServer(server.server, guard)
  const reloading = createReloading({
    live: policy,
    watch,
    sightings,
    recorder,
    log: server.log,
    now: host.now,
    commit: () => commitOf(config.policies.directory),
  })
  registerOwnRoutes(server, config, readiness, parts.reviews.jwks)
  registerProxy(server, pipeline)
  const face = { server, connections, renewal, durations, traces, readiness }
  return lifeCycle(face, config, host.version, parts, reloading)
}

/** What lives as long as the gateway. */
interface Parts extends LivingParts {
  readonly watch: Watch
  readonly sightings: Sightings
  readonly ask: AskAzure
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
    cloud: config.cloud.name,
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
  const reviews = await createReviews({ ...reviewing, callFacts: ownCallFacts(now) }).catch(
    async (error: unknown) => {
      // what is open already would keep the process from ending
      broker.close()
      identify.close()
      await audit.close(FAILED_START_MS)
      throw error
    },
  )
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
    alikeIn,
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
  const askedFacts = (): PolicySet['facts'] => policy.current().facts
  const enforcement = withOwnRules(inner, [
    datastoreCredentials(asking),
    ownTags(asking),
    modelStamps(asking),
    foreignReferences({ ...asking, hosts: routing.hosts, places, askedFacts }),
  ])
  const { parseTarget, classify } = createRemembered()
  const identified = identifyStage(config, identify)
  const onBehalf = Object.values(config.identities).some(({ kind }) => kind === 'on-behalf-of')
  return {
    checkInbound: inboundStage(config),
    parseTarget,
    identify: (raw) => after(identified(raw), reviews.holding),
    callers,
    classify,
    ...enforcement,
    decide: sightings.noting(decide),
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
      timeoutMs: limits.upstreamTimeoutMs,
      holdBytes: limits.answerBytes,
    }),
    now,
  }
}

function inboundStage(config: Config): Stages['checkInbound'] {
  const checkInbound = createInboundCheck(hostNames(config))
  return (raw) => {
    checkInbound(raw)
    checkForwarded(raw)
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
