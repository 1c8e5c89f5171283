/**
 * Access tokens of an Okta custom authorization server, and what introspection tells of an organisation server's.
 *
 * `sub` is the login, which can be changed; only `uid` and `cid`, which no mapping can override, make a principal.
 * @module
 */
import type { IssuerConfig } from '../../../config/schema/schema.ts'
import { Refusal } from '../../../errors.ts'
import type { Members } from '../../../lib/strict-json.ts'
import { malformed, readId, readStrings, readWords } from '../../credential/claims.ts'
import { idTokenRefusal } from '../../credential/mistake.ts'
import {
  prefix,
  readCommon,
  type MatchedIssuer,
  type Profile,
  type Profiled,
  type TokenParts,
} from './profile.ts'

export const okta: Profile = {
  supports: { tenants: false, introspection: true, graph: false },
  configFaults: (config) =>
    isOrganisation(config) && config.introspection === undefined
      ? [
          {
            path: ['introspection'],
            message:
              'is missing; the tokens of an Okta organisation server can only be introspected: configure that, or a custom authorization server',
          },
        ]
      : [],
  introspectedOnly: isOrganisation,
  keyFault: () => null,
  introspected,
  read,
  signIn: {
    // RFC 8252 section 8.3: the address, not a name that has to be resolved
    loopbackHost: '127.0.0.1',
    prompt: null,
    refreshScope: () => null,
    defaultScopes: () => null,
    hasManagedIdentities: false,
  },
}

/** Whether it is an Okta organisation server, whose tokens nobody but Okta may validate. */
function isOrganisation({ issuer }: IssuerConfig): boolean {
  return new URL(issuer).pathname === '/'
}

/** What is there already stays. */
function introspected(answer: Members): Members {
  const claims = new Map(answer)
  if (!claims.has('cid')) claims.set('cid', answer.get('client_id'))
  if (!claims.has('scp')) claims.set('scp', readWords(answer, 'scope'))
  if (!claims.has('ver')) claims.set('ver', 1)
  return claims
}

function read({ claims }: TokenParts, issuer: MatchedIssuer): Profiled {
  const { name } = issuer.config
  const tokenId = readId(claims, 'jti')
  const user = readId(claims, 'uid')
  const client = readId(claims, 'cid')
  const scopes = readStrings(claims, 'scp')
  if (tokenId?.startsWith('ID.') === true) throw idTokenRefusal()
  const principal = user ?? client
  if (principal === null) {
    throw new Refusal('no_principal', 'the token has neither "uid" nor "cid"')
  }
  if (client === null) throw idTokenRefusal()
  if (claims.get('ver') !== 1 || tokenId?.startsWith('AT.') !== true) {
    throw new Refusal('invalid_token', 'this is not an Okta access token of version 1')
  }
  if (principal.includes('/')) throw malformed(user === null ? 'cid' : 'uid', 'an id')
  if (scopes === null || scopes.length === 0) {
    throw new Refusal('insufficient_scope', 'the token has no "scp"')
  }
  return {
    principal: {
      kind: user === null ? 'service' : 'user',
      id: `${name}/${principal}`,
      issuer: name,
      tenant: null,
      client,
      groups: prefix(readStrings(claims, 'groups'), name),
      roles: prefix(readStrings(claims, 'roles'), name),
      scopes,
      resourceId: null,
      workspace: null,
      tokenId,
      challengeable: false,
      ...readCommon(claims),
    },
    overage: false,
  }
}
