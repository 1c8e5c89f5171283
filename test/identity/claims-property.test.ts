import t from 'tap'
import { Refusal } from '../../src/errors.ts'
import { createIssuerMatcher } from '../../src/identity/issuers/issuers.ts'
import type { Principal } from '../../src/identity/principal.ts'
import { entra } from '../../src/identity/issuers/profiles/entra.ts'
import { oidc } from '../../src/identity/issuers/profiles/oidc.ts'
import { okta } from '../../src/identity/issuers/profiles/okta.ts'
import type { Profile } from '../../src/identity/issuers/profiles/profile.ts'
import { membersOf, parseStrictJson } from '../../src/lib/strict-json.ts'
import { makeRandom } from './support/random.ts'
import { ISSUER_DEFAULTS } from '../support/issuer-defaults.ts'

// too long for `npm run test:quick`
t.setTimeout(300_000)

const TENANT = '11111111-2222-4333-8444-555555555555'
const OTHER = '99999999-2222-4333-8444-555555555555'
const ADMIN = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee'
const RUNS = 20_000

const issuers: { name: string; iss: string; profile: Profile }[] = [
  { name: 'entra', iss: `https://login.microsoftonline.com/${TENANT}/v2.0`, profile: entra },
  { name: 'entra-old', iss: `https://sts.windows.net/${TENANT}/`, profile: entra },
  { name: 'many', iss: `https://login.microsoftonline.com/${OTHER}/v2.0`, profile: entra },
  { name: 'okta', iss: 'https://example.okta.com/oauth2/aus1', profile: okta },
  { name: 'oidc', iss: 'https://keycloak.example.org/realms/ml', profile: oidc },
]

const matchIssuer = createIssuerMatcher([
  {
    name: 'entra',
    profile: 'entra',
    ...ISSUER_DEFAULTS,
    issuer: issuers[0]?.iss ?? '',
    audiences: ['a'],
  },
  {
    name: 'entra-old',
    profile: 'entra',
    ...ISSUER_DEFAULTS,
    issuer: issuers[1]?.iss ?? '',
    audiences: ['a'],
  },
  {
    name: 'many',
    profile: 'entra',
    ...ISSUER_DEFAULTS,
    issuer: 'https://login.microsoftonline.com/{tenantid}/v2.0',
    audiences: ['a'],
    tenants: [OTHER],
  },
  {
    name: 'okta',
    profile: 'okta',
    ...ISSUER_DEFAULTS,
    issuer: issuers[3]?.iss ?? '',
    audiences: ['a'],
  },
  {
    name: 'oidc',
    profile: 'oidc',
    ...ISSUER_DEFAULTS,
    issuer: issuers[4]?.iss ?? '',
    audiences: ['a'],
  },
])

/** What an attacker would write into any claim: ids, groups and roles of every issuer, and what may confuse a join. */
const words = [
  TENANT,
  OTHER,
  ADMIN,
  ADMIN.toUpperCase(),
  '00uadmin',
  '0oaclient',
  'admin@example.org',
  'Admin',
  'app',
  'AT.1',
  'ID.1',
  '1.0',
  '2.0',
  'access',
  '..',
  '/',
  '',
  'a\nb',
  '__proto__',
  ...issuers.flatMap(({ name, iss }) => [
    name,
    iss,
    `${name}/${TENANT}/${ADMIN}`,
    `../${name}/admins`,
    `/${name}/00uadmin`,
    `${name}/Admin`,
  ]),
]

const names = (
  'tid oid azp appid scp idtyp roles groups ver uid cid jti sub client_id scope email upn ' +
  'preferred_username unique_name wids acct idp xms_mirid xms_cc uti amr hasgroups _claim_names ' +
  'name typ __proto__ constructor'
).split(' ')

