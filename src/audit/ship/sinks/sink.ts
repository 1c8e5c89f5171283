/**
 * What a sink is: what the shipper asks of it, what it can answer, and what a kind of sink has to define.
 * @module
 */
import type { SecretSource } from '../../../config/schema/schema.ts'
import type { SinkConfig, SinkKind } from '../../../config/schema/sinks.ts'
import type { Batch } from '../batch.ts'

/** What became of a batch. Only `accepted` moves the cursor. */
export type Delivery =
  | { readonly kind: 'accepted' }
  /** Try again later: outages, throttling, time-outs. */
  | { readonly kind: 'retry'; readonly why: string; readonly retryAfterMs?: number }
  /** Try again with half of the batch. */
  | { readonly kind: 'too-large'; readonly why: string }
  /** The sink rejects some row of the batch: find it by halving. */
  | { readonly kind: 'rejected'; readonly why: string }
  /** Every batch will fail until somebody changes a role, a name or a key. */
  | { readonly kind: 'hold'; readonly why: string }

/** A place that records are shipped to. `send` never throws for what the other side does. */
export interface Sink {
  readonly name: string
  readonly kind: string
  /** Segments are kept until every required sink has them. */
  readonly required: boolean
  /** Largest batch, in bytes of its rows as a JSON array. */
  readonly limitBytes: number
  /**
   * How many batches may be sent before the first of them is answered. More than one only where the order of batches means
   * nothing to the receiver.
   */
  readonly atOnce: number
  /** The batch's memory is used for another one once this is answered. */
  send(batch: Batch, signal: AbortSignal): Promise<Delivery>
  close(): Promise<void>
}

/** Gets tokens for one identity; caches by itself. */
export interface SinkCredential {
  getToken(
    scopes: string | string[],
    options?: object,
  ): Promise<{ token: string; expiresOnTimestamp: number } | null>
}

/** What making a sink takes from the gateway. */
export interface SinkContext {
  readonly credential: (identityName: string) => SinkCredential
  /** Reads a secret from where the configuration says it is. */
  readonly secret: (source: SecretSource) => string | Promise<string>
  readonly version: string
}

/** What the doctor says of a sink. `unverified`: it can be reached, and more would need a record. */
export interface Examination {
  readonly status: 'ok' | 'failed' | 'unverified'
  readonly what: string
  /** What to do; null if there is nothing to. */
  readonly next: string | null
}

/** Gets a token of one of the gateway's identities; rejects if there is none. */
export type TokenOf = (identity: string, scope: string) => Promise<string>

/** Everything that a kind of sink has to say of itself, besides its configuration (config/schema/sinks.ts). */
export interface SinkDefinition<Kind extends SinkKind> {
  /** When a batch counts as delivered; docs/audit.md has it in its table of sinks. */
  readonly acknowledged: string
  /** Whether rows have their OCSF event if the configuration does not say. */
  readonly ocsf: boolean
  /** The scope of the tokens that its identity needs; null if it has no identity. */
  readonly scope: ((config: SinkConfig<Kind>) => string) | null
  /** Makes the sink, or throws an Error that names what is wrong with its configuration. */
  make(config: SinkConfig<Kind>, context: SinkContext): Sink | Promise<Sink>
  /** Whether it can be shipped to, found out without sending a record. */
  examine(config: SinkConfig<Kind>, tokenOf: TokenOf): Promise<Examination>
}

/** What every sink has of its configuration. */
export const baseOf = (config: SinkConfig): { name: string; required: boolean } => ({
  name: config.name,
  required: config.required ?? true,
})
