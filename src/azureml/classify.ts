/**
 * Method and target become an operation: resource, Azure RBAC action, kind of answer. A path that is neither in ARM's
 * grammar, with a known type, nor a known data-plane route is refused.
 * @module
 */
import { Refusal } from '../errors.ts'
import { checkApiVersion, classifyArm } from './classify/arm.ts'
import { classifyDataPlane } from './classify/dataplane.ts'
import { hasHandle } from './classify/operation-handle.ts'
import type { Operation } from '../vocabulary/operation.ts'
import { classifyScoring, isScoring } from './classify/scoring.ts'
import { hasRegion, parseRegion } from './region.ts'
import type { Target } from './target.ts'

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
  if (hasHandle(segments)) return classifyHandle(target)
  if (isScoring(segments)) return classifyScoring(method, segments)
  if (hasRegion(segments)) return classifyRegional(target)
  return classifyDataPlane(method, segments, params)
}

function classifyRegional({ method, segments, params }: Target): Operation {
  const region = parseRegion(segments)
  const operation = classifyDataPlane(method, segments.slice(2), params)
  if (region === null || operation.scope !== null) {
    throw new Refusal('unknown_operation', 'a region is given for paths that name no workspace')
  }
  return { ...operation, region }
}

/** Behind a handle only the status of an operation can be read. */
function classifyHandle({ method, segments, params }: Target): Operation {
  const operation = classifyArm(method, segments.slice(2), 'arm')
  checkApiVersion(params)
  if (operation.resource.type !== 'OperationStatus' || operation.effect !== 'read') {
    throw new Refusal(
      'unknown_operation',
      'only the status of an operation can be asked for in this way',
    )
  }
  return operation
}
