/**
 * Polling URLs that only the caller who got them can use: `/_operation/{handle}/subscriptions/.../locations/...`.
 *
 * ARM reports on long-running operations at a location of the subscription, outside of any workspace, so that no
 * binding on a workspace covers them. The gateway therefore hands such URLs out with a handle: an expiry and an
 * HMAC over it, the caller and the path. Only the caller who started an operation can follow it, on any replica
 * with the same key; policies see that as the fact `ownOperation`.
 * @module
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { Refusal } from '../../errors.ts'
import type { Target } from '../target.ts'

const PREFIX = '_operation'
/** No operation of Azure ML takes longer, and its results are gone by then. */
const LIFETIME_SECONDS = 48 * 3600
const HANDLE = /^([0-9a-z]{6,10})\.([\w-]{43})$/
const AT_A_LOCATION =
  /^\/subscriptions\/[^/]+\/providers\/microsoft\.machinelearningservices\/locations\/[^/]+\/./i

export interface OperationHandles {
  /** The gateway URL with a handle for this principal if it leads to a location; any other URL unchanged. */
  bind(url: string, principalId: string): string
  /**
   * Whether the target has a handle of this principal's.
   * @throws Refusal `not_found` for one that is forged, expired or somebody else's, without saying which
   */
  owns(target: Target, principalId: string): boolean
}

/** @param now milliseconds since the epoch */
export function createOperationHandles(
  key: Buffer,
  publicUrl: string,
  now: () => number,
): OperationHandles {
  const mac = (expiry: string, principalId: string, path: string): Buffer =>
    createHmac('sha256', key)
      .update(JSON.stringify([expiry, principalId, path.toLowerCase()]))
      .digest()

  return {
    bind(url, principalId) {
      if (!url.startsWith(`${publicUrl}/`)) return url
      const rest = url.slice(publicUrl.length)
      const path = rest.split('?', 1)[0] ?? ''
      if (!AT_A_LOCATION.test(path)) return url
      const expiry = (Math.floor(now() / 1000) + LIFETIME_SECONDS).toString(36)
      return `${publicUrl}/${PREFIX}/${expiry}.${mac(expiry, principalId, path).toString('base64url')}${rest}`
    },
    owns(target, principalId) {
      if (!hasHandle(target.segments)) return false
      const [, expiry = '', given = ''] = HANDLE.exec(target.segments[1] ?? '') ?? []
      const expected = mac(expiry, principalId, withoutHandle(target.path))
      const bytes = Buffer.from(given, 'base64url')
      const same = bytes.byteLength === expected.byteLength && timingSafeEqual(bytes, expected)
      if (!same || Number.parseInt(expiry, 36) * 1000 < now()) {
        throw new Refusal('not_found', 'this operation is not one that can be followed', {
          remedy: 'poll the URL that the gateway answered with, as the caller that it answered',
          inner: 'operation handle',
        })
      }
      return true
    },
  }
}

/** Whether a path is one of these. */
export function hasHandle(segments: readonly string[]): boolean {
  return segments[0] === PREFIX
}

/** The path as Azure knows it. */
export function withoutHandle(path: string): string {
  return `/${path.split('/').slice(3).join('/')}`
}
