/**
 * What a gateway publishes is not believed blindly: nothing of it makes the command line ask for a token that works at
 * Microsoft's own services, and what was published at the first use is held against what is published later.
 */
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { join } from 'node:path'
import { readFile, stat } from 'node:fs/promises'
import { checkPublished } from '../../src/cli/session/published.ts'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { isMicrosoftAudience, isMicrosoftScope } from '../../src/cli/sign-in/microsoft.ts'
import { run, type Ran } from './support/run.ts'

const OWN = 'api://5b7e9c1e-3a51-4f0e-9d6f-7a3f6a5d2c11'
const ENTRA = 'https://login.microsoftonline.com/11111111-1111-4111-8111-111111111111/v2.0'
const GOOD = { name: 'entra', profile: 'entra', issuer: ENTRA, audience: OWN }

/** A gateway that publishes what it is told to, with the managed-identity endpoint of a compute beside it. */
interface Stand {
  readonly gateway: string
  readonly home: string
  publish(issuers: readonly object[]): void
  /** Audiences that tokens were asked for. */
  readonly asked: string[]
  exec(...options: readonly string[]): Promise<Ran>
}

async function stand(t: Test): Promise<Stand> {
  let published: readonly object[] = []
  const asked: string[] = []
  const gateway = await listen(t, (url) =>
    url.pathname === '/.well-known/oauth-protected-resource'
      ? { resource: gatewayUrl(), azureml_harness_issuers: published }
      : null,
  )
  const identity = await listen(t, (url) => {
    asked.push(url.searchParams.get('resource') ?? '')
    return { access_token: 'token-of-the-compute', expires_on: '4102444800' }
  })
  function gatewayUrl(): string {
    return gateway
  }
  const home = join(t.testdir(), 'home')
  const env = {
    AZUREML_HARNESS_HOME: home,
    AZUREML_HARNESS_GATEWAY: gateway,
    MSI_ENDPOINT: `${identity}/msi`,
    MSI_SECRET: 'secret',
  }
  return {
    gateway,
    home,
    asked,
    publish: (issuers) => {
      published = issuers
    },
    exec: (...options) => run(['token', ...options], { env }),
  }
}

