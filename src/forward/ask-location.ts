/**
 * The one question that the gateway asks ARM for itself on the way of a request: where a workspace is.
 * @module
 */
import { randomUUID } from 'node:crypto'
import { request, type Dispatcher } from 'undici'
import { Refusal } from '../errors.ts'
import { upstreamFault } from './faults.ts'

const API_VERSION = '2024-04-01'
const TIMEOUT_MS = 10_000
const MAX_BYTES = 1024 * 1024

export interface LocationOptions {
  readonly dispatcher: Dispatcher
  readonly userAgent: string
  /** The managed identity's token for an audience. */
  readonly token: (identity: string, audience: string) => Promise<string>
}

/**
 * @returns a function that reads `location` of a resource: ARM's origin, the resource's id, identity and audience
 * @throws Refusal `upstream_*`, or those of the token
 */
export function createAskLocation({ dispatcher, userAgent, token }: LocationOptions) {
  return async function askLocation(
    origin: string,
    id: string,
    identity: string,
    audience: string,
  ): Promise<string> {
    const authorization = `Bearer ${await token(identity, audience)}`
    const answer = await request(`${origin}${id}?api-version=${API_VERSION}`, {
      dispatcher,
      headers: {
        authorization,
        accept: 'application/json',
        'user-agent': userAgent,
        'x-ms-correlation-request-id': randomUUID(),
      },
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
    }).catch((error: unknown) => {
      throw upstreamFault(error)
    })
    if (answer.statusCode !== 200 || Number(answer.headers['content-length'] ?? 0) > MAX_BYTES) {
      await answer.body.dump()
      throw new Refusal(
        'upstream_bad_answer',
        'the region of this workspace could not be learnt from azure',
        {
          remedy: `give identity "${identity}" read on the workspace, or name its region under cloud.regions`,
          inner: `status ${answer.statusCode}`,
        },
      )
    }
    const body: unknown = await answer.body.json().catch(() => null)
    if (
      typeof body === 'object' &&
      body !== null &&
      'location' in body &&
      typeof body.location === 'string'
    ) {
      return body.location
    }
    throw new Refusal('upstream_bad_answer', 'azure names no region for this workspace')
  }
}
