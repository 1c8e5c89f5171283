/**
 * The issuers that a gateway publishes (RFC 9728), and the command line's client at each.
 * @module
 */
import { issuerUrl } from '../../identity/discovery.ts'
import { isSafeUrl } from '../../lib/http.ts'
import { isObject } from '../../lib/strict-json.ts'
import { isProfileName, type ProfileName } from '../../vocabulary/profiles.ts'
import { isPlain, Problem } from '../problem.ts'
import { isMicrosoftApplication, isMicrosoftAudience, isMicrosoftScope } from './microsoft.ts'
import { fetchObject, type Fetch } from './network.ts'

/** An issuer as the gateway publishes it. */
export interface Advertised {
  readonly name: string
  readonly profile: ProfileName
  readonly issuer: string
  /** The audience to ask for a token with. */
  readonly audience: string
  /** The command line's public client at this issuer; null if the gateway's configuration names none. */
  readonly clientId: string | null
  readonly scopes: readonly string[]
}

/** What the gateway publishes of each issuer. @throws Problem if what answers there is another gateway */
async function publishedBy(gateway: string, fetch: Fetch): Promise<readonly unknown[]> {
  const document = await fetchObject(fetch, `${gateway}/.well-known/oauth-protected-resource`)
  // RFC 9728 section 3.3: else a look-alike could obtain tokens for another gateway
  if (document.get('resource') !== gateway)
    throw new Problem(
      `${gateway} says that it is another gateway`,
      'use the URL that its operators publish (listen.publicUrl in its configuration)',
    )
  const list: unknown = document.get('azureml_harness_issuers')
  return isList(list) ? list : []
}

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value)

/**
 * Whether the operators let people have their own tokens for storage with the sign-in at an issuer.
 * @param issuer its URL @throws Problem if there is no gateway, or if what answers there is another one
 */
export async function offersStorage(
  gateway: string,
  issuer: string,
  fetch: Fetch,
): Promise<boolean> {
  return (await publishedBy(gateway, fetch)).some(
    (one) => isObject(one) && one['storage'] === true && readIssuer(one)?.issuer === issuer,
  )
}

/** @throws Problem if there is no gateway, or if what answers there is another one */
export async function findIssuers(gateway: string, fetch: Fetch): Promise<readonly Advertised[]> {
  const found = (await publishedBy(gateway, fetch)).map(readIssuer).filter((one) => one !== null)
  if (found.length === 0)
    throw new Problem(
      `${gateway} does not say who issues its tokens`,
      'check that it is an Azure ML Harness of this version',
    )
  for (const issuer of found) refuseMicrosofts(issuer, gateway)
  return found
}

/** @throws Problem if a token for what is published would work at a service of Microsoft's */
function refuseMicrosofts(
  { name, profile, issuer, audience, clientId, scopes }: Advertised,
  gateway: string,
): void {
  const what = isMicrosoftAudience(audience)
    ? 'audience'
    : clientId !== null && isMicrosoftApplication(clientId)
      ? 'client'
      : scopes.some((scope) => isMicrosoftScope(scope, { profile, issuer }))
        ? 'scope'
        : null
  if (what === null) return
  throw new Problem(
    `${gateway} publishes ${what === 'audience' ? 'an' : 'a'} ${what} of Microsoft's own services for issuer "${name}"`,
    'do not use it: a token for it would work at Azure itself; tell its operators',
  )
}

/** The issuer that is meant: by name or URL, or the only one there is for people. @throws Problem */
export function chooseIssuer(
  issuers: readonly Advertised[],
  wanted: string | undefined,
  withClient: boolean,
): Advertised {
  const names = issuers.map(({ name, issuer }) => `${name} (${issuer})`).join(', ')
  if (wanted !== undefined) {
    const found = issuers.find(({ name, issuer }) => name === wanted || issuer === wanted)
    if (found !== undefined) return found
    throw new Problem('the gateway does not accept that issuer', `it accepts: ${names}`)
  }
  const [first, ...others] = issuers.filter(({ clientId }) => withClient || clientId !== null)
  if (first === undefined)
    throw new Problem(
      'the gateway publishes no client for the command line',
      'ask its operators to set issuers[].cli, or give --issuer, --client-id and --scope',
    )
  if (others.length > 0)
    throw new Problem('the gateway accepts several issuers', `choose one with --issuer: ${names}`)
  return first
}

function readIssuer(value: unknown): Advertised | null {
  if (typeof value !== 'object' || value === null) return null
  const fields = new Map<string, unknown>(Object.entries(value))
  const textOf = (key: string): string | null => {
    const text = fields.get(key)
    return typeof text === 'string' && text !== '' && isPlain(text) ? text : null
  }
  const [name, audience] = [textOf('name'), textOf('audience')]
  const profile = fields.get('profile')
  const issuer = issuerUrl(textOf('issuer') ?? '')
  if (name === null || audience === null || !isSafeUrl(issuer)) return null
  if (!isProfileName(profile)) return null
  const scopes = fields.get('scopes')
  return {
    name,
    profile,
    issuer,
    audience,
    clientId: textOf('client_id'),
    scopes: Array.isArray(scopes)
      ? scopes
          .filter((one) => typeof one === 'string')
          .filter((one) => isPlain(one) && !/\s/.test(one))
      : [],
  }
}
