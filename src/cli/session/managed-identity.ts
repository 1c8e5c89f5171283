/**
 * The managed identity of Azure ML compute: a token for the gateway without anybody signing in.
 *
 * The protocol is App Service's of 2017, as @azure/identity speaks it inside Azure ML (msal-node, `MachineLearning`).
 * @module
 */
import { isSafeUrl } from '../../lib/http.ts'
import { membersOf, parseStrictJson } from '../../lib/strict-json.ts'
import { isPlain, Problem } from '../problem.ts'
import type { Fetch } from '../sign-in/network.ts'

/** Where a job's token comes from. */
export interface Endpoint {
  readonly url: string
  readonly secret: string
  /** Of a user-assigned identity; null for the only one there is. */
  readonly clientId: string | null
}

const API_VERSION = '2017-09-01'

/** The endpoint that Azure ML compute gives to its jobs; null elsewhere. @throws Problem for one that is not local */
export function findEndpoint(env: Readonly<Record<string, string | undefined>>): Endpoint | null {
  const url = env['MSI_ENDPOINT']
  const secret = env['MSI_SECRET']
  if (url === undefined || url === '' || secret === undefined || secret === '') return null
  if (!isSafeUrl(url))
    throw new Problem(
      'MSI_ENDPOINT is neither https nor on this machine',
      'the secret would travel in the clear: unset it, or sign in with azureml-harness login',
    )
  const clientId = env['DEFAULT_IDENTITY_CLIENT_ID'] ?? env['AZURE_CLIENT_ID'] ?? ''
  return { url, secret, clientId: clientId === '' ? null : clientId }
}

/** `audience`: what the gateway is called at Entra ID. The end is in milliseconds since the epoch. @throws Problem */
export async function fetchIdentityToken(
  endpoint: Endpoint,
  audience: string,
  fetch: Fetch,
): Promise<{ readonly token: string; readonly expiresAt: number }> {
  const url = new URL(endpoint.url)
  url.searchParams.set('api-version', API_VERSION)
  url.searchParams.set('resource', audience)
  if (endpoint.clientId !== null) url.searchParams.set('clientid', endpoint.clientId)
  const response = await fetch(url.href, { headers: { secret: endpoint.secret } })
  const body = membersOf(parseStrictJson(new Uint8Array(await response.arrayBuffer())))
  if (response.status !== 200) {
    const said = body?.get('message') ?? body?.get('Message')
    const why = typeof said === 'string' && isPlain(said) ? `: ${said}` : ''
    throw new Problem(
      `the compute's managed identity gives no token for ${audience} (status ${response.status}${why})`,
      'give the compute an identity; with several, set DEFAULT_IDENTITY_CLIENT_ID to the client id of one',
    )
  }
  const token = body?.get('access_token')
  // seconds since the epoch; Azure ML has sent it as a number and as text
  const expires = Number(body?.get('expires_on'))
  if (typeof token !== 'string' || token === '')
    throw new Problem('the managed-identity endpoint answered without a token', 'try again')
  return { token, expiresAt: Number.isFinite(expires) ? expires * 1000 : 0 }
}
