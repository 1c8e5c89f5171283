/**
 * Whether what the configuration says of an issuer fits together: the issuer's URL, audiences, scopes and the cloud.
 * @module
 */
import type { Config, IssuerConfig } from '../../config/schema/schema.ts'
import { isGuid } from '../../lib/guid.ts'
import { CLOUDS } from '../../vocabulary/clouds.ts'
import { findingsOf, type Finding } from '../finding.ts'

const { failed } = findingsOf('issuers')

/** Scopes that name no resource: OpenID Connect Core section 5.4 and 11. */
const OPENID = new Set(['openid', 'profile', 'email', 'address', 'phone', 'offline_access'])
/** Entra's own login hosts; anything else is a stand-in, of which nothing is known. */
const LOGIN_HOSTS = new Set([
  ...Object.values(CLOUDS).map(({ authorityHost }) => new URL(authorityHost).hostname),
  'login.partner.microsoftonline.cn',
  'login.windows.net',
])
/** China's tokens name another host than the one that signs people in. */
const ISSUER_HOSTS = {
  AzureCloud: ['login.microsoftonline.com', 'sts.windows.net'],
  AzureUSGovernment: ['login.microsoftonline.us', 'sts.windows.net'],
  AzureChinaCloud: [
    'login.partner.microsoftonline.cn',
    'login.chinacloudapi.cn',
    'sts.chinacloudapi.cn',
  ],
} as const

export function checkSignInSettings(config: Config): Finding[] {
  return config.issuers.flatMap((issuer, at) => {
    const where = `issuers[${at}]`
    const general = checkUrl(issuer, where)
    return issuer.profile === 'entra'
      ? [...general, ...checkEntra(issuer, where, config.cloud.name)]
      : general
  })
}

/** OpenID Connect Discovery 1.0 section 3: the issuer has neither query nor fragment. */
function checkUrl({ issuer }: IssuerConfig, where: string): Finding[] {
  const url = new URL(issuer.replace('{tenantid}', 'x'))
  if (url.pathname.endsWith('/.well-known/openid-configuration'))
    return [
      failed(
        `${where}.issuer`,
        'is the address of the discovery document, and not the issuer that it names',
        `write ${issuer.replace('/.well-known/openid-configuration', '')}`,
      ),
    ]
  if (url.search === '' && url.hash === '') return []
  return [
    failed(
      `${where}.issuer`,
      'has a query or a fragment, and no "iss" of a token has one',
      `write ${issuer.replace(/[?#].*$/, '')}`,
    ),
  ]
}

function checkEntra(
  config: IssuerConfig,
  where: string,
  cloud: Config['cloud']['name'],
): Finding[] {
  const { issuer, audiences } = config
  const url = new URL(issuer.replace('{tenantid}', 'x'))
  const found: Finding[] = []
  const isVersion2 = /\/v2\.0\/?$/.test(url.pathname)
  if (LOGIN_HOSTS.has(url.hostname) && !/^\/[^/]+\/v2\.0\/?$/.test(url.pathname))
    found.push(
      failed(
        `${where}.issuer`,
        'is not the "iss" of version 2 tokens: all of them would be refused',
        `write https://${url.hostname}/TENANT_ID/v2.0`,
      ),
    )
  const hosts: readonly string[] = ISSUER_HOSTS[cloud]
  const isForeign = Object.values(ISSUER_HOSTS).some((own) =>
    own.some((one) => one === url.hostname),
  )
  if (isForeign && !hosts.includes(url.hostname))
    found.push(
      failed(
        `${where}.issuer`,
        `is of another cloud than cloud.name, ${cloud}`,
        `write the issuer of ${cloud}, at ${hosts[0]}, or change cloud.name`,
      ),
    )
  // learn.microsoft.com, "Access token claims reference": in version 2 tokens `aud` is always the client id of the API
  if (isVersion2 && !audiences.some(isGuid))
    found.push(
      failed(
        `${where}.audiences`,
        'has no application id, which is what version 2 tokens have as "aud"',
        'add the appId of the gateway’s app registration: az ad app list --identifier-uri URI',
      ),
    )
  for (const part of ['cli', 'console'] as const) {
    const scopes = config[part]?.scopes
    if (scopes !== undefined) found.push(...checkScopes(scopes, config, `${where}.${part}.scopes`))
  }
  return found
}

/** Entra takes scopes without a resource for Microsoft Graph's. */
function checkScopes(
  scopes: readonly string[],
  { audiences }: IssuerConfig,
  where: string,
): Finding[] {
  const resources = scopes
    .filter((scope) => !OPENID.has(scope.toLowerCase()))
    .map((scope) => scope.slice(0, Math.max(0, scope.lastIndexOf('/'))))
  if (!resources.some((one) => one !== ''))
    return [
      failed(
        where,
        'names no scope of the gateway: Entra would give a token for Microsoft Graph',
        'write IDENTIFIER_URI/SCOPE, such as api://CLIENT_ID/user_impersonation',
      ),
    ]
  const known = new Set(audiences.map((one) => plain(one)))
  const foreign = resources.find((one) => one !== '' && !known.has(plain(one)))
  if (foreign === undefined) return []
  return [
    failed(
      where,
      `asks for tokens of "${foreign}", which is not among the issuer's audiences`,
      'add the gateway’s identifier URI to audiences, or write its scope here',
    ),
  ]
}

/** `api://ID` and `ID` are names of one application. */
const plain = (audience: string): string => {
  const lower = audience.toLowerCase().replace(/\/+$/, '')
  const id = lower.replace(/^api:\/\//, '')
  return isGuid(id) ? id : lower
}