void t.test(
  'no claim of one issuer ever makes an id, a group or a role of another',
  async (test) => {
    const random = makeRandom(20_261_121)
    const accepted = new Map<string, number>()
    const refused = new Set<string>()

    const text = () => random.pick(words)
    function value(): unknown {
      const kind = random.below(10)
      if (kind < 6) return text()
      if (kind < 8) return Array.from({ length: random.below(4) }, text)
      if (kind === 8) return random.pick([0, 1, true, false, null, 1e300, -1])
      return { [text()]: text(), groups: text() }
    }

    /** Claims that the issuer would accept, so that the random ones on top reach the far end of the profile. */
    function base(profile: Profile, iss: string): Record<string, unknown> {
      const times = { iss, aud: 'a', iat: 1_000, exp: 2_000 }
      if (profile === okta) {
        return {
          ...times,
          ver: 1,
          jti: 'AT.1',
          cid: '0oaclient',
          uid: '00uperson',
          scp: ['access'],
        }
      }
      if (profile === oidc) return { ...times, sub: 'person', client_id: 'c', scope: 'access' }
      const tid = iss.includes(OTHER) ? OTHER : TENANT
      const ver = iss.endsWith('v2.0') ? '2.0' : '1.0'
      return {
        ...times,
        tid,
        ver,
        oid: ADMIN,
        azp: ADMIN,
        ...random.pick([{ scp: 'access' }, { idtyp: 'app' }]),
      }
    }

    for (let run = 0; run < RUNS; run += 1) {
      const { name, iss, profile } = random.pick(issuers)
      const claims = base(profile, iss)
      for (let i = random.below(5); i > 0; i -= 1) {
        Object.defineProperty(claims, random.pick(names), {
          value: value(),
          enumerable: true,
          configurable: true,
        })
      }
      const text = JSON.stringify(claims)
      const members = membersOf(parseStrictJson(Buffer.from(text)))
      if (members === null) throw new Error('claims')
      const issuer = matchIssuer(members)
      if (issuer?.config.name !== name) throw new Error(`another issuer matched: ${text}`)
      try {
        const { principal } = profile.read({ typ: 'jwt', claims: members }, issuer)
        const fault = findFault(principal, name, members.get('tid'))
        if (fault !== null) test.fail(`${fault}: ${text}`)
        accepted.set(name, (accepted.get(name) ?? 0) + 1)
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        refused.add(error.code)
      }
    }
    for (const { name } of issuers) {
      test.ok(
        (accepted.get(name) ?? 0) > RUNS / 50,
        `${name}: ${accepted.get(name)} principals were made`,
      )
    }
    test.match([...refused].sort(), [
      'guest_refused',
      'insufficient_scope',
      'invalid_token',
      'malformed_claims',
    ])
  },
)

/** Everything that policy can name must lie in the issuer's own name space, and in the token's own tenant. */
function findFault(principal: Principal, name: string, tid: unknown): string | null {
  const entra = name !== 'okta' && name !== 'oidc'
  const space = entra ? `${name}/${String(tid).toLowerCase()}/` : `${name}/`
  if (principal.issuer !== name) return 'issuer'
  if (!principal.id.startsWith(space)) return 'id'
  if (entra && principal.id.split('/').length !== 3) return 'id that is no path of three'
  if (entra && principal.id.includes('@')) return 'id made of an e-mail'
  if (!principal.groups.every((group) => group.startsWith(space))) return 'group'
  const roleSpace = name === 'many' ? space : `${name}/`
  if (!principal.roles.every((role) => role.startsWith(roleSpace))) return 'role'
  if (principal.kind === 'user' && principal.resourceId !== null) return 'a person with a resource'
  if (!entra && (principal.tenant !== null || principal.workspace !== null)) return 'tenant'
  return null
}

void t.test('an e-mail, UPN or name changes nothing of a principal', async (test) => {
  const [first] = issuers
  const claims = {
    iss: first?.iss,
    iat: 1,
    exp: 2,
    tid: TENANT,
    ver: '2.0',
    oid: ADMIN,
    azp: ADMIN,
    scp: 'a',
  }
  const read = (more: object) => {
    const members = membersOf({ ...claims, ...more }) ?? new Map()
    const issuer = matchIssuer(members)
    if (issuer === null) throw new Error('an issuer')
    return entra.read({ typ: 'jwt', claims: members }, issuer)
  }
  const admin = 'admin@example.org'
  test.same(
    read({ email: admin, upn: admin, preferred_username: admin, unique_name: admin, name: admin }),
    read({}),
  )
})
