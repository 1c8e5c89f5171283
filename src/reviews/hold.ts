/**
 * Holds a call that waits for its review: its author gets the answer of an operation that runs, and polls it.
 *
 * A held call is never made without its author: it is made when the author polls, under the policies and with the token of
 * that moment.
 * @module
 */
import { LedgerFault } from '../approvals/ledger/ledger.ts'
import { MAX_HELD_BYTES, type HeldCalls } from '../approvals/held-calls.ts'
import { Refusal } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import type { Gathered } from '../enforce/enforce.ts'
import { isObject } from '../lib/strict-json.ts'

/** Where its author polls a held call. */
export function operationPath(id: string): string {
  return `/_harness/api/reviews/${id}/operation`
}

/** Seconds between two polls. */
export const POLL_SECONDS = 5

type Headers = Readonly<Record<string, string | string[] | undefined>>

/**
 * What becomes of the refusal of a call that needs a review.
 * @throws {Refusal} the same, or one that is answered like an operation that has begun
 */
export function createHold(
  { held, publicUrl }: { readonly held: HeldCalls; readonly publicUrl: string },
  exchange: Exchange,
  gathered: Gathered,
  headers: Headers,
): (error: unknown) => Promise<never> {
  return async (error) => {
    if (!(error instanceof Refusal) || error.detail.review?.heldUntil == null) throw error
    const { target, operation, method } = exchange
    const body = receivedOf(gathered)
    const isHeld = operation?.longRunning === true && body.byteLength <= MAX_HELD_BYTES
    if (!isHeld || target === null) throw error
    const { id } = error.detail.review
    const query = target.query === '' ? '' : `?${target.query}`
    await held
      .keep(id, { method, target: `${target.path}${query}`, headers: textsOf(headers), body })
      .catch((fault: unknown) => {
        // it is refused then, and can be made again once it is approved
        throw fault instanceof LedgerFault ? error : fault
      })
    throw new Refusal(error.code, error.message, {
      ...error.detail,
      retryAfter: POLL_SECONDS,
      held: {
        status: method === 'PUT' ? 201 : 202,
        operation: `${publicUrl}${operationPath(id)}`,
        body: method === 'PUT' ? created(body, target.path) : null,
      },
    })
  }
}

/** The body as it was received; empty for a call without one. */
function receivedOf({ content, run, read }: Gathered): Buffer {
  return content?.received ?? run?.received ?? read ?? Buffer.alloc(0)
}

function textsOf(headers: Headers): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      typeof value === 'string' ? [[name, value]] : [],
    ),
  )
}

/** The document as Azure shows one that it makes. */
function created(body: Buffer, path: string): object {
  const document: unknown = JSON.parse(body.toString('utf8'))
  const properties =
    isObject(document) && isObject(document['properties']) ? document['properties'] : {}
  return {
    ...(isObject(document) ? document : {}),
    id: path,
    name: path.slice(path.lastIndexOf('/') + 1),
    properties: { ...properties, provisioningState: 'Creating' },
  }
}
