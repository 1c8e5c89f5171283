import t from 'tap'
import { Refusal } from '../../../src/errors.ts'
import type { IssuerConfig } from '../../../src/config/schema/schema.ts'
import { makeBadWorld, withIssuer } from '../support/bad-world.ts'
import { sign, signRaw } from '../support/issuer.ts'
import {
  AUDIENCE,
  bearer,
  codeOf,
  makeWorld,
  OBJECT,
  OTHER_TENANT,
  TENANT,
} from '../support/world.ts'
import { ISSUER_DEFAULTS } from '../../support/issuer-defaults.ts'

void t.test('version 1 tokens of Entra are verified by their own issuer', async (test) => {
  const world = await makeWorld()
  test.teardown(() => world.close())
  const issuer = `${world.entra.origin}/${TENANT}/`
  world.entra.issuers.set(`/${TENANT}`, issuer)
  world.entra.keysAt.set(`/${TENANT}`, [world.entraKey.jwk])
  const config: IssuerConfig = {
    name: 'old',
    profile: 'entra',
    ...ISSUER_DEFAULTS,
    issuer,
    audiences: ['api://gateway'],
  }
  const identify = await world.makeIdentify({ issuers: [config] })
  const claims = world.entraUser({
    iss: issuer,
    ver: '1.0',
    aud: 'api://gateway',
    azp: undefined,
    appid: OBJECT,
  })
  const principal = await identify.identify(bearer(await sign(world.entraKey, claims)))
  test.match(principal, { id: `old/${TENANT}/${OBJECT}`, client: OBJECT })
  const newer = await sign(world.entraKey, { ...claims, ver: '2.0' })
  test.equal(await codeOf(identify.identify(bearer(newer))), 'invalid_token')
})

void t.test(
  'a key that names the version 2 issuer of the tenant may sign its version 1 tokens',
  async (test) => {
    const world = await makeWorld()
    test.teardown(() => world.close())
    const issuer = `${world.entra.origin}/${TENANT}/`
    world.entra.issuers.set(`/${TENANT}`, issuer)
    const config: IssuerConfig = {
      name: 'old',
      profile: 'entra',
      ...ISSUER_DEFAULTS,
      issuer,
      audiences: [AUDIENCE],
    }
    const claims = world.entraUser({ iss: issuer, ver: '1.0' })
    const token = bearer(await sign(world.entraKey, claims))
    const cases: [string, string][] = [
      [`https://login.microsoftonline.com/${TENANT}/v2.0`, 'accepted'],
      ['https://login.microsoftonline.com/{tenantid}/v2.0', 'accepted'],
      [`https://login.microsoftonline.com/${OTHER_TENANT}/v2.0`, 'invalid_token'],
      [
        'https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0',
        'invalid_token',
      ],
    ]
    for (const [owner, code] of cases) {
      world.entra.keysAt.set(`/${TENANT}`, [withIssuer(world.entraKey.jwk, owner)])
      const identify = await world.makeIdentify({ issuers: [config] })
      test.equal(await codeOf(identify.identify(token)), code, owner)
    }
  },
)

void t.test(
  'in a shared Entra issuer, roles belong to the tenant whose administrator assigned them',
  async (test) => {
    const world = await makeBadWorld()
    test.teardown(() => world.close())
    const identify = await world.makeIdentify()
    const claims = world.entraUser({
      iss: `${world.entra.origin}/${OTHER_TENANT}/v2.0`,
      tid: OTHER_TENANT,
      roles: ['Admin'],
    })
    const principal = await identify.identify(bearer(await sign(world.sharedKey, claims)))
    test.same(principal.roles, [`shared/${OTHER_TENANT}/Admin`])
    test.equal(principal.id, `shared/${OTHER_TENANT}/${OBJECT}`)
  },
)

