/**
 * Facts of a call that need no look into its body: what policies may ask for in `context`.
 * @module
 */
import type { Exchange } from '../exchange.ts'

/** Typed as in the Cedar schema: Long, String and Set of String only, and nothing secret. */
export type CallFacts = Record<string, string | number | boolean | readonly string[]>

const MINUTE_MS = 60_000

/**
 * Facts of token age, place and time.
 * @param exchange what the stages before have found
 * @param ownOperation whether the call follows an operation that its caller has started
 */
export function callFacts(exchange: Exchange, ownOperation: boolean): CallFacts {
  const { target, principal, receivedAt } = exchange
  const facts: CallFacts = {
    sourceIp: exchange.source.ip,
    // to the minute, so that a decision that asks for it can still be remembered
    ownOperation,
    time: new Date(receivedAt - (receivedAt % MINUTE_MS)).toISOString(),
  }
  const apiVersion = target?.params.get('api-version')
  if (apiVersion !== undefined) facts['apiVersion'] = apiVersion
  if (principal !== null) {
    const seconds = Math.floor(receivedAt / 1000)
    facts['tokenAgeSeconds'] = Math.max(0, seconds - principal.issuedAt)
    if (principal.authenticatedAt !== null) {
      facts['signInAgeSeconds'] = Math.max(0, seconds - principal.authenticatedAt)
    }
  }
  return facts
}
