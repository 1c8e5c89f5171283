/**
 * Scoring through the gateway: `/_score/{subscription}/{resourceGroup}/{workspace}/{endpoint}/...`.
 *
 * The prefix is the gateway's own: a scoring URL of Azure names only endpoint and region, and policies need to know
 * the workspace. The path after the endpoint is forwarded unchanged. Online and batch endpoints share one space of
 * host names; `/jobs`, the batch protocol's only path, is judged as a batch endpoint's.
 * @module
 */
import { Refusal } from '../../errors.ts'
import { PROVIDER } from '../../vocabulary/resource-types.ts'
import type { Operation } from '../../vocabulary/operation.ts'
import { parseScope } from './arm-path.ts'

const PREFIX = '_score'
/** Replaces the scoring URI of an endpoint that the gateway does not serve: calls to it are refused as such. */
export const NOT_SERVED = `/${PREFIX}/not-served`
const PREFIX_SEGMENTS = 5
/** Azure ML's rule for endpoint names; the name becomes a label of a host name, so nothing else may pass. */
const ENDPOINT = /^[a-z][a-z0-9-]{0,62}$/i
const WORKSPACE_ID =
  /^\/subscriptions\/([^/]+)\/resourcegroups\/([^/]+)\/providers\/[^/]+\/workspaces\/([^/]+)$/i

/** Whether a path is one of these. */
export function isScoring(segments: readonly string[]): boolean {
  return segments[0]?.toLowerCase() === PREFIX
}

/**
 * Classifies a scoring call.
 *
 * @throws {Refusal} `unknown_operation` or `method_not_allowed`
 */
export function classifyScoring(method: string, segments: readonly string[]): Operation {
  const [, subscription, group, workspace, endpoint, ...rest] = segments
  if (subscription === NOT_SERVED.split('/').at(-1))
    throw new Refusal('unknown_operation', 'this endpoint is on a host that is not served here')
  if (subscription === undefined || group === undefined || workspace === undefined) {
    throw unknownScoring()
  }
  if (endpoint === undefined || !ENDPOINT.test(endpoint) || rest.length === 0)
    throw unknownScoring()
  const { links } = parseScope(['subscriptions', subscription, 'resourceGroups', group])
  const id = `${links[0]?.id ?? ''}/providers/${PROVIDER.toLowerCase()}/workspaces/${workspace.toLowerCase()}`
  const ancestors = [{ type: 'Workspace', id }, ...links]
  const base = { family: 'scoring', secrets: false, longRunning: false, scope: id } as const
  if (rest[0]?.toLowerCase() === 'jobs') {
    const name = { type: 'BatchEndpoint', id: `${id}/batchendpoints/${endpoint.toLowerCase()}` }
    const effect = jobEffect(method)
    return {
      ...base,
      action: `${PROVIDER}/workspaces/batchEndpoints/jobs/${effect}`,
      effect,
      resource: {
        type: 'BatchJob',
        id: [name.id, 'jobs', ...rest.slice(1)].join('/'),
        ancestors: [name, ...ancestors],
      },
      inspectable: effect === 'write',
    }
  }
  const name = `${id}/onlineendpoints/${endpoint.toLowerCase()}`
  return {
    ...base,
    action: `${PROVIDER}/workspaces/onlineEndpoints/score/action`,
    effect: 'invoke',
    resource: { type: 'OnlineEndpoint', id: name, ancestors },
    inspectable: false,
  }
}

function jobEffect(method: string): 'read' | 'write' {
  if (method === 'GET' || method === 'HEAD') return 'read'
  if (method === 'POST') return 'write'
  throw new Refusal('method_not_allowed', `${method} has no meaning for jobs of a batch endpoint`)
}

/** The part of a scoring path that is forwarded to the endpoint, byte for byte. */
export function endpointPath(path: string): string {
  return `/${path
    .split('/')
    .slice(PREFIX_SEGMENTS + 1)
    .join('/')}`
}

/** The gateway's path for a scoring URL of an endpoint in the workspace with this id; null if it has none. */
export function scoringPath(scope: string, endpoint: string, rest: string): string | null {
  const parts = WORKSPACE_ID.exec(scope)
  if (parts === null || !ENDPOINT.test(endpoint)) return null
  const names = parts.slice(1, 4).map((name) => encodeURIComponent(name))
  return `/${[PREFIX, ...names, endpoint].join('/')}${rest}`
}

/** Name of the endpoint that an operation is about; empty for a list of endpoints and everything else. */
export function endpointOf({ resource }: Operation): string {
  const chain = [resource, ...resource.ancestors]
  const id =
    chain.find(({ type }) => type === 'OnlineEndpoint' || type === 'BatchEndpoint')?.id ?? ''
  return /\/(?:online|batch)endpoints\/([^/]+)$/.exec(id)?.[1] ?? ''
}

function unknownScoring(): Refusal {
  return new Refusal(
    'unknown_operation',
    `a scoring path is /${PREFIX}/{subscription}/{resourceGroup}/{workspace}/{endpoint}/...`,
  )
}
