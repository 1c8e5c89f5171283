import t from 'tap'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { schemaText } from '../../src/config/schema/schema.ts'
import { GOOD, writeConfig } from '../config/write.ts'
import { run as runArgs, type Ran } from './support/run.ts'

const configCheck = ['config', 'check']
const configSchema = ['config', 'schema']
const run = (command: readonly string[], args: readonly string[], cwd = '/'): Promise<Ran> =>
  runArgs([...command, ...args], { cwd })

void t.test(
  'config check answers 0 for a right file, found from the working directory',
  async (st) => {
    const file = await writeConfig(st, GOOD)
    const { status, out, err } = await run(
      configCheck,
      ['harness.yaml', '--file-only'],
      path.dirname(file),
    )
    st.equal(status, 0)
    st.match(out, /harness\.yaml is valid\n {2}issuers: entra\n/)
    st.equal(err, '')
  },
)

void t.test('config check answers 1 and lists the faults', async (st) => {
  const file = await writeConfig(st, GOOD.replace('port: 8443', 'prot: 8443'))
  const { status, out, err } = await run(configCheck, [file])
  st.equal(status, 1)
  st.equal(out, '')
  st.match(err, / {2}2:3 listen\.prot: is no known key; did you mean "port"\?/)
})

void t.test('config check --json answers with one object either way', async (st) => {
  const right = await writeConfig(st, GOOD)
  st.same(JSON.parse((await run(configCheck, ['--json', '--file-only', right])).out), {
    file: right,
    ok: true,
    faults: [],
    warnings: [],
  })
  const wrong = await writeConfig(st, GOOD.replace('port: 8443', 'prot: 8443'))
  const { status, out } = await run(configCheck, [wrong, '--json'])
  st.equal(status, 1)
  st.same(JSON.parse(out), {
    file: wrong,
    ok: false,
    faults: [
      { key: 'listen.prot', line: 2, column: 3, message: 'is no known key; did you mean "port"?' },
    ],
    warnings: [],
  })
})

void t.test('config check says what serve would say of what the file names', async (st) => {
  const file = await writeConfig(st, GOOD.replace('/var/spool/harness', './spool'))
  const missing = await run(configCheck, [file])
  st.match(missing, { status: 1, out: '', err: /"serve" would not start on this machine:/ })
  for (const part of ['listen.tls.certFile: cannot be read', '/policies:', '-> '])
    st.match(missing.err, part)
  st.notMatch(missing.err, 'audit.spool', 'a spool that is not there is made')
  const json: { ok: boolean; faults: { key: string; message: string; next: string }[] } =
    JSON.parse((await run(configCheck, [file, '--json'])).out)
  st.equal(json.ok, false)
  st.ok(json.faults.some(({ key }) => key === 'listen.tls.keyFile'))
  const secret = GOOD.replace(
    '    audiences: [api://harness]',
    `    audiences: [api://harness]
  - name: okta
    profile: okta
    issuer: https://contoso.okta.com/oauth2/default
    audiences: [api://harness]
    introspection: { clientId: x, clientSecret: { fromEnv: NO_SUCH_SECRET } }`,
  )
  st.match((await run(configCheck, [await writeConfig(st, secret)])).err, 'NO_SUCH_SECRET')
})

void t.test('config check warns of values that load and are not what is meant', async (st) => {
  const tenant = '11111111-1111-4111-8111-111111111111'
  const entra = `https://login.microsoftonline.com/${tenant}/v2.0`
  const cases: readonly (readonly [from: string, to: string, said: RegExp])[] = [
    [entra, `${entra}/`, /issuers\[0\]\.issuer: ends with a slash.*\n.*-> write \S+\/v2\.0$/m],
    [entra, `https://sts.windows.net/${tenant}`, /has no slash at its end/],
    [
      'api://harness',
      'https://ml.azure.com',
      /audiences\[0\]: "https:\/\/ml\.azure\.com" is a service/,
    ],
    [
      '22222222-2222-4222-8222-222222222222',
      'ml-writer',
      /identities\.writer\.clientId: "ml-writer" is no GUID/,
    ],
    [
      '    audiences: [api://harness]',
      '    audiences: [api://harness]\n    cli: { clientId: harness-cli, scopes: [openid] }',
      /issuers\[0\]\.cli\.clientId: "harness-cli" is no GUID/,
    ],
    [
      `profile: entra\n    issuer: ${entra}`,
      'profile: okta\n    issuer: https://contoso.okta.com/oauth2/default/',
      /ends with a slash/,
    ],
    [
      `profile: entra\n    issuer: ${entra}`,
      'profile: okta\n    issuer: https://contoso.okta.com\n    introspection: { clientId: x, clientSecret: { fromEnv: X } }',
      /issuers\[0\]\.issuer: is Okta's organization server/,
    ],
  ]
  for (const [from, to, said] of cases) {
    const text = GOOD.replace(from, to)
    st.not(text, GOOD, to)
    const { status, out, err } = await run(configCheck, [
      await writeConfig(st, text),
      '--file-only',
    ])
    st.match({ status, err }, { status: 0, err: '' }, to)
    st.match(out, / {2}warning: /, to)
    st.match(out, said, to)
  }
  // an Okta organization server that nobody introspects at all is a fault
  const organization = GOOD.replace(
    `profile: entra\n    issuer: ${entra}`,
    'profile: okta\n    issuer: https://contoso.okta.com',
  )
  st.match(await run(configCheck, [await writeConfig(st, organization)]), {
    status: 1,
    err: /introspection/,
  })
  for (const issuer of [
    `https://sts.windows.net/${tenant}/`,
    `https://login.microsoftonline.com/${tenant}/v2.0`,
  ]) {
    const file = await writeConfig(st, GOOD.replace(entra, issuer))
    st.notMatch((await run(configCheck, [file, '--file-only'])).out, 'warning', issuer)
  }
  const auth0 = GOOD.replace(
    `profile: entra\n    issuer: ${entra}`,
    'profile: oidc\n    issuer: https://contoso.auth0.com/',
  )
  st.notMatch(
    (await run(configCheck, [await writeConfig(st, auth0), '--file-only'])).out,
    'warning',
  )
})

void t.test('config schema prints the schema or writes it', async (st) => {
  st.equal((await run(configSchema, [])).out, schemaText())
  const directory = st.testdir()
  st.equal((await run(configSchema, ['a.json'], directory)).status, 0)
  st.equal(await readFile(path.join(directory, 'a.json'), 'utf8'), schemaText())
})

void t.test('wrong arguments are status 2', async (st) => {
  for (const [command, args] of [
    [configCheck, []],
    [configCheck, ['--yaml', 'a']],
    [configCheck, ['a', 'b']],
    [configSchema, ['--json']],
    [configSchema, ['a', 'b']],
  ] as const) {
    const { status, err } = await run(command, [...args])
    st.equal(status, 2)
    st.not(err, '')
  }
})
