/**
 * All that is known of one request, filled in from left to right by the pipeline and read by the record.
 * @module
 */
import type { Target } from './azureml/target.ts'
import type { Operation } from './azureml/operation.ts'
import type { Principal } from './identity/principal.ts'
import type { Decision } from './policy/decide.ts'
import type { Refusal } from './errors.ts'

/** How a request ended, as far as the gateway can know. */
export type Outcome = 'success' | 'denied' | 'failed' | 'client_abort' | 'unknown'

/** One request. Times are milliseconds since the epoch; durations come from a monotonic clock. */
export interface Exchange {
  /** GUID: decision id, record id and `x-ms-correlation-request-id` at Azure. */
  readonly id: string
  readonly receivedAt: number
  /** `performance.now()` when received: durations do not jump with the wall clock. */
  readonly startedAt: number
  readonly source: { readonly ip: string; readonly port: number }
  /** As received; `target` has it only once it parsed. */
  readonly method: string
  /** The client's own request id, if it was a GUID. */
  clientRequestId: string | null
  /** Known SDK name and version out of `User-Agent`, never its free text. */
  client: string | null
  target: Target | null
  principal: Principal | null
  operation: Operation | null
  decision: Decision | null
  /** The managed identity that the call went out under: its name in the configuration and its client id. */
  identity: { readonly name: string; readonly clientId: string | null } | null
  refusal: Refusal | null
  upstream: {
    /** Origin the call was sent to. */
    origin: string
    status: number | null
    /** `x-ms-request-id`, `x-ms-correlation-request-id`, `x-ms-routing-request-id`, `x-request-id`, `apim-request-id`. */
    ids: Record<string, string>
  } | null
  /** Status that the client was sent. */
  status: number | null
  bytesIn: number
  bytesOut: number
}
