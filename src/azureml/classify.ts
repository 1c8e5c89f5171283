/**
 * Method and target become an operation: resource, Azure RBAC action, kind of answer. What fits neither ARM's
 * grammar under a known type nor a known data-plane route is refused by name.
 * @module
 */
import { Refusal } from '../errors.ts'
import { checkApiVersion, classifyArm } from './classify-arm.ts'
import { classifyDataPlane } from './classify-dataplane.ts'
import type { Operation } from './operation.ts'
import { classifyScoring, endpointPath, isScoring } from './scoring.ts'
import type { Target } from './target.ts'

/** The gateway's own prefix for regional paths that name no workspace: `/_region/{region}/...` (hosts.ts). */
const REGION_PREFIX = '_region'
const REGION = /^[a-z0-9]{1,40}$/

/**
 * Says what a request means to Azure ML.
 *
 * @throws {Refusal} `unknown_operation`, `tunnel_refused`, `method_not_allowed`, `missing_api_version` or `bad_query`
 */
export function classify(target: Target): Operation {
  const { method, segments, params } = target
  const first = segments[0]?.toLowerCase()
  // ARM's /batch takes up to 20 calls in a body; `$batch` is OData's
  if (first === 'batch' || segments.at(-1)?.toLowerCase() === '$batch') {
    throw new Refusal('tunnel_refused', 'a batch carries calls that policy would not see', {
      remedy: 'make the calls one by one',
    })
  }
  if (first === 'subscriptions' || first === 'providers') {
    const operation = classifyArm(method, segments, 'arm')
    checkApiVersion(params)
    return operation
  }
  if (isScoring(segments)) return classifyScoring(method, segments)
  if (first === REGION_PREFIX) return classifyRegional(target)
  return classifyDataPlane(method, segments, params)
}

function classifyRegional({ method, segments, params }: Target): Operation {
  const region = segments[1] ?? ''
  const operation = classifyDataPlane(method, segments.slice(2), params)
  if (!REGION.test(region) || operation.scope !== null) {
    throw new Refusal('unknown_operation', `/${REGION_PREFIX} is for paths that name no workspace`)
  }
  return { ...operation, region }
}

/**
 * The path that Azure is sent: the target's own, byte for byte, without the gateway's prefixes.
 *
 * @param target one that `classify` accepted
 */
export function upstreamPath(target: Target): string {
  if (isScoring(target.segments)) return endpointPath(target.path)
  if (target.segments[0]?.toLowerCase() !== REGION_PREFIX) return target.path
  return `/${target.path.split('/').slice(3).join('/')}`
}
