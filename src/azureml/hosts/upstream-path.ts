/**
 * The path that Azure receives: the caller's, byte for byte, without a prefix of the gateway's own.
 * @module
 */
import { hasHandle, withoutHandle } from '../classify/operation-handle.ts'
import { hasRegion, withoutRegion } from '../region.ts'
import { endpointPath, isScoring } from '../classify/scoring.ts'
import type { Target } from '../target.ts'

export function upstreamPath(target: Target): string {
  if (hasHandle(target.segments)) return withoutHandle(target.path)
  if (isScoring(target.segments)) return endpointPath(target.path)
  if (hasRegion(target.segments)) return withoutRegion(target.path)
  return target.path
}
