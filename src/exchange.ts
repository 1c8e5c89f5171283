/**
 * All that is known of one request, filled in from left to right by the pipeline and read by the record.
 * @module
 */
import type { Target } from './azureml/target.ts'
import type { Operation } from './vocabulary/operation.ts'
import type { Principal } from './identity/principal.ts'
import type { Decision } from './policy/decide.ts'
import type { ChangingEffect } from './policy/effects.ts'
import { isOfPolicy, type Refusal } from './errors.ts'
import { isGuid } from './lib/guid.ts'

/** One thing that an effect changed in a body. */
export interface Change {
  readonly effect: ChangingEffect
  /** Where, as a pointer whose foreign names are cut and quoted. */
  readonly at: string
  /** What stands there now: an asset with its version, or the digest of the parameters. */
  readonly to: string
}

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
  /** The managed identity that the call went out under: its name in the configuration, its client and object id. */
  identity: {
    readonly name: string
    readonly clientId: string | null
    readonly objectId: string | null
  } | null
  refusal: Refusal | null
  upstream: {
    /** Origin the call was sent to. */
    origin: string
    status: number | null
    /** `x-ms-request-id`, `x-ms-correlation-request-id`, `x-ms-routing-request-id`, `x-request-id`, `apim-request-id`. */
    ids: Record<string, string>
  } | null
  /** Of a call that changes something: resolves when Azure has answered, or will not any more; null before it is sent. */
  underWay: Promise<void> | null
  /** Status that the client was sent. */
  status: number | null
  bytesIn: number
  bytesOut: number
  /** `@redact` of the permit: secret fields are taken out of the answer. */
  redact: boolean
  /** What effects changed in the body, with the SHA-256 of what came and of what was sent; null if nothing. */
  changes: { before: string; after: string; list: readonly Change[] } | null
  /** `@record("body")`: facts of the body that the record keeps. */
  content: Readonly<Record<string, unknown>> | null
  /** Items of a list answer that the caller may not read; null if the answer was not looked through. */
  leftOut: number | null
  /** Azure's answer broke off after its first byte had been passed on. */
  cut: boolean
  /** How far its record is: an `intent` gets exactly one `completed`, everything else exactly one `refused`. */
  record: 'none' | 'intent' | 'settled'
}

/** A refusal of policy's that came after its permit, by what the body or Azure said; it counts instead of the permit. */
export function overruled({ decision, refusal }: Exchange): Refusal | null {
  return decision?.verdict === 'permit' && refusal !== null && isOfPolicy(refusal.code)
    ? refusal
    : null
}

/** SDKs by name and version; a `User-Agent`'s free text is the caller's and stays out of the record. */
const CLIENT =
  /\b(azsdk-(?:js|python|net|java|go)-[a-z]{2,12}(?:-?[a-z]{2,20}){0,3}|azure-ai-ml|azureml-mlflow|mlflow-python-client|python-requests|AZURECLI|curl|Terraform|node|undici)\/v?(\d{1,4}(?:\.\d{1,5}){0,3})\b/

/** A fresh exchange for a request that has just been received. */
export function openExchange(
  id: string,
  now: number,
  startedAt: number,
  source: Exchange['source'],
  method: string,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Exchange {
  const requestId = headers['x-ms-client-request-id']
  const agent = headers['user-agent']
  const client = typeof agent === 'string' ? CLIENT.exec(agent) : null
  return {
    id,
    receivedAt: now,
    startedAt,
    source,
    method,
    // anything else a caller sends as its id is not repeated, neither to Azure nor in a record
    clientRequestId:
      typeof requestId === 'string' && isGuid(requestId) ? requestId.toLowerCase() : null,
    client: client === null ? null : `${client[1]}/${client[2]}`,
    target: null,
    principal: null,
    operation: null,
    decision: null,
    identity: null,
    refusal: null,
    upstream: null,
    underWay: null,
    status: null,
    bytesIn: 0,
    bytesOut: 0,
    redact: false,
    changes: null,
    content: null,
    leftOut: null,
    cut: false,
    record: 'none',
  }
}
