/**
 * From a refusal to what would permit it: what a refused caller is told, and can ask afterwards.
 * @module
 */
import { randomBytes } from 'node:crypto'
import type { Refusal } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import { createNeeds, type RefusedExchange } from './needs.ts'
import {
  createOwnCalls,
  decisionPath,
  refusedFor,
  type OwnCallOptions,
  type OwnCalls,
  type OwnRequest,
} from './own-calls.ts'
import { createRecentRefusals } from './recent-refusals.ts'

export interface AccessOptions extends Omit<
  OwnCallOptions,
  'needs' | 'needOf' | 'recent' | 'replicasShareKey'
> {
  /** The same on every replica; null for one of its own, which ends with the process. */
  readonly key: string | null
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export interface Access {
  readonly own: OwnCalls
  readonly refused: (exchange: Exchange, refusal: Refusal) => void
  readonly refusedCall: OwnRequest['refused']
  /** How the caller can ask why; null if it is not known who asked for what. */
  readonly why: (exchange: Exchange) => WhyAsked | null
}

/** How to ask about one refusal. */
export interface WhyAsked {
  /** The gateway's path. */
  readonly path: string
  /** What `azureml-harness why` and `access request` take. */
  readonly word: string
  /** Whether the caller may ask for a grant that would permit the call. */
  readonly asks: boolean
}

export function createAccess(options: AccessOptions): Access {
  const key = options.key === null ? randomBytes(32) : Buffer.from(options.key)
  const needs = createNeeds(key, options.now)
  const recent = createRecentRefusals()
  // where each replica has a key of its own, a need says nothing that this one does not remember
  const replicasShareKey = options.key !== null
  const needOf = (refused: RefusedExchange): string | null =>
    replicasShareKey ? needs.issue(refused) : null
  return {
    own: createOwnCalls({ ...options, needs, replicasShareKey, needOf, recent }),
    refused: recent.add,
    refusedCall: (principal, id, need) =>
      refusedFor({ recent, needs, ancestorsOf: options.ancestorsOf }, principal, id, need),
    why(exchange) {
      const { id, principal, operation } = exchange
      if (principal === null || operation === null) return null
      const need = needOf(exchange)
      const facts = exchange.decision?.facts ?? {}
      return {
        path: decisionPath(id, need),
        word: need === null ? id : `${id}.${need}`,
        asks: options.offersGrant(principal, { operation, facts }),
      }
    },
  }
}
