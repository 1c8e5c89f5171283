/**
 * ARM's envelope and headers, as its resource provider contract has them.
 *
 * https://github.com/Azure/azure-resource-manager-rpc/blob/master/v1.0/common-api-details.md
 * @module
 */
import { randomUUID } from 'node:crypto'
import { json, type Answer, type Call } from '../../server/call.ts'
import { REGION, TENANT } from '../../personas.ts'

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

export function armError(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return json(status, { error: { code, message } }, headers)
}

/** What ARM says when it does not like the token. A gateway must keep this to itself. */
export function armUnauthorized(code: string, message: string): Answer {
  return armError(401, code, message, {
    'www-authenticate':
      `Bearer authorization_uri="https://login.windows.net/${TENANT}", ` +
      `error="invalid_token", error_description="${message}"`,
  })
}

type Bucket = 'reads' | 'writes' | 'deletes'

function bucketOf(method: string): Bucket {
  if (method === 'DELETE') return 'deletes'
  return method === 'GET' || method === 'HEAD' ? 'reads' : 'writes'
}

/** Counts down as ARM does, per kind of call, and fills up again. */
export function createHeaders(): (call: Call) => Record<string, string> {
  const remaining = { reads: 249, writes: 199, deletes: 199 }
  return (call) => {
    const kind = bucketOf(call.method)
    remaining[kind] = remaining[kind] <= 1 ? 199 : remaining[kind] - 1
    const id = randomUUID()
    const given = call.headers['x-ms-correlation-request-id']
    const client = call.headers['x-ms-client-request-id']
    const correlation = typeof given === 'string' && GUID.test(given) ? given : randomUUID()
    const stamp = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')
    return {
      'cache-control': 'no-cache',
      pragma: 'no-cache',
      expires: '-1',
      'strict-transport-security': 'max-age=31536000; includeSubDomains',
      'x-content-type-options': 'nosniff',
      'x-ms-request-id': id,
      'x-ms-correlation-request-id': correlation,
      'x-ms-routing-request-id': `${REGION.toUpperCase()}:${stamp}:${id}`,
      [`x-ms-ratelimit-remaining-subscription-${kind}`]: String(remaining[kind]),
      'x-request-time': '0.004',
      ...(typeof client === 'string' && call.headers['x-ms-return-client-request-id'] === 'true'
        ? { 'x-ms-client-request-id': client }
        : {}),
    }
  }
}
