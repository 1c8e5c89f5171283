/**
 * Facts of a call that need no look into its body: what policies may ask for in `context`.
 * @module
 */
import type { Exchange } from '../exchange.ts'

/** Typed as in the Cedar schema: Long, String and Set of String only, and nothing secret. */
export type CallFacts = Record<string, string | number | boolean | readonly string[]>

/** @param exchange target and principal must be known */
export function callFacts(exchange: Exchange): CallFacts {
  const { target, principal } = exchange
  const facts: CallFacts = { sourceIp: exchange.source.ip, method: exchange.method }
  const apiVersion = target?.params.get('api-version')
  if (apiVersion !== undefined) facts['apiVersion'] = apiVersion
  if (principal !== null) {
    const seconds = Math.floor(exchange.receivedAt / 1000)
    facts['tokenAgeSeconds'] = Math.max(0, seconds - principal.issuedAt)
    facts['authenticationMethods'] = principal.methods
    if (principal.authenticatedAt !== null) {
      facts['signInAgeSeconds'] = Math.max(0, seconds - principal.authenticatedAt)
    }
  }
  return facts
}
