/**
 * Access tokens of an Okta custom authorization server, and what introspection tells of an organisation server's.
 *
 * `sub` is the login, which can be changed; only `uid` and `cid`, which no mapping can override, make a principal.
 * @module
 */
import { Refusal } from '../../../errors.ts'
import { malformed, readId, readStrings } from '../../credential/claims.ts'
import { idTokenRefusal } from '../../credential/mistake.ts'
import { prefix, readCommon, type Profile } from './profile.ts'

/** @throws Refusal */
export const readOkta: Profile = ({ claims }, issuer) => {
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