async function listen(t: Test, answer: (url: URL) => object | null): Promise<string> {
  const server: Server = createServer((request, response) => {
    const found = answer(new URL(request.url ?? '/', 'http://localhost'))
    response.writeHead(found === null ? 404 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(found ?? {}))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Audiences of Microsoft's services in every spelling that an issuer could take for one of them. */
const MICROSOFTS = [
  'https://management.azure.com',
  'https://management.azure.com/',
  'https://management.azure.com//',
  'HTTPS://Management.Azure.com',
  'https://management.azure.com:443/',
  'https://management.azure.com./',
  'https://management%2eazure.com',
  'https://x@management.azure.com',
  'management.azure.com',
  'spn:https://management.azure.com',
  'https://management.core.windows.net/',
  'https://management.usgovcloudapi.net',
  'https://management.chinacloudapi.cn/',
  'https://graph.microsoft.com',
  'https://vault.azure.net',
  'https://myvault.vault.azure.net',
  'https://storage.azure.com',
  'https://account.blob.core.windows.net',
  'https://ml.azure.com',
  'https://ai.azure.com',
  'https://database.windows.net',
  'https://monitor.azure.com',
  'https://servicebus.azure.net',
  'https://outlook.office365.com',
  'https://azconfig.io',
  'https://vault.microsoftazure.de',
  'https://securitycenter.onmicrosoft.com/windowsatpservice',
  '00000003-0000-0000-c000-000000000000',
  '00000002-0000-0000-C000-000000000000',
  '797f4846-ba00-4fd7-ba43-dac1f8f63013',
  'api://00000003-0000-0000-c000-000000000000',
  'api://AzureADTokenExchange',
  'strange://management.azure.com',
  'https://management.microsoftazure.de',
  'https://management.core.cloudapi.de/',
  'https://management.azure.microsoft.scloud',
  'https://management.core.microsoft.scloud/',
  'https://management.azure.eaglex.ic.gov',
  'https://vault.cloudapi.eaglex.ic.gov',
  'https://graph.azure.microsoft',
  'https://azconfig.io',
  'https://store.azconfig.io',
  'https://management.azure.example',
  'https://api.microsoft.co.jp',
  'https://management.azure.com..',
  'https://analysis.usgovcloudapi.net',
  'https://purview.azure.net',
  'https://cognitiveservices.azure.us',
  'https://api.powerbigov.us',
  'https://manage.office365.us',
  'management.azure.com@11111111-1111-4111-8111-111111111111',
  '00000003-0000-0000-c000-000000000000/graph.microsoft.com@x',
  'api://11111111-1111-4111-8111-111111111111/797f4846-ba00-4fd7-ba43-dac1f8f63013',
  'api://2ff814a6-3304-4ab8-85cb-cd0e6f879c1d/',
  'api://botid-00000003-0000-0000-c000-000000000000',
  '35ffadb3-7fc1-497e-b61b-381d28e744cc',
  'urn:federation:MicrosoftOnline',
  'urn:ms-drs:enterpriseregistration.windows.net',
  'https://[broken',
] as const

t.test('no audience of Microsoft’s services is asked for', async (t) => {
  const at = await stand(t)
  for (const audience of MICROSOFTS) {
    at.publish([{ ...GOOD, audience }])
    const { status, out, err } = await at.exec()
    t.equal(status, 1, audience)
    t.equal(out, '', audience)
    t.match(err, /publishes an audience of Microsoft's own services/, audience)
  }
  t.same(at.asked, [], 'the compute’s identity was never asked')
})

t.test('audiences of one’s own are', async (t) => {
  const own = [
    OWN,
    '5b7e9c1e-3a51-4f0e-9d6f-7a3f6a5d2c11',
    'https://ml.contoso.example',
    'https://contoso.onmicrosoft.com/azureml-harness',
    'https://azure.com.contoso.example',
    'https://notazure.com',
    'azureml-harness',
    'https://azureml-harness.internal',
    'https://azure.contoso.example',
    'https://harness.azurewebsites.net',
    'api://contoso.onmicrosoft.com/azureml-harness',
    'api://11111111-1111-4111-8111-111111111111/azure',
    'urn:contoso:azureml-harness',
  ]
  for (const audience of own) {
    const at = await stand(t)
    at.publish([{ ...GOOD, audience }])
    const { status, out, err } = await at.exec()
    t.equal(status, 0, `${audience}: ${err}`)
    t.equal(out, 'token-of-the-compute\n')
    t.same(at.asked, [audience])
  }
})

t.test('one bad issuer is enough, whichever is used', async (t) => {
  const at = await stand(t)
  at.publish([GOOD, { ...GOOD, name: 'other', audience: 'https://graph.microsoft.com' }])
  t.equal((await at.exec()).status, 1)
  t.same(at.asked, [])
})

t.test('a client or scope of Microsoft’s is refused before anybody signs in', async (t) => {
  const at = await stand(t)
  const client_id = '5b7e9c1e-3a51-4f0e-9d6f-7a3f6a5d2c12'
  const bad = [
    { client_id: '04b07795-8ddb-461a-bbee-02f9e1bf7b46' },
    { client_id, scopes: ['https://management.azure.com/.default'] },
    { client_id, scopes: ['https://management.azure.com//user_impersonation'] },
    { client_id, scopes: ['openid', 'Mail.Read'] },
    { client_id, scopes: [`${OWN}/use`, '00000003-0000-0000-c000-000000000000/.default'] },
    { client_id, profile: 'okta', scopes: ['User.ReadWrite.All'] },
    { client_id, profile: 'oidc', scopes: ['https://graph.microsoft.com/.default'] },
    {
      client_id,
      profile: 'oidc',
      issuer: 'https://sso.contoso.example',
      scopes: ['https://vault.azure.net/.default'],
    },
  ]
  for (const wrong of bad) {
    at.publish([{ ...GOOD, ...wrong }])
    const env = { AZUREML_HARNESS_HOME: at.home }
    const { status, err } = await run(['login', '--gateway', at.gateway, '--flow', 'device'], {
      env,
    })
    t.equal(status, 1, JSON.stringify(wrong))
    t.match(err, /publishes a (?:client|scope) of Microsoft's own services/, JSON.stringify(wrong))
  }
  at.publish([{ ...GOOD, client_id }])
  const scope = ['--scope', 'https://management.azure.com/.default']
  const said = await run(['login', '--gateway', at.gateway, ...scope], {
    env: { AZUREML_HARNESS_HOME: join(t.testdir(), 'h') },
  })
  t.equal(said.status, 1)
  t.match(said.err, /a scope of --scope is one of Microsoft/)
})

t.test('scopes of one’s own, and those of other issuers, pass', async (t) => {
  const entra = { profile: 'entra', issuer: ENTRA } as const
  const okta = { profile: 'okta', issuer: 'https://contoso.okta.com/oauth2/default' } as const
  for (const scope of ['openid', 'offline_access', `${OWN}/.default`, `${OWN}/jobs.write`])
    t.notOk(isMicrosoftScope(scope, entra), scope)
  for (const scope of ['ml', 'ml.read', 'jobs/write', 'okta.users.read'])
    t.notOk(isMicrosoftScope(scope, okta), scope)
  t.ok(isMicrosoftAudience(' '))
})

t.test('a change of what is published is shown and refused until it is confirmed', async (t) => {
  const changes = [
    { audience: 'api://5b7e9c1e-3a51-4f0e-9d6f-7a3f6a5d2c99' },
    { issuer: 'https://login.microsoftonline.com/22222222-2222-4222-8222-222222222222/v2.0' },
    { client_id: '5b7e9c1e-3a51-4f0e-9d6f-7a3f6a5d2c13' },
    { scopes: [`${OWN}/more`] },
    { name: 'renamed' },
  ]
  for (const change of changes) {
    const at = await stand(t)
    at.publish([GOOD])
    t.equal((await at.exec()).status, 0)
    t.equal((await at.exec()).status, 0, 'what is as it was is used without a question')
    at.publish([{ ...GOOD, ...change }])
    const asked = at.asked.length
    const refused = await at.exec()
    t.equal(refused.status, 1, JSON.stringify(change))
    t.match(refused.err, /was .*, is now |was not published before/)
    t.match(refused.err, /--accept-change/)
    t.equal(at.asked.length, asked, 'no token was asked for')
    t.equal((await at.exec()).status, 1, 'a refusal does not get it used to')
    t.equal((await at.exec('--accept-change')).status, 0)
    t.equal((await at.exec()).status, 0, 'confirmed once, it is what is known')
  }
})

t.test('what is confirmed is what was shown, and no other issuer of the gateway', async (t) => {
  const home = t.testdir()
  const one = { name: 'one', profile: 'entra', issuer: 'https://one', audience: 'api://1' } as const
  const both = (end: string) =>
    [one, { ...one, name: 'two', issuer: 'https://two' }].map((issuer) => ({
      ...issuer,
      audience: `${issuer.audience}${end}`,
      clientId: null,
      scopes: [],
    }))
  const said: string[] = []
  const use = async (issuers: ReturnType<typeof both>, at: number, confirmed = false) =>
    checkPublished({
      home,
      gateway: 'https://gw',
      issuers,
      chosen: issuers[at]!,
      confirmed,
      signal: new AbortController().signal,
      say: (line) => void said.push(line),
    })
  await use(both(''), 0)
  await use(both('x'), 0, true)
  await use(both('x'), 0)
  t.equal(said.length, 1)
  await t.rejects(use(both('x'), 1), /publishes another issuer/, 'nobody was shown this one')
  t.match(said, [/issuer "one"/, /issuer "two": audience was .* is now/])
})

t.test('what is known is kept like a session, and a damaged file is not used', async (t) => {
  const at = await stand(t)
  at.publish([GOOD, { ...GOOD, name: 'okta', profile: 'okta', issuer: 'https://contoso.okta.com' }])
  t.equal((await at.exec()).status, 0)
  const file = join(at.home, 'gateways.json')
  t.equal((await stat(file)).mode & 0o777, 0o600)
  t.match(await readFile(file, 'utf8'), OWN)
  // another issuer may come and go: it is not the one that is used
  at.publish([GOOD])
  t.equal((await at.exec()).status, 0)
  const { writePrivate } = await import('../../src/cli/session/home.ts')
  for (const text of ['{', '[]', '{"x":1}', '{"x":[{"name":1}]}']) {
    await writePrivate(file, text)
    const { status, err } = await at.exec()
    t.equal(status, 1, text)
    t.match(err, /is damaged/)
  }
})
