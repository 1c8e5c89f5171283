/**
 * Headers of every page: what a browser may do with it, and what nobody keeps.
 * @module
 */
import { isLoopback } from '../lib/http.ts'

/** Nothing inline, nothing of another host, no frame, and no text that becomes script (Trusted Types). */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

const FEATURES = ['camera', 'geolocation', 'microphone', 'payment', 'usb', 'display-capture']

export type Headers = Readonly<Record<string, string>>

/** @param publicUrl the gateway's origin */
export function pageHeaders(publicUrl: string): Headers {
  const lasting = isLoopback(new URL(publicUrl).hostname)
    ? {}
    : { 'strict-transport-security': 'max-age=31536000' }
  return {
    'content-security-policy': POLICY,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    // with `no-referrer` browsers send forms with the origin "null"
    'referrer-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
    'permissions-policy': FEATURES.map((name) => `${name}=()`).join(', '),
    'x-permitted-cross-domain-policies': 'none',
    // on this machine other servers have the same name
    ...lasting,
  }
}
