/**
 * What the pipeline needs of the audit trail.
 * @module
 */
import type { Exchange, Outcome } from '../exchange.ts'

/** What a record is about. */
export type RecordKind = 'authorized' | 'refused' | 'completed' | 'received' | 'gateway'

/** The scalar fields of a gateway event. */
export type Detail = Readonly<Record<string, string | number | boolean>>

/** Each resolves when the record is durable, and rejects with `audit_unavailable` if it cannot be. */
export interface Recorder {
  /**
   * Asked before Azure is touched: a read is sent while the disk works, but not if it is known that the disk cannot.
   * @throws Refusal `audit_unavailable`
   */
  admit(): void
  /** The intent: policy permitted, Azure is about to be touched. */
  authorized(exchange: Exchange): Promise<void>
  /** Policy, identity or the gateway itself said no: the first and only record of this request. */
  refused(exchange: Exchange): Promise<void>
  /** The end of an authorized request. */
  completed(exchange: Exchange, outcome: Outcome, durationMs: number): Promise<void>
  /** Something that never became a request: malformed bytes, CONNECT, a bad Expect. */
  received(event: {
    readonly source: Exchange['source']
    readonly what: string
    readonly status: number
  }): Promise<void>
  /** A fact of the gateway's own life: start, stop, reload, a sink that fails. Scalar fields only. */
  event(name: string, fields: Detail): Promise<void>
}
