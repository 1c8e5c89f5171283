/**
 * Entra ID access tokens, versions 1 and 2: people, applications and managed identities.
 *
 * Only `tid` and `oid` make a principal. `email`, `upn`, `preferred_username` and `unique_name` are never read:
 * in another tenant anybody can have them.
 * @module
 */
import { Refusal } from '../../../errors.ts'
import { malformed, readId, readString, readStrings, readWords } from '../../credential/claims.ts'
import { idTokenRefusal } from '../../credential/mistake.ts'
import { isMultiTenant, TENANT_MARKER } from '../../discovery.ts'
import type { VerificationKey } from '../../keys/key-set.ts'
import type { PrincipalKind } from '../../principal.ts'
import { isObject, type Members } from '../../../lib/strict-json.ts'
import { isGuid } from '../../../lib/guid.ts'
import {
  prefix,
  readCommon,
  type MatchedIssuer,
  type Profile,
  type Profiled,
  type TokenParts,
} from './profile.ts'

const ARM_ID = /^\/subscriptions\/[^/]+(?:\/[^/]+)+$/
const COMPUTE =
  /^(\/subscriptions\/[^/]+\/resourcegroups\/[^/]+\/providers\/microsoft\.machinelearningservices\/workspaces\/[^/]+)\/computes\/[^/]+$/

export const entra: Profile = {
  supports: { tenants: true, introspection: false, graph: true },
  configFaults: ({ issuer }) =>
    isMultiTenant(issuer) || tenantOf(issuer) !== null
      ? []
      : [{ path: ['issuer'], message: 'names no tenant by its id' }],
  introspectedOnly: () => false,
  keyFault,
  introspected: (answer) => answer,
  read,
  signIn: {
    // Entra lets the port of a redirect URI vary for this name only
    loopbackHost: 'localhost',
    prompt: null,
    // Entra wants the scopes named
    refreshScope: (scopes) => scopes.join(' '),
    // every application has this one
    defaultScopes: (audience) => [`${audience}/.default`],
    hasManagedIdentities: true,
  },
}

function read({ claims }: TokenParts, issuer: MatchedIssuer): Profiled {
  const { name, guests } = issuer.config
  const tenant = readTenant(claims, issuer)
  const client = readGuid(claims, 'azp') ?? readGuid(claims, 'appid')
  const scopes = readScopes(claims)
  const type = readString(claims, 'idtyp')?.toLowerCase() ?? null
  if (type !== null && type !== 'app' && type !== 'user') throw malformed('idtyp', 'app or user')
  const isApplication = type === 'app'
  // An ID token of the same application has the same audience; only these claims tell it apart
  if (client === null) throw idTokenRefusal()
  if (scopes === null && !isApplication) {
    throw new Refusal('insufficient_scope', 'the token has neither "scp" nor "idtyp" of an app', {
      remedy:
        'ask for a scope of the gateway, or add the optional claim "idtyp" to its registration',
    })
  }
  if (scopes !== null && isApplication) throw malformed('idtyp', 'consistent with "scp"')
  const object = readGuid(claims, 'oid')
  if (object === null) throw new Refusal('no_principal', 'the token has no "oid"')
  if (guests !== true && isGuest(claims, issuer, tenant)) {
    throw new Refusal('guest_refused', 'guests of the tenant are not accepted')
  }
  const resourceId = isApplication ? readResourceId(claims) : null
  const space = `${name}/${tenant}`
  return {
    principal: {
      kind: kindOf(isApplication, resourceId),
      id: `${space}/${object}`,
      issuer: name,
      tenant,
      client,
      groups: prefix(readGroups(claims), space),
      // In a shared issuer each tenant's administrator assigns roles, so they stay the tenant's own
      roles: prefix(
        readStrings(claims, 'roles'),
        isMultiTenant(issuer.config.issuer) ? space : name,
      ),
      scopes: scopes ?? [],
      resourceId,
      workspace: resourceId === null ? null : (COMPUTE.exec(resourceId)?.[1] ?? null),
      tokenId: readId(claims, 'uti'),
      challengeable: readCapabilities(claims),
      ...readCommon(claims),
    },
    overage: hasOverage(claims),
  }
}

/**
 * Entra publishes with each key whose it is. Tenants share keys, but the key of personal accounts must never sign
 * for a tenant: that check, left out, was the Storm-0558 incident of 2023.
 */