void t.test(
  'a shared Entra issuer whose keys do not say whose they are is not believed',
  async (test) => {
    const world = await makeBadWorld()
    test.teardown(() => world.close())
    world.entra.keysAt.set('/organizations/v2.0', [world.sharedKey.jwk])
    const identify = await world.makeIdentify()
    const claims = world.entraUser({
      iss: `${world.entra.origin}/${OTHER_TENANT}/v2.0`,
      tid: OTHER_TENANT,
    })
    test.equal(
      await codeOf(identify.identify(bearer(await sign(world.sharedKey, claims)))),
      'invalid_token',
    )
  },
)

void t.test('guests are let in where the configuration says so', async (test) => {
  const world = await makeWorld()
  test.teardown(() => world.close())
  const issuers = world.configs.map((config) => ({ ...config, guests: true }))
  const identify = await world.makeIdentify({ issuers })
  const token = await sign(world.entraKey, world.entraUser({ acct: 1 }))
  test.equal(await codeOf(identify.identify(bearer(token))), 'accepted')
})

void t.test(
  'members named __proto__ and constructor change nothing of a principal',
  async (test) => {
    const world = await makeWorld()
    test.teardown(() => world.close())
    const identify = await world.makeIdentify()
    const { kid, privateJwk } = world.entraKey
    const read = (payload: string) =>
      identify.identify(bearer(signRaw(privateJwk, JSON.stringify({ alg: 'RS256', kid }), payload)))
    const payload = JSON.stringify(world.entraUser())
    const poison =
      '"__proto__":{"roles":["Admin"],"amr":["mfa"]},"constructor":{"roles":["Admin"]},'
    test.same(await read(payload.replace('{', `{${poison}`)), await read(payload))
  },
)

void t.test('a token of the wrong kind is told what it is', async (test) => {
  const world = await makeWorld()
  test.teardown(() => world.close())
  const identify = await world.makeIdentify()
  const { entraKey, oktaKey } = world
  const cases: [string, RegExp][] = [
    [
      await sign(entraKey, world.entraUser({ azp: undefined, scp: undefined, nonce: 'x' })),
      /an ID token/,
    ],
    [await sign(oktaKey, world.oktaUser({ jti: 'ID.1', aud: '0oaclient' })), /an ID token/],
    [
      await sign(entraKey, world.entraUser({ aud: 'https://graph.microsoft.com' })),
      /Microsoft Graph/,
    ],
    [
      await sign(
        entraKey,
        world.entraUser({
          aud: 'https://management.azure.com/',
          iss: 'https://sts.windows.net/x/',
        }),
      ),
      /Azure Resource Manager/,
    ],
    [
      await sign(oktaKey, world.oktaUser({ iss: world.okta.origin }), {
        typ: 'application/okta-internal-at+jwt',
      }),
      /Okta organisation server/,
    ],
  ]
  for (const [token, message] of cases) {
    const error: unknown = await identify.identify(bearer(token)).catch((reason: unknown) => reason)
    if (!(error instanceof Refusal)) throw new Error('a refusal')
    test.match(error, { status: 401, message })
    test.type(error.detail.remedy, 'string', 'and what to send instead')
  }
})

void t.test(
  'an Okta organisation server is asked about its tokens and never verified here',
  async (test) => {
    const world = await makeWorld()
    test.teardown(() => world.close())
    const { origin } = world.okta
    const config: IssuerConfig = {
      name: 'org',
      profile: 'okta',
      ...ISSUER_DEFAULTS,
      issuer: origin,
      audiences: [origin],
      introspection: { clientId: 'gateway', clientSecret: { fromEnv: 'X' } },
    }
    let asked = ''
    world.okta.handlers.set('introspection', (request, response, body) => {
      asked = `${request.headers.authorization} ${body}`
      const seconds = world.clock() / 1000
      const answer = {
        active: true,
        token_type: 'Bearer',
        iss: origin,
        aud: origin,
        iat: seconds,
        exp: seconds + 900,
      }
      response.end(
        JSON.stringify({
          ...answer,
          scope: 'a b',
          client_id: '0oaclient',
          uid: '00uperson',
          username: 'x@example.org',
          jti: 'AT.9',
        }),
      )
    })
    world.okta.handlers.set(
      'introspection',
      ((answer) => (request, response, body) => {
        response.setHeader('content-type', 'application/json')
        answer?.(request, response, body)
      })(world.okta.handlers.get('introspection')),
    )
    const identify = await world.makeIdentify({ issuers: [config] })
    const token = await sign(world.oktaKey, world.oktaUser({ iss: origin, aud: origin }), {
      typ: 'application/okta-internal-at+jwt',
    })
    const principal = await identify.identify(bearer(token))
    test.match(principal, {
      kind: 'user',
      id: 'org/00uperson',
      client: '0oaclient',
      scopes: ['a', 'b'],
      tokenId: 'AT.9',
    })
    test.match(asked, /^Basic /)
    test.ok(asked.includes(token))
    test.equal(world.okta.calls.get('jwks') ?? 0, 0)
  },
)

