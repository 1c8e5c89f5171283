/**
 * The gateway's own routes about what it did and how it is: records, policies, state. Each is judged by policy and
 * recorded like any call.
 * @module
 */
import type { OwnCalls } from '../access/own-calls.ts'
import { Refusal } from '../errors.ts'
import { policyChangesCall } from './policy-changes.ts'
import { policyCall, whoCanCall, type PolicyCallOptions } from './policy-view.ts'
import { recordsCall, summaryCall, type RecordCallOptions } from './records.ts'
import { stateCall, type StateCallOptions } from './state-view.ts'

export interface InsightOptions extends RecordCallOptions, PolicyCallOptions, StateCallOptions {}

const FIRST: ReadonlySet<string | undefined> = new Set(['records', 'policy', 'state'])

/** Null if the target is none of theirs. @throws Refusal `unknown_operation`, `method_not_allowed` */
export function createInsightCalls(options: InsightOptions): OwnCalls {
  return (target, principal, request) => {
    const [own, api, ...rest] = target.segments
    if (own !== '_harness' || api !== 'api' || !FIRST.has(rest[0])) return null
    if (target.method !== 'GET')
      throw new Refusal('method_not_allowed', 'records, policies and state are read with GET')
    switch (rest.join('/')) {
      case 'records':
        return recordsCall(options, target, principal, request)
      case 'records/summary':
        return summaryCall(options, target, principal, request)
      case 'policy':
        return policyCall(options, target, principal)
      case 'policy/changes':
        return policyChangesCall(options, target, principal)
      case 'policy/who-can':
        return whoCanCall(options, target, principal)
      case 'state':
        return stateCall(options, target, principal)
      default:
        throw new Refusal('unknown_operation', 'the gateway has no such route of its own', {
          remedy: 'see /_harness/api/records, /_harness/api/policy and /_harness/api/state',
        })
    }
  }
}
