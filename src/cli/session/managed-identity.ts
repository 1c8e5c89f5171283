/**
 * The managed identity of Azure ML compute: a token for the gateway without anybody signing in.
 *
 * The protocol is App Service's of 2017, as @azure/identity speaks it inside Azure ML (msal-node, `MachineLearning`).
 * @module
 */
import { PROFILES } from '../../identity/issuers/profiles/profiles.ts'
import { membersOf, parseStrictJson } from '../../lib/strict-json.ts'
import { isPlain, Problem } from '../problem.ts'
import type { Io } from '../io.ts'
import { chooseIssuer, findIssuers, type Advertised } from '../sign-in/advertised.ts'
import { createNetwork, type Fetch } from '../sign-in/network.ts'
import { wantedCa, type Credential, type Wanted } from './credential.ts'
import type { Endpoint } from './endpoint.ts'
import { checkPublished } from './published.ts'

const API_VERSION = '2017-09-01'

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

/** A token of the compute's identity, for the audience that the gateway publishes. @throws Problem */
export async function fromCompute(
  io: Io,
  endpoint: Endpoint,
  wanted: Wanted & { readonly home: string; readonly gateway: string },
): Promise<Credential> {
  const { home, gateway } = wanted
  const caFile = wantedCa(io, wanted)
  const network = await createNetwork(caFile, io.signal)
  try {
    const issuers = await findIssuers(gateway, network.fetch)
    const chosen = computeIssuer(issuers)
    const { audience } = chosen
    const confirmed = wanted.acceptChange === true
    const { signal, err: say } = io
    await checkPublished({ home, gateway, issuers, chosen, confirmed, signal, say })
    const { token, expiresAt } = await fetchIdentityToken(endpoint, audience, network.fetch)
    return { home, gateway, caFile, token, expiresAt, source: 'managed-identity' }
  } finally {
    await network.close()
  }
}

/** The issuer of managed identities' tokens. @throws Problem if there is none, or several */
function computeIssuer(issuers: readonly Advertised[]): Advertised {
  const able = issuers.filter(({ profile }) => PROFILES[profile].signIn.hasManagedIdentities)
  return chooseIssuer(able, able.length === 1 ? able[0]?.name : undefined, true)
}
