/**
 * What the shipper asks of a sink, and what a sink can answer.
 * @module
 */

/** One record on its way. */
export interface ShippedRow {
  readonly seq: number
  /** `chainId:seq`: what makes at-least-once exactly once. */
  readonly uid: string
  /** JSON of the flat row, `Ocsf` included, as it stands in the spool. */
  readonly text: string
}

/** What became of a batch. Only `accepted` moves the cursor. */
export type Delivery =
  | { readonly kind: 'accepted' }
  /** Try again later: outages, throttling, time-outs. */
  | { readonly kind: 'retry'; readonly why: string; readonly retryAfterMs?: number }
  /** Try again in halves. */
  | { readonly kind: 'too-large'; readonly why: string }
  /** Something in the batch is not acceptable: find it by halving. */
  | { readonly kind: 'rejected'; readonly why: string }
  /** Nothing will pass until somebody changes a role, a name or a key: hold, and say so. */
  | { readonly kind: 'hold'; readonly why: string }

/** A place that records are shipped to. `send` never throws for what the other side does. */
export interface Sink {
  readonly name: string
  readonly kind: string
  /** Segments are kept until every required sink has them. */
  readonly required: boolean
  /** Largest batch, in bytes of its rows with their separators. */
  readonly limitBytes: number
  send(rows: readonly ShippedRow[], signal: AbortSignal): Promise<Delivery>
  close(): Promise<void>
}
