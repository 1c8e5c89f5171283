/**
 * What a configuration says that loads, and that is probably not what is meant: values of which one character, or one
 * place to copy them from, is mistaken often.
 * @module
 */
import { isMicrosoftAudience } from '../cli/sign-in/microsoft.ts'
import type { Config, IssuerConfig } from '../config/schema/schema.ts'
import { isGuid } from '../lib/guid.ts'
import { findingsOf, type Finding } from './finding.ts'

const { warning, failed } = findingsOf('config')

/** Entra's version 1 tokens are issued by this host, the one issuer of Entra whose name ends with a slash. */
const VERSION_1 = /^https:\/\/sts\.windows\.net\//

/**
 * `where` is the key.
 * @param status of what keeps tokens from being accepted or got; what is unusual and works is a warning in any case
 */
export function checkDoubtful(
  { issuers, identities }: Config,
  status: 'warning' | 'failed' = 'warning',
): readonly Finding[] {
  const doubt = status === 'failed' ? failed : warning
  return [
    ...issuers.flatMap((issuer, at) => doubtfulIssuer(issuer, `issuers[${at}]`, doubt)),
    ...Object.entries(identities).flatMap(([name, identity]) =>
      (['clientId', 'objectId', 'tenantId'] as const).flatMap((key) => {
        const value = key in identity ? new Map(Object.entries(identity)).get(key) : undefined
        return doubtfulId(value, `identities.${name}.${key}`, doubt)
      }),
    ),
  ]
}

type Doubt = typeof warning

function doubtfulIssuer(config: IssuerConfig, where: string, doubt: Doubt): readonly Finding[] {
  const { profile, issuer, audiences, cli, introspection } = config
  const found = audiences.flatMap((audience, at) =>
    isMicrosoftAudience(audience)
      ? [
          doubt(
            `${where}.audiences[${at}]`,
            `"${audience}" is a service of Microsoft's: tokens for it are given to every program that calls Azure, and work there without this gateway`,
            'register an application for the gateway, and accept tokens for its own id',
          ),
        ]
      : [],
  )
  const ends = issuer.endsWith('/')
  if (ends && profile !== 'oidc' && !(profile === 'entra' && VERSION_1.test(issuer)))
    found.push(
      doubt(
        `${where}.issuer`,
        `ends with a slash, and the "iss" of tokens does not: all of them would be refused`,
        `write ${issuer.replace(/\/+$/, '')}`,
      ),
    )
  if (!ends && profile === 'entra' && VERSION_1.test(issuer))
    found.push(
      doubt(
        `${where}.issuer`,
        `has no slash at its end, and the "iss" of version 1 tokens has one`,
        `write ${issuer}/`,
      ),
    )
  if (profile === 'okta' && introspection !== undefined && new URL(issuer).pathname === '/')
    found.push(
      warning(
        `${where}.issuer`,
        "is Okta's organization server: its tokens are meant for Okta alone, and Okta has to be asked about each",
        'make a custom authorization server, and write its issuer, such as https://contoso.okta.com/oauth2/default',
      ),
    )
  if (profile === 'entra' && cli !== undefined)
    found.push(...doubtfulId(cli.clientId, `${where}.cli.clientId`, doubt))
  return found
}

function doubtfulId(value: unknown, where: string, doubt: Doubt): readonly Finding[] {
  if (typeof value !== 'string' || isGuid(value)) return []
  return [
    doubt(
      where,
      `"${value}" is no GUID: Azure knows no identity by it`,
      'copy the id from the portal or from az, not the name',
    ),
  ]
}
