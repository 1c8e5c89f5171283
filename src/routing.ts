/**
 * Where a call goes at Azure, and how its answer leads back: azureml's tables, bound to one configuration.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { createHosts } from './azureml/hosts.ts'
import { createJsonRewriter } from './azureml/json-rewriter.ts'
import { createOperationHandles } from './azureml/operation-handle.ts'
import { rewritePlan } from './azureml/plan.ts'
import { createRegions } from './azureml/regions.ts'
import { createFieldMap, rewriteHeaders } from './azureml/rewrite.ts'
import { upstreamPath } from './azureml/upstream-path.ts'
import type { CloudConfig } from './config/schema.ts'
import type { Exchange } from './exchange.ts'
import type { AnswerRules } from './forward/answer.ts'
import type { Stages } from './pipeline.ts'

/** Headers that clients poll. */
const POLLING = ['location', 'azure-asyncoperation', 'operation-location'] as const

export interface RoutingOptions {
  readonly cloud: CloudConfig
  /** The gateway's own origin. */
  readonly publicUrl: string
  /** Signs polling URLs; null for one that ends with the process. */
  readonly operationKey: string | null
  readonly now: () => number
  /** ARM's `location` of a workspace, asked under a managed identity. */
  readonly askLocation: (
    origin: string,
    scope: string,
    identity: string,
    audience: string,
  ) => Promise<string>
}

export interface Routing extends Pick<AnswerRules, 'rewriteHeaders' | 'rewriter'> {
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

  return {
    async route(operation, target, permit) {
      let region: string | null = null
      if (operation.scope !== null && hosts.needsRegion(operation)) {
        const { identity } = permit.effects
        const arm = hosts.upstream({ ...operation, family: 'arm' }, null)
        region = await regions.regionOf(operation.scope, identity, (scope) =>
          options.askLocation(arm.origin, scope, identity, arm.scope),
        )
      }
      return { ...hosts.upstream(operation, region), path: upstreamPath(target) }
    },
    rewriteHeaders(headers, { operation, principal }) {
      rewriteHeaders(headers, hosts, operation?.scope)
      for (const name of POLLING) {
        const url = headers[name]
        if (url !== undefined) headers[name] = handles.bind(url, principal?.id ?? '')
      }
    },
    rewriter(operation, redact) {
      const plan = rewritePlan(operation, redact)
      return plan === null
        ? null
        : createJsonRewriter({ plan, map: createFieldMap(hosts, operation) })
    },
    ownOperation: ({ target, principal }) =>
      target !== null && principal !== null && handles.owns(target, principal.id),
  }
}