void t.test(
  'with "everyToken" a revoked token that still verifies is refused within half a minute',
  async (test) => {
    const world = await makeWorld()
    test.teardown(() => world.close())
    const introspection = { clientId: 'gateway', clientSecret: { fromEnv: 'X' }, everyToken: true }
    const issuers = world.configs.map((config) =>
      config.name === 'okta' ? { ...config, introspection } : config,
    )
    const identify = await world.makeIdentify({ issuers })
    let active = true
    world.okta.handlers.set('introspection', (_, response) => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ active, iss: world.oktaIssuer, token_type: 'Bearer' }))
    })
    const request = bearer(await sign(world.oktaKey, world.oktaUser()))
    test.equal(await codeOf(identify.identify(request)), 'accepted')
    active = false
    test.equal(await codeOf(identify.identify(request)), 'accepted', 'from the cache')
    world.clock.ms += 30_000
    test.equal(await codeOf(identify.identify(request)), 'invalid_token')
  },
)

void t.test(
  'an algorithm that is accepted, with a key that is for another, is a bad token',
  async (test) => {
    const world = await makeBadWorld()
    test.teardown(() => world.close())
    const algorithms: NonNullable<IssuerConfig['algorithms']> = ['RS256', 'ES256', 'PS256']
    const issuers = world.configs.map((config) => ({ ...config, algorithms }))
    const identify = await world.makeIdentify({ issuers })
    const good = bearer(await sign(world.ecKey, world.entraUser()))
    test.equal(await codeOf(identify.identify(good)), 'accepted', 'ES256 where it is configured')
    const crossed = await sign(world.entraKey, world.entraUser(), { kid: world.ecKey.kid })
    test.equal(await codeOf(identify.identify(bearer(crossed))), 'invalid_token')
  },
)

void t.test(
  'tokens as Keycloak shapes them: its access token passes, its ID token does not',
  async (test) => {
    const world = await makeWorld()
    test.teardown(() => world.close())
    const issuer = `${world.okta.origin}/realms/ml`
    const config: IssuerConfig = {
      name: 'keycloak',
      profile: 'oidc',
      ...ISSUER_DEFAULTS,
      issuer,
      audiences: ['gateway'],
    }
    const identify = await world.makeIdentify({ issuers: [config] })
    const { iat, exp } = world.oktaUser()
    const common = {
      iss: issuer,
      aud: 'gateway',
      iat,
      exp,
      sub: 'f1b9',
      azp: 'cli',
      jti: 'trrtcc:1',
      sid: 's',
    }
    const access = {
      ...common,
      typ: 'Bearer',
      scope: 'openid email',
      groups: ['/ml'],
      realm_access: { roles: ['admin'] },
    }
    const principal = await identify.identify(bearer(await sign(world.oktaKey, access)))
    test.match(principal, {
      kind: 'user',
      id: 'keycloak/f1b9',
      client: 'cli',
      groups: ['keycloak//ml'],
      roles: [],
    })
    const id = bearer(await sign(world.oktaKey, { ...common, typ: 'ID' }))
    test.equal(await codeOf(identify.identify(id)), 'invalid_token')
  },
)