function keyFault(key: VerificationKey, { iss, tenant }: MatchedIssuer): string | null {
  if (key.issuer === null) {
    // Version 1 key sets do not say; one tenant's own set may be silent, a shared one may not
    return tenant === null ? null : 'the token’s key does not say whose it is'
  }
  const owner = tenant ?? tenantOf(iss)
  const expected = owner === null ? key.issuer : key.issuer.replace(TENANT_MARKER, owner)
  // Keys name the version 2 issuer, also those that sign version 1 tokens
  const version2 = `${new URL(key.issuer.replace(TENANT_MARKER, 'x')).origin}/${owner ?? ''}/v2.0`
  if (expected === iss || (!isVersion2(iss) && expected === version2)) return null
  return 'the token’s key belongs to another issuer'
}

/** The tenant that an Entra `iss` names, lower case; null if it names none or several. */
function tenantOf(iss: string): string | null {
  const [tenant, ...others] = new URL(iss).pathname.split('/').filter(isGuid)
  return tenant === undefined || others.length > 0 ? null : tenant.toLowerCase()
}

function isVersion2(iss: string): boolean {
  return iss.endsWith('/v2.0')
}

function kindOf(isApplication: boolean, resourceId: string | null): PrincipalKind {
  if (!isApplication) return 'user'
  return resourceId === null ? 'service' : 'compute'
}

/** The tenant must be a GUID, the one in `iss`, and `ver` the version of that `iss`. */
function readTenant(claims: Members, { iss, tenant }: MatchedIssuer): string {
  const tid = readGuid(claims, 'tid')
  if (tid === null || tid !== (tenant ?? tenantOf(iss))) {
    throw new Refusal('invalid_token', 'the claim "tid" is not the tenant of the issuer')
  }
  if (readString(claims, 'ver') !== (isVersion2(iss) ? '2.0' : '1.0')) {
    throw new Refusal('invalid_token', 'the claim "ver" is not the version of the issuer')
  }
  return tid
}

function isGuest(claims: Members, { iss }: MatchedIssuer, tenant: string): boolean {
  const account = claims.get('acct')
  if (account !== undefined && account !== 0 && account !== 1) throw malformed('acct', '0 or 1')
  if (account === 1) return true
  // Without that optional claim: a guest is one whom another provider authenticated
  const provider = readString(claims, 'idp')
  return provider !== null && provider !== iss && provider !== `https://sts.windows.net/${tenant}/`
}

function readGroups(claims: Members): readonly string[] | null {
  const groups = readStrings(claims, 'groups')
  // Names instead of ids can be emitted too, and be changed by their owners
  if (groups?.every(isGuid) === false) throw malformed('groups', 'a list of object ids')
  return groups?.map((group) => group.toLowerCase()) ?? null
}

/** `_claim_sources` is never read: it would be a URL to send a credential to, written by who knows whom. */
function hasOverage(claims: Members): boolean {
  const names = claims.get('_claim_names')
  return claims.get('hasgroups') === true || (isObject(names) && Object.hasOwn(names, 'groups'))
}

function readResourceId(claims: Members): string | null {
  const id = readString(claims, 'xms_mirid')?.toLowerCase()
  if (id === undefined) return null
  if (!ARM_ID.test(id)) throw malformed('xms_mirid', 'a resource id')
  return id
}

/** The scopes of a delegation; null if there is none. */
function readScopes(claims: Members): readonly string[] | null {
  const scopes = readWords(claims, 'scp')
  // a delegation of nothing is none, and must not pass for one
  if (scopes?.every((scope) => scope.trim() === '') === true)
    throw new Refusal('insufficient_scope', 'the claim "scp" names no scope', {
      remedy: 'ask for a scope of the gateway',
    })
  return scopes
}

function readCapabilities(claims: Members): boolean {
  const value = claims.get('xms_cc')
  const capabilities = typeof value === 'string' ? [value] : readStrings(claims, 'xms_cc')
  return capabilities?.some((one) => one.toLowerCase() === 'cp1') ?? false
}

function readGuid(claims: Members, name: string): string | null {
  const value = readString(claims, name)
  if (value !== null && !isGuid(value)) throw malformed(name, 'a GUID')
  return value?.toLowerCase() ?? null
}
