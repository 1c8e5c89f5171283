/**
 * Access tokens of any other OpenID provider: RFC 9068 where it is spoken, and the evidence that it is no ID token
 * where it is not.
 * @module
 */
import { Refusal } from '../../../errors.ts'
import { readId, readStrings, readWords } from '../../credential/claims.ts'
import { idTokenRefusal } from '../../credential/mistake.ts'
import {
  prefix,
  readCommon,
  type MatchedIssuer,
  type Profile,
  type Profiled,
  type TokenParts,
} from './profile.ts'

export const oidc: Profile = {
  supports: { tenants: false, introspection: true, graph: false },
  configFaults: () => [],
  introspectedOnly: () => false,
  keyFault: () => null,
  introspected: (answer) => answer,
  read,
  signIn: {
    // RFC 8252 section 8.3: the address, not a name that has to be resolved
    loopbackHost: '127.0.0.1',
    // OpenID Connect Core 1.0 section 11 wants it before a refresh token is given
    prompt: 'consent',
    refreshScope: () => null,
    defaultScopes: () => null,
    hasManagedIdentities: false,
  },
}

function read({ typ, claims }: TokenParts, issuer: MatchedIssuer): Profiled {
  const { name } = issuer.config
  const client = readId(claims, 'client_id') ?? readId(claims, 'azp')
  const scopes = readWords(claims, 'scope')
  // RFC 9068 section 2.1 has a type of its own; Keycloak says `typ: Bearer` in the claims instead
  const isTyped = typ === 'at+jwt' || claims.get('typ') === 'Bearer'
  const isServiceAccount = claims.get('typ') === 'Bearer' && claims.has('client_id')
  const isIdToken = claims.has('at_hash') || claims.has('c_hash') || claims.has('nonce')
  if (isIdToken || (!isTyped && (client === null || scopes === null))) throw idTokenRefusal()
  const subject = readId(claims, 'sub')
  if (subject === null) throw new Refusal('no_principal', 'the token has no "sub"')
  return {
    principal: {
      // RFC 9068 section 2.2: where no person took part, the subject is the client. Keycloak gives a service account a
      // subject of its own, and only such a token the claim `client_id` besides `azp`
      kind: subject === client || isServiceAccount ? 'service' : 'user',
      id: `${name}/${subject}`,
      issuer: name,
      tenant: null,
      client,
      groups: prefix(readStrings(claims, 'groups'), name),
      roles: prefix(readStrings(claims, 'roles'), name),
      scopes: scopes ?? [],
      resourceId: null,
      workspace: null,
      tokenId: readId(claims, 'jti'),
      challengeable: false,
      ...readCommon(claims),
    },
    overage: false,
  }
}
