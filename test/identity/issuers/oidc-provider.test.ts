import { createServer } from 'node:http'
import { once } from 'node:events'
import { Provider } from 'oidc-provider'
import t from 'tap'
import type { IssuerConfig } from '../../../src/config/schema/schema.ts'
import { bearer, codeOf, makeWorld } from '../support/world.ts'
import { ISSUER_DEFAULTS } from '../../support/issuer-defaults.ts'

const API = 'https://gateway.example.org'
const SECRET = 'a secret of the client'

/** A certified OpenID provider with one client, whose tokens are JWTs (RFC 9068) or opaque. */
async function startProvider(test: typeof t, format: 'jwt' | 'opaque') {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a port')
  const issuer = `http://127.0.0.1:${address.port}`
  const client = {
    client_id: 'job',
    client_secret: SECRET,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
  }
  const resourceServer = {
    scope: 'access',
    audience: API,
    accessTokenFormat: format,
    accessTokenTTL: 600,
    jwt: { sign: { alg: 'RS256' as const } },
  }
  const provider = new Provider(issuer, {
    clients: [client],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => API,
        getResourceServerInfo: () => resourceServer,
      },
    },
  })
  const handle = provider.callback()
  server.on('request', (request, response) => void handle(request, response))
  test.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  async function issue(): Promise<string> {
    const response = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`job:${encodeURIComponent(SECRET)}`)}` },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        scope: 'access',
        resource: API,
      }),
    })
    const body = (await response.json()) as { access_token?: string }
    if (body.access_token === undefined) throw new Error(JSON.stringify(body))
    return body.access_token
  }
  /** A person's token, as if she had signed in. */
  async function issueFor(accountId: string): Promise<string> {
    const found = await provider.Client.find('job')
    if (found === undefined) throw new Error('a client')
    const grant = new provider.Grant({ accountId, clientId: 'job' })
    grant.addResourceScope(API, 'access')
    const token = new provider.AccessToken({
      client: found,
      accountId,
      grantId: await grant.save(),
      gty: 'authorization_code',
      scope: 'access',
      resourceServer: new provider.ResourceServer(API, resourceServer),
    })
    return token.save()
  }
  return { issuer, issue, issueFor }
}

void t.test('a JWT of a certified OpenID provider is verified', async (test) => {
  const world = await makeWorld()
  test.teardown(() => world.close())
  const { issuer, issue } = await startProvider(test as typeof t, 'jwt')
  const config: IssuerConfig = {
    name: 'own',
    profile: 'oidc',
    ...ISSUER_DEFAULTS,
    issuer,
    audiences: [API],
  }
  const identify = await world.makeIdentify({ issuers: [config], now: Date.now })
  const principal = await identify.identify(bearer(await issue()))
  test.match(principal, { kind: 'service', id: 'own/job', client: 'job', scopes: ['access'] })
  const other: IssuerConfig = { ...config, audiences: ['https://other.example.org'] }
  const strict = await world.makeIdentify({ issuers: [other], now: Date.now })
  test.equal(await codeOf(strict.identify(bearer(await issue()))), 'wrong_audience')
})

void t.test('an opaque token of a certified OpenID provider is introspected', async (test) => {
  const world = await makeWorld()
  test.teardown(() => world.close())
  const { issuer, issue, issueFor } = await startProvider(test as typeof t, 'opaque')
  const introspection = { clientId: 'job', clientSecret: { fromEnv: 'X' } }
  const config: IssuerConfig = {
    name: 'own',
    profile: 'oidc',
    ...ISSUER_DEFAULTS,
    issuer,
    audiences: [API],
    introspection,
  }
  const options = { issuers: [config], now: Date.now }
  const identify = await world.makeIdentify({ ...options, secrets: () => SECRET })
  const token = await issueFor('ada')
  test.notOk(token.includes('.'))
  const principal = await identify.identify(bearer(token))
  test.match(principal, { kind: 'user', id: 'own/ada', client: 'job', scopes: ['access'] })
  test.equal(await codeOf(identify.identify(bearer(`${token}x`))), 'invalid_token')
  // Without a subject nobody can tell a client from a person whose name was withheld
  test.equal(await codeOf(identify.identify(bearer(await issue()))), 'no_principal')
  const wrong = await world.makeIdentify({ ...options, secrets: () => 'wrong' })
  test.equal(await codeOf(wrong.identify(bearer(token))), 'idp_unavailable')
})
