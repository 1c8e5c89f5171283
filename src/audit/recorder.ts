/**
 * What the pipeline needs of the audit trail.
 * @module
 */
import type { RefusalCode } from '../errors.ts'
import type { Exchange, Outcome } from '../exchange.ts'

/** What a record is about. */
export type RecordKind = 'authorized' | 'refused' | 'completed' | 'received' | 'summary' | 'gateway'

/** The scalar fields of a gateway event. */
export type Detail = Readonly<Record<string, string | number | boolean>>

/**
 * Each resolves when the record is durable, and rejects with `audit_unavailable` if it cannot be. Refusals of callers
 * that were not identified have a record of their own up to a burst; beyond it they are counted, which resolves at once.
 * `authorized` and `completed` need not be awaited nor caught: each promise more for each call costs.
 */
export interface Recorder {
  /**
   * Called before Azure is touched, and does not wait for the disk: refuses if the disk is known to take no records.
   * @throws Refusal `audit_unavailable`
   */
  admit(): void
  /** The intent: policy permitted, Azure is about to be touched. Whoever waits for it later, or never, need not catch it now. */
  authorized(exchange: Exchange): Promise<void>
  /** Policy, identity or the gateway itself said no: the first and only record of this request. */
  refused(exchange: Exchange): Promise<void>
  /** The end of an authorized request. It need be neither awaited nor caught: what fails is owed, and written later. */
  completed(exchange: Exchange, outcome: Outcome, durationMs: number): Promise<void>
  /** Something that never became a request: malformed bytes, CONNECT, a bad Expect. */
  received(event: {
    /** Decision id of its answer, as an exchange has one. */
    readonly id: string
    readonly source: Exchange['source']
    readonly what: string
    readonly code: RefusalCode
    readonly status: number
  }): Promise<void>
  /** An event of the gateway itself: start, stop, reload, a sink that fails. Scalar fields only. */
  event(name: string, fields: Detail): Promise<void>
}
