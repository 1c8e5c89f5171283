/**
 * Where a call goes at Azure and how the URLs in its answer lead back: the tables of azureml with one configuration.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { createEndpoints, endpointIdOf, type Serves } from './azureml/hosts/endpoints.ts'
import { createHosts, type Hosts } from './azureml/hosts/hosts.ts'
import { createJsonRewriter } from './azureml/answers/json-rewriter.ts'
import { createOperationHandles } from './azureml/classify/operation-handle.ts'
import { compilePlan } from './azureml/answers/json-plan.ts'
import { rewritePlan } from './azureml/answers/plan.ts'
import { createRegions } from './azureml/hosts/regions.ts'
import { createFieldMaps, redactHeaders, rewriteHeaders } from './azureml/answers/rewrite.ts'
import { createTextRedactor } from './azureml/answers/text-redactor.ts'
import { upstreamPath } from './azureml/hosts/upstream-path.ts'
import type { CloudConfig } from './config/schema/schema.ts'
import type { Exchange } from './exchange.ts'
import type { Target } from './azureml/target.ts'
import type { AnswerRules } from './forward/answer.ts'
import { Refusal } from './errors.ts'
import { memoOf } from './lib/memo.ts'
import { after } from './lib/pending.ts'
import type { Route, Stages } from './stages.ts'
import type { Principal } from './identity/principal.ts'
import type { Operation } from './vocabulary/operation.ts'
import type { ReadGrant } from './token/grant.ts'

/** Headers that clients poll. */
const POLLING = ['location', 'azure-asyncoperation', 'operation-location'] as const

/** For answers in which nothing but secrets is looked for. */
const NO_PLAN = compilePlan([])

export interface RoutingOptions {
  readonly cloud: CloudConfig
  /** The gateway's own origin. */
  readonly publicUrl: string
  /** Key that signs polling URLs; null for a random one that is lost when the process ends. */
  readonly operationKey: string | null
  readonly now: () => number
  /** ARM's document of a workspace or an endpoint, asked under the permit's identity: origin and ARM id. */
  readonly askArm: (grant: ReadGrant, origin: string, id: string) => Promise<unknown>
  /** How long endpoints may take, by what they serve; absent: as long as all else of Azure's. */
  readonly timeoutsMs?: Readonly<Partial<Record<Serves, number>>>
  /** Whether an identity of the configuration sees with the eyes of its caller. */
  readonly isOnBehalfOf: (identity: string) => boolean
}

export interface Routing extends Pick<
  AnswerRules,
  'rewriteHeaders' | 'rewrites' | 'rewriter' | 'textRedactor'
> {
  /** Where the gateway's own requests go. */
  readonly hosts: Pick<Hosts, 'upstream' | 'regionOf'>
  readonly route: Stages['route']
  /** Whether the call follows an operation that its caller has started. @throws Refusal for a forged handle */
  readonly ownOperation: (exchange: Exchange) => boolean
}

export function createRouting(options: RoutingOptions): Routing {
  const { publicUrl, now } = options
  const hosts = createHosts(options.cloud, publicUrl)
  const regions = createRegions(() => performance.now())
  const key = options.operationKey === null ? randomBytes(32) : Buffer.from(options.operationKey)
  const handles = createOperationHandles(key, publicUrl, now)

  const pathOf = memoOf(upstreamPath)
  /** Where calls go that need no question, which follows from their target. */
  const places = new WeakMap<Target, Route>()
  const endpoints = createEndpoints(hosts, () => performance.now())
  const askerOf = (identity: string, principal: Principal): string =>
    options.isOnBehalfOf(identity) ? `${identity} ${principal.id}` : identity

  const mapOf = createFieldMaps(hosts)
  /** How the answers of an operation are rewritten; null if they are not. */
  const rulesOf = (redact: boolean) =>
    memoOf((operation: Operation) => {
      const plan = rewritePlan(operation, redact)
      if (plan === null && !redact) return null
      const needsJson = plan !== null && operation.bytes !== true
      // bytes that nobody looks through are somebody's file, and no answer of this operation
      const redacts = plan?.redacts === true || (redact && needsJson)
      return { plan: plan ?? NO_PLAN, map: mapOf(operation), redacts, needsJson }
    })
  const [plain, redacting] = [rulesOf(false), rulesOf(true)]

  return {
    hosts,
    route(operation, target, asker) {
      const place = places.get(target)
      if (place !== undefined) return place
      const { identity, principal } = asker
      const path = pathOf(target)
      if (operation.family !== 'scoring' && !hosts.needsRegion(operation)) {
        const found = { ...hosts.upstream(operation, null), path }
        places.set(target, found)
        return found
      }
      const ask = async (id: string): Promise<unknown> => {
        const arm = hosts.upstream({ ...operation, family: 'arm' }, null)
        return options.askArm(await asker.grantFor(arm.scope), arm.origin, id)
      }
      if (operation.family === 'scoring') {
        const id = endpointIdOf(operation)
        if (id === null) throw new Refusal('internal_error', 'a scoring call names no endpoint')
        const by = askerOf(identity, principal)
        const { scoringScope } = hosts
        return after(endpoints.find(id, by, identity, ask), ({ origin, serves }) => ({
          origin,
          scope: scoringScope,
          path,
          timeoutMs: options.timeoutsMs?.[serves],
        }))
      }
      const region =
        operation.scope === null
          ? null
          : regions.regionOf(operation.scope, identity, async (scope) =>
              locationOf(await ask(scope), identity),
            )
      return after(region, (known) => ({ ...hosts.upstream(operation, known), path }))
    },
    rewriteHeaders(headers, { operation, principal, redact }) {
      if (redact) redactHeaders(headers)
      rewriteHeaders(headers, hosts, operation?.scope)
      for (const name of POLLING) {
        const url = headers[name]
        if (url !== undefined) headers[name] = handles.bind(url, principal?.id ?? '')
      }
    },
    rewrites: (operation, redact) => (redact ? redacting : plain)(operation) !== null,
    rewriter(operation, redact) {
      const rules = (redact ? redacting : plain)(operation)
      if (rules === null) return null
      const { plan, map, redacts, needsJson } = rules
      return { ...createJsonRewriter({ plan, map, redact }), redacts, needsJson }
    },
    textRedactor: createTextRedactor,
    ownOperation: ({ target, principal }) =>
      target !== null && principal !== null && handles.owns(target, principal.id),
  }
}

function locationOf(document: unknown, identity: string): string {
  if (
    typeof document === 'object' &&
    document !== null &&
    'location' in document &&
    typeof document.location === 'string'
  ) {
    return document.location
  }
  throw new Refusal('upstream_bad_answer', 'the region of this workspace could not be learnt', {
    remedy: `give identity "${identity}" read on the workspace, or name its region under cloud.regions`,
  })
}
