/**
 * Rows 21 to 40, 43 and 44: times, issuers, audiences, kinds of token and claims.
 * @module
 */
import type { RefusalCode } from '../../../src/errors.ts'
import type { BadTokenCase } from './bad-token-case.ts'
import { GRAPH_TENANT, MSA_TENANT, REVOKED, type BadWorld } from './bad-world.ts'
import { sendJson, sign, signRaw, type SigningKey } from './issuer.ts'
import { AUDIENCE, bearer, CLIENT, GROUP, OTHER_TENANT, TENANT } from './world.ts'

type Claims = Record<string, unknown>
type Changes = Claims | ((world: BadWorld) => Claims)

const DEFAULT_TOLERANCE = 30
const ADMIN = {
  email: 'admin@example.org',
  upn: 'admin@example.org',
  preferred_username: 'admin@example.org',
}
const OVERAGE = (world: BadWorld): Claims => ({
  _claim_names: { groups: 'src1' },
  _claim_sources: { src1: { endpoint: `${world.entra.origin}/attacker` } },
})

function make(of: 'entraUser' | 'entraApp' | 'oktaUser' | 'oktaService', changes: Changes) {
  return async (world: BadWorld) => {
    const key: SigningKey = of.startsWith('entra') ? world.entraKey : world.oktaKey
    const claims = typeof changes === 'function' ? changes(world) : changes
    return bearer(await sign(key, world[of](claims)))
  }
}

const entra = (
  row: number,
  name: string,
  changes: Changes,
  code: RefusalCode,
  status = 401,
): BadTokenCase => ({ row, name, make: make('entraUser', changes), status, code })
const okta = (
  row: number,
  name: string,
  changes: Changes,
  code: RefusalCode,
  status = 401,
): BadTokenCase => ({ row, name, make: make('oktaUser', changes), status, code })
const at = (world: BadWorld, offset: number) => world.clock() / 1000 + offset

function raw(world: BadWorld, payload: string | Buffer) {
  const header = JSON.stringify({ alg: 'RS256', kid: world.entraKey.kid, typ: 'JWT' })
  return bearer(signRaw(world.entraKey.privateJwk, header, payload))
}

/** Good claims with one written twice. */
function twice(world: BadWorld, name: string, value: unknown) {
  return raw(
    world,
    JSON.stringify(world.entraUser()).replace('{', `{"${name}":${JSON.stringify(value)},`),
  )
}

const shared =
  (tenant: string) =>
  (world: BadWorld): Claims => ({ iss: `${world.entra.origin}/${tenant}/v2.0`, tid: tenant })

