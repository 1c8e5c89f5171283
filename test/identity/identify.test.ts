import { createHash } from 'node:crypto'
import t from 'tap'
import { sign } from './support/issuer.ts'
import {
  AUDIENCE,
  bearer,
  CLIENT,
  codeOf,
  GROUP,
  makeWorld,
  OBJECT,
  TENANT,
} from './support/world.ts'

const world = await makeWorld()
t.teardown(() => world.close())

void t.test('an Entra user becomes a principal by tenant and object id', async (test) => {
  const identify = await world.makeIdentify()
  const token = await sign(
    world.entraKey,
    world.entraUser({
      groups: [GROUP],
      roles: ['Scientist'],
      xms_cc: ['CP1'],
      amr: ['mfa'],
      email: 'admin@example.org',
    }),
  )
  const principal = await identify.identify(bearer(token))
  const seconds = world.clock() / 1000
  test.same(principal, {
    kind: 'user',
    id: `entra/${TENANT}/${OBJECT}`,
    issuer: 'entra',
    tenant: TENANT,
    client: CLIENT,
    groups: [`entra/${TENANT}/${GROUP}`],
    roles: ['entra/Scientist'],
    scopes: ['access'],
    resourceId: null,
    workspace: null,
    methods: ['mfa'],
    issuedAt: seconds,
    expiresAt: seconds + 3600,
    authenticatedAt: null,
    tokenId: 'uti-1',
    challengeable: true,
  })
})

void t.test('an Okta user is known by uid, a service by cid', async (test) => {
  const identify = await world.makeIdentify()
  const user = await identify.identify(
    bearer(await sign(world.oktaKey, world.oktaUser({ groups: ['ml'] }), { typ: undefined })),
  )
  test.match(user, {
    kind: 'user',
    id: 'okta/00uperson',
    client: '0oaclient',
    groups: ['okta/ml'],
    scopes: ['access'],
  })
  const service = await identify.identify(bearer(await sign(world.oktaKey, world.oktaService())))
  test.match(service, { kind: 'service', id: 'okta/0oaservice' })
})

void t.test(
  'the identity of a compute belongs to its workspace, a user-assigned one to none',
  async (test) => {
    const identify = await world.makeIdentify()
    const workspace =
      '/subscriptions/s/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/WS'
    const system = await identify.identify(
      bearer(
        await sign(world.entraKey, world.entraApp({ xms_mirid: `${workspace}/computes/cpu` })),
      ),
    )
    test.match(system, {
      kind: 'compute',
      resourceId: `${workspace}/computes/cpu`.toLowerCase(),
      workspace: workspace.toLowerCase(),
    })
    const assigned =
      '/subscriptions/s/resourcegroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id'
    const user = await identify.identify(
      bearer(await sign(world.entraKey, world.entraApp({ xms_mirid: assigned }))),
    )
    test.match(user, { kind: 'compute', workspace: null })
    const app = await identify.identify(bearer(await sign(world.entraKey, world.entraApp())))
    test.match(app, { kind: 'service', resourceId: null })
  },
)

void t.test('a warm request asks nobody and checks no signature', async (test) => {
  const identify = await world.makeIdentify()
  const request = bearer(await sign(world.entraKey, world.entraUser()))
  const first = await identify.identify(request)
  const verify = crypto.subtle.verify.bind(crypto.subtle)
  let checks = 0
  crypto.subtle.verify = (...parameters) => {
    checks += 1
    return verify(...parameters)
  }
  test.teardown(() => {
    crypto.subtle.verify = verify
  })
  test.equal(await identify.identify(request), first, 'the very same principal')
  test.equal(checks, 0)
  const [hits] = identify.metrics().filter(({ name }) => name === 'token_cache_hits_total')
  test.equal(hits?.values[0]?.value, 1)
  identify.flush()
  await identify.identify(request)
  test.equal(checks, 1, 'and after a flush it is verified again')
})

void t.test('a cached token ends with its exp', async (test) => {
  const identify = await world.makeIdentify()
  const request = bearer(await sign(world.entraKey, world.entraUser()))
  await identify.identify(request)
  const before = world.clock.ms
  test.teardown(() => {
    world.clock.ms = before
  })
  world.clock.ms += 3_631_000
  test.equal(await codeOf(identify.identify(request)), 'expired_token')
})

void t.test(
  'a token bound to a certificate needs that certificate, cached or not',
  async (test) => {
    const identify = await world.makeIdentify()
    const certificate = Buffer.from('the DER of a certificate')
    const thumbprint = createHash('sha256').update(certificate).digest('base64url')
    const token = await sign(world.oktaKey, world.oktaUser({ cnf: { 'x5t#S256': thumbprint } }))
    test.equal(await codeOf(identify.identify(bearer(token))), 'invalid_token')
    test.equal(
      await codeOf(identify.identify({ ...bearer(token), clientCertificate: certificate })),
      'accepted',
    )
    test.equal(
      await codeOf(
        identify.identify({ ...bearer(token), clientCertificate: Buffer.from('another') }),
      ),
      'invalid_token',
    )
    test.equal(await codeOf(identify.identify(bearer(token))), 'invalid_token')
  },
)

void t.test(
  'an issuer whose discovery document names another issuer stops the start',
  async (test) => {
    world.okta.issuers.set('/oauth2/aus1', `${world.okta.origin}/oauth2/other`)
    test.teardown(() => world.okta.issuers.clear())
    await test.rejects(world.makeIdentify(), { message: /names another issuer/ })
  },
)

void t.test(
  'issuers that cannot be told apart or trusted are faults of the configuration',
  async (test) => {
    const [entra, okta] = world.configs
    if (entra === undefined || okta === undefined) throw new Error('two issuers')
    const faulty = [
      [entra, { ...okta, name: 'entra' }],
      [entra, { ...entra, name: 'again' }],
      [{ ...entra, issuer: 'http://login.example.org/x/v2.0' }],
      [{ ...entra, jwksUri: 'http://keys.example.org/' }],
      [{ ...entra, issuer: `${world.entra.origin}/{tenantid}/v2.0` }],
      [{ ...okta, issuer: world.okta.origin, audiences: [AUDIENCE] }],
    ]
    for (const issuers of faulty)
      await test.rejects(world.makeIdentify({ issuers }), { message: /^issuer "/ })
  },
)
