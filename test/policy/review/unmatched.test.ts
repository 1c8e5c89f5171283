/** Rules that load and can never matter are named, and no others are. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { unmatchedIn, type Profiles } from '../../../src/policy/review/unmatched.ts'
import { run } from '../../cli/support/run.ts'
import { IDENTITIES, loadFrom, loadShipped, ML, SHIPPED, WS } from '../support.ts'

const TENANT = '11111111-1111-4111-8111-111111111111'
const OBJECT = 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa'
const PROFILES: Profiles = new Map([
  ['entra', 'entra'],
  ['okta', 'okta'],
  ['keycloak', 'oidc'],
])

async function texts(
  t: Test,
  text: string,
  profiles: Profiles = PROFILES,
): Promise<readonly string[]> {
  const secrets = await readFile(join(SHIPPED, 'secrets.cedar'), 'utf8')
  const set = await loadFrom(t, { 'x.cedar': `\n${text}`, 'secrets.cedar': secrets })
  const notes = unmatchedIn(set, profiles)
  for (const note of notes) t.match(note, { policy: 'p', file: 'x.cedar', line: 2 })
  return notes.map((note) => note.text)
}

const permit = (scope: string, conditions = ''): string =>
  `@id("p") @reason("r") @identity("ml-reader") permit (${scope}) ${conditions};`
const by = (principal: string): string =>
  permit(`principal ${principal}, action in Action::"read", resource`)

t.test('ids that no caller has', async (t) => {
  const cases: readonly (readonly [principal: string, said: RegExp])[] = [
    ['User::"entra/ann@contoso.com"', /e-mail address.*write "entra\/<tenant id>\/<object id>"/],
    ['User::"okta/ann@contoso.com"', /e-mail address.*write "okta\/<id of the user>"/],
    [`User::"entra/${OBJECT}"`, /the tenant is missing/],
    [`Group::"entra/${OBJECT}"`, /the tenant is missing/],
    [
      `Service::"entra/${TENANT}/${OBJECT.toUpperCase()}"`,
      new RegExp(`lower case; write "entra/${TENANT}/${OBJECT}"`),
    ],
    ['Group::"entra/scientists"', /no tenant and object id/],
    [`User::"${OBJECT}"`, /begin with the name of an issuer/],
    ['Group::"ml-readers"', /begin with the name of an issuer/],
    ['Group::"otka/ml-readers"', /no issuer is called "otka"; did you mean "okta"\?/],
  ]
  for (const [principal, said] of cases) {
    const operator = principal.startsWith('Group') ? 'in' : '=='
    const found = await texts(t, by(`${operator} ${principal}`))
    t.equal(found.length, 1, principal)
    t.match(found[0], said)
    t.ok(found[0]?.startsWith(`names ${principal}, which matches nobody: `), principal)
    // the same in a condition
    const when = `when { principal ${operator} ${principal} }`
    t.same(await texts(t, permit('principal, action in Action::"read", resource', when)), found)
  }
})

t.test('ids that a caller may have', async (t) => {
  for (const principal of [
    `== User::"entra/${TENANT}/${OBJECT}"`,
    'in Group::"okta/ML Readers"',
    '== User::"okta/00u1AbCdEf"',
    `== User::"keycloak/${OBJECT}"`,
    '== User::"keycloak/ann@contoso.com"',
    'in Role::"entra/Reader"',
  ])
    t.same(await texts(t, by(principal)), [], principal)
  // without a configuration, an id that looks like Entra's is taken for one
  t.match(await texts(t, by(`== User::"anything/${OBJECT}"`), null), [/tenant is missing/])
  t.same(await texts(t, by('in Group::"anything/readers"'), null), [])
})

t.test('ids of resources in upper case', async (t) => {
  const upper = WS.replace('/resourcegroups/', '/resourceGroups/')
  const [said = ''] = await texts(t, permit(`principal, action, resource in Workspace::"${upper}"`))
  t.ok(said.endsWith(`ids of resources are in lower case; write "${WS}"`))
  const job = `${upper}/jobs/Train`
  t.match(await texts(t, permit(`principal, action, resource == Job::"${job}"`)), [
    `write "${WS}/jobs/Train"`,
  ])
  t.same(await texts(t, permit(`principal, action, resource == Job::"${WS}/jobs/Train"`)), [])
})

t.test('permits that a forbid always defeats', async (t) => {
  const keys = `${ML}/workspaces/listKeys/action`
  const action = (...names: readonly string[]): string =>
    permit(`principal, action in [${names.map((one) => `Action::"${one}"`).join(', ')}], resource`)
  t.match(await texts(t, action(keys)), [
    /^never permits anything: forbid "secrets" refuses all that it names, whoever asks/,
  ])
  t.match(await texts(t, action(keys, `${ML}/workspaces/jobs/read`)), [
    /^names workspaces\/listKeys\/action, which it never permits: forbid "secrets" refuses that/,
  ])
  t.same(await texts(t, action(`${ML}/workspaces/jobs/read`)), [])
  const upload = `${ML}/workspaces/codes/versions/startPendingUpload/action`
  t.same(await texts(t, action(upload)), [], 'the forbid has an exception for it')
  t.same(await texts(t, permit('principal, action in Action::"secrets", resource')), [])
})

t.test('a forbid for some, or that something lifts, defeats nothing', async (t) => {
  const jobs = `action == Action::"${ML}/workspaces/jobs/read"`
  const readers = permit(`principal, ${jobs}, resource`)
  const forbid = (scope: string, more = '', annotation = ''): string =>
    `${readers}\n@id("f") @reason("r") ${annotation} forbid (${scope}) ${more};`
  t.match(await texts(t, forbid(`principal, ${jobs}, resource`)), [/^never permits .* "f"/])
  const kind = `principal, ${jobs}, resource is Job`
  t.match(await texts(t, `${permit(kind)} @id("f") @reason("r") forbid (${kind});`), [
    /^never permits .* "f"/,
  ])
  for (const text of [
    forbid(`principal in Group::"okta/g", ${jobs}, resource`),
    forbid(`principal, ${jobs}, resource in Workspace::"${WS}"`),
    forbid(`principal, ${jobs}, resource`, 'unless { principal in Group::"okta/g" }'),
    forbid(`principal, ${jobs}, resource`, 'when { context has tags }'),
    forbid(`principal is Compute, ${jobs}, resource`),
    forbid(`principal, ${jobs}, resource is Job`),
    forbid(`principal, ${jobs}, resource`, '', '@stepup("max-age=300")'),
    forbid(`principal, ${jobs}, resource`, '', '@shadow'),
  ])
    t.same(await texts(t, text), [], text)
})

t.test('bindings are looked at, too, and policy check prints what it finds', async (t) => {
  const template = await readFile(join(SHIPPED, 'templates/reader.cedar'), 'utf8')
  const binding = (id: string, principal: string): string =>
    `  - { id: ${id}, template: reader, principal: 'User::"${principal}"', resource: 'Workspace::"${WS}"' }`
  const directory = t.testdir({
    templates: { 'reader.cedar': template },
    'bindings.yaml': `bindings:\n${binding('mail', 'entra/ann@contoso.com')}\n${binding('right', `entra/${TENANT}/${OBJECT}`)}\n${binding('short', `entra/${OBJECT}`)}\n`,
  })
  const identities = IDENTITIES.flatMap((name) => ['--identity', name])
  const { status, out } = await run(['policy', 'check', '--policies', directory, ...identities])
  t.equal(status, 0)
  t.match(out, /note: bindings\.yaml:4: short names .* the tenant is missing/)
  t.notMatch(out, 'right names')
  const { out: json } = await run([
    'policy',
    'check',
    '--policies',
    directory,
    ...identities,
    '--output',
    'json',
  ])
  t.match(JSON.parse(json), {
    ok: true,
    notes: [
      { policy: 'mail', line: 2 },
      { policy: 'short', line: 4 },
    ],
  })
})

t.test('the shipped policies have none', async (t) => {
  t.same(
    unmatchedIn(await loadShipped(t, await readFile(join(SHIPPED, 'bindings.yaml'), 'utf8')), null),
    [],
  )
})