export const claimCases: readonly BadTokenCase[] = [
  entra(
    21,
    'exp passed by the tolerance and a second',
    (w) => ({ iat: at(w, -3600), nbf: at(w, -3600), exp: at(w, -DEFAULT_TOLERANCE - 1) }),
    'expired_token',
  ),
  entra(
    22,
    'nbf beyond the tolerance',
    (w) => ({ nbf: at(w, DEFAULT_TOLERANCE + 1 + w.slack) }),
    'invalid_token',
  ),
  entra(
    22,
    'iat beyond the tolerance',
    (w) => ({ iat: at(w, DEFAULT_TOLERANCE + 1 + w.slack) }),
    'invalid_token',
  ),
  entra(23, 'no exp', { exp: undefined }, 'malformed_claims'),
  entra(23, 'exp a string', (w) => ({ exp: String(at(w, 3600)) }), 'malformed_claims'),
  entra(23, 'exp 1e300', { exp: 1e300 }, 'malformed_claims'),
  entra(23, 'a lifetime of 29 hours', (w) => ({ exp: at(w, 29 * 3600) }), 'malformed_claims'),
  entra(23, 'no iat', { iat: undefined }, 'malformed_claims'),
  {
    row: 23,
    name: 'exp beyond every number',
    make: (w) => raw(w, JSON.stringify(w.entraUser()).replace(/"exp":\d+/, '"exp":1e999')),
    status: 401,
    code: 'malformed_claims',
  },
  entra(24, 'iss with a slash more', (w) => ({ iss: `${w.entraIssuer}/` }), 'unknown_issuer'),
  entra(
    24,
    'iss with another scheme',
    (w) => ({ iss: w.entraIssuer.replace('http:', 'https:') }),
    'unknown_issuer',
  ),
  entra(
    24,
    'iss with another host',
    (w) => ({ iss: w.entraIssuer.replace('127.0.0.1', 'localhost') }),
    'unknown_issuer',
  ),
  entra(
    24,
    'iss of another tenant',
    shared('12345678-2222-4333-8444-555555555555'),
    'unknown_issuer',
  ),
  entra(
    24,
    'iss that is the template itself',
    (w) => ({ iss: `${w.entra.origin}/{tenantid}/v2.0` }),
    'unknown_issuer',
  ),
  entra(24, 'ver of the other version', { ver: '1.0' }, 'invalid_token'),
  entra(24, 'no iss', { iss: undefined }, 'unknown_issuer'),
  entra(24, 'iss a list', (w) => ({ iss: [w.entraIssuer] }), 'malformed_claims'),
  okta(
    24,
    'iss of the other issuer',
    (w) => ({ iss: w.entraIssuer, aud: AUDIENCE }),
    'invalid_token',
  ),
  entra(25, 'tid that is no GUID', { tid: 'common' }, 'malformed_claims'),
  entra(25, 'tid of another tenant', { tid: OTHER_TENANT }, 'invalid_token'),
  entra(25, 'no tid', { tid: undefined }, 'invalid_token'),
  {
    row: 26,
    name: 'the key of personal accounts signs for a tenant',
    make: async (w) => bearer(await sign(w.msaKey, w.entraUser(shared(OTHER_TENANT)(w)))),
    status: 401,
    code: 'invalid_token',
  },
  {
    row: 26,
    name: 'the shared key signs for an accepted tenant',
    make: async (w) => bearer(await sign(w.sharedKey, w.entraUser(shared(OTHER_TENANT)(w)))),
    status: 200,
    code: 'accepted',
  },
  {
    row: 26,
    name: 'personal accounts are not among the tenants',
    make: async (w) => bearer(await sign(w.msaKey, w.entraUser(shared(MSA_TENANT)(w)))),
    status: 401,
    code: 'unknown_issuer',
  },
  entra(27, 'for Graph', { aud: '00000003-0000-0000-c000-000000000000' }, 'wrong_audience'),
  entra(
    27,
    'for Graph, from the version 1 issuer',
    { aud: 'https://graph.microsoft.com', iss: `https://sts.windows.net/${TENANT}/`, ver: '1.0' },
    'wrong_audience',
  ),
  entra(
    27,
    'for Azure Resource Manager',
    { aud: 'https://management.azure.com/' },
    'wrong_audience',
  ),
  entra(27, 'for another API', { aud: CLIENT }, 'wrong_audience'),
  entra(27, 'for nobody', { aud: undefined }, 'wrong_audience'),
  entra(27, 'for an empty list', { aud: [] }, 'wrong_audience'),
  entra(28, 'for us and another', { aud: [AUDIENCE, CLIENT] }, 'wrong_audience'),
  entra(
    29,
    'Entra ID token',
    { azp: undefined, scp: undefined, nonce: 'n', preferred_username: 'x@example.org' },
    'invalid_token',
  ),
  okta(
    30,
    'Okta ID token',
    { jti: 'ID.1', cid: undefined, uid: undefined, scp: undefined },
    'invalid_token',
  ),
  okta(
    30,
    'Okta ID token with our audience and ids',
    { jti: 'ID.1', at_hash: 'x' },
    'invalid_token',
  ),
  {
    row: 31,
    name: 'token of an Okta organisation server',
    make: async (w) =>
      bearer(
        await sign(w.oktaKey, w.oktaUser({ iss: w.okta.origin, aud: w.okta.origin }), {
          typ: 'application/okta-internal-at+jwt',
        }),
      ),
    status: 401,
    code: 'invalid_token',
  },
  entra(32, 'neither scp nor idtyp', { scp: undefined }, 'insufficient_scope', 403),
  entra(32, 'roles instead', { scp: undefined, roles: ['Admin'] }, 'insufficient_scope', 403),
  entra(32, 'an empty scp', { scp: '' }, 'insufficient_scope', 403),
  entra(32, 'a blank scp', { scp: ' \t ' }, 'insufficient_scope', 403),
  entra(32, 'an empty scp beside an app', { scp: '', idtyp: 'app' }, 'insufficient_scope', 403),
  entra(32, 'scp as a list', { scp: ['user_impersonation'] }, 'malformed_claims', 401),
  entra(32, 'scp, and an app', { idtyp: 'app' }, 'malformed_claims', 401),
  entra(32, 'scp, and a device', { idtyp: 'device' }, 'malformed_claims', 401),
  entra(32, 'no roles instead', { scp: undefined, roles: [] }, 'insufficient_scope', 403),
  okta(32, 'an empty scp', { scp: [] }, 'insufficient_scope', 403),
  okta(32, 'no scp', { scp: undefined }, 'insufficient_scope', 403),
  {
    row: 33,
    name: 'app-only token on a route for people',
    make: make('entraApp', {}),
    status: 403,
    code: 'policy_refused',
    stage: 'policy',
  },
  entra(34, 'overage and no Graph', OVERAGE, 'groups_unresolved', 403),
  entra(34, 'hasgroups and no Graph', { hasgroups: true }, 'groups_unresolved', 403),
  {
    row: 34,
    name: 'overage and Graph says no',
    async prepare(world) {
      world.entra.handlers.set('graph', (_, response) => sendJson(response, { error: {} }, 403))
    },
    make: make('entraUser', (w) => ({ ...OVERAGE(w), iss: w.graphIssuer, tid: GRAPH_TENANT })),
    status: 403,
    code: 'groups_unresolved',
  },
  {
    row: 34,
    name: 'overage and Graph answers',
    async prepare(world) {
      world.entra.handlers.set('graph', (_, response) => sendJson(response, { value: [GROUP] }))
    },
    make: make('entraUser', (w) => ({ ...OVERAGE(w), iss: w.graphIssuer, tid: GRAPH_TENANT })),
    status: 200,
    code: 'accepted',
  },
  entra(35, 'roles a string', { roles: 'Admin' }, 'malformed_claims'),
  entra(35, 'roles an object', { roles: { 0: 'Admin', length: 1 } }, 'malformed_claims'),
  entra(35, 'scp an array', { scp: ['access'] }, 'malformed_claims'),
  okta(35, 'scp a string', { scp: 'access' }, 'malformed_claims'),
  okta(35, 'groups of numbers', { groups: [1] }, 'malformed_claims'),
  entra(35, 'groups by name', { groups: ['Admins'] }, 'malformed_claims'),
  okta(35, 'a group with a line break', { groups: ['a\nb'] }, 'malformed_claims'),
  {
    row: 36,
    name: 'oid twice',
    make: (w) => twice(w, 'oid', '00000000-bbbb-4ccc-8ddd-eeeeeeeeeeee'),
    status: 401,
    code: 'invalid_token',
  },
  {
    row: 36,
    name: 'oid twice, once escaped',
    make: (w) => twice(w, '\\u006fid', '00000000-bbbb-4ccc-8ddd-eeeeeeeeeeee'),
    status: 401,
    code: 'invalid_token',
  },
  {
    row: 36,
    name: 'a name twice deep inside',
    make: (w) => raw(w, JSON.stringify(w.entraUser()).replace('{', '{"x":[{"a":1,"a":2}],')),
    status: 401,
    code: 'invalid_token',
  },
  {
    row: 36,
    name: 'claims that are not UTF-8',
    make: (w) => raw(w, Buffer.from(JSON.stringify(w.entraUser({ x: 'é' })), 'latin1')),
    status: 401,
    code: 'invalid_token',
  },
  {
    row: 37,
    name: '__proto__ and constructor',
    make: (w) =>
      raw(
        w,
        JSON.stringify(w.entraUser()).replace(
          '{',
          '{"__proto__":{"roles":["Admin"],"groups":["x"]},"constructor":{"prototype":{"roles":["Admin"]}},',
        ),
      ),
    status: 200,
    code: 'accepted',
  },
  {
    row: 37,
    name: 'oid only by __proto__',
    make: (w) =>
      raw(
        w,
        JSON.stringify(w.entraUser({ oid: undefined })).replace(
          '{',
          '{"__proto__":{"oid":"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"},',
        ),
      ),
    status: 401,
    code: 'no_principal',
  },
  entra(38, 'no oid', { oid: undefined }, 'no_principal'),
  okta(38, 'neither uid nor cid', { uid: undefined, cid: undefined }, 'no_principal'),
  {
    row: 39,
    name: 'the admin’s e-mail in another tenant',
    make: make('entraUser', (w) => ({
      ...shared('12345678-2222-4333-8444-555555555555')(w),
      ...ADMIN,
    })),
    status: 401,
    code: 'unknown_issuer',
  },
  entra(39, 'the admin’s e-mail and no oid', { ...ADMIN, oid: undefined }, 'no_principal'),
  entra(40, 'guest', { acct: 1 }, 'guest_refused', 403),
  entra(
    40,
    'guest by identity provider',
    { idp: `https://sts.windows.net/${OTHER_TENANT}/` },
    'guest_refused',
    403,
  ),
  entra(43, 'principal on the deny list', { oid: REVOKED }, 'revoked'),
  entra(43, 'principal on the deny list, upper case', { oid: REVOKED.toUpperCase() }, 'revoked'),
  okta(43, 'client on the deny list', { cid: '0oarevoked' }, 'revoked'),
  okta(43, 'token on the deny list', { jti: 'AT.revoked' }, 'revoked'),
  {
    row: 44,
    name: 'step-up, and the client takes challenges',
    make: make('entraUser', { xms_cc: ['cp1'] }),
    status: 401,
    code: 'insufficient_claims',
    stage: 'policy',
  },
  {
    row: 44,
    name: 'step-up, and the client does not',
    make: make('entraUser', {}),
    status: 403,
    code: 'insufficient_scope',
    stage: 'policy',
  },
]
