import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from 'jose'
import t, { type Test } from 'tap'
import { request } from '../../lab/server/http.ts'
import type { Lab } from '../../lab/lab.ts'
import { AUDIENCE_GUID, AUDIENCE_URI, PERSONAS, TENANT } from '../../lab/personas.ts'
import { lab } from './helper.ts'

async function keysOf(
  of: Lab,
  name: 'entra' | 'okta',
): Promise<ReturnType<typeof createLocalJWKSet>> {
  const { ca } = of.certificates
  const issuer = of.issuers[name].url
  const discovery = await request(`${issuer}/.well-known/openid-configuration`, { ca })
  const document = discovery.json() as { issuer: string; jwks_uri: string }
  if (document.issuer !== issuer) throw new Error('discovery names another issuer')
  const keys = await request(document.jwks_uri, { ca })
  return createLocalJWKSet(keys.json() as JSONWebKeySet)
}

t.test('every persona gets a token that verifies by the published keys', async (t) => {
  const running = await lab(t)
  for (const [name, persona] of PERSONAS) {
    const profile = persona.kind.startsWith('okta') ? 'okta' : 'entra'
    const token = await running.token(name)
    const { payload } = await jwtVerify(token, await keysOf(running, profile), {
      issuer: running.issuers[profile].url,
      audience: profile === 'entra' ? AUDIENCE_GUID : AUDIENCE_URI,
      algorithms: ['RS256'],
    })
    t.ok(payload.exp, name)
  }
})

t.test('Entra ID tokens have the claims of version 2', async (t) => {
  const running = await lab(t)
  const keys = await keysOf(running, 'entra')
  const user = await running.token('scientist')
  t.equal(decodeProtectedHeader(user).typ, 'JWT')
  const { payload } = await jwtVerify(user, keys)
  t.match(payload, {
    ver: '2.0',
    tid: TENANT,
    oid: '44444444-4444-4444-8444-444444444401',
    scp: 'user_impersonation',
    groups: ['33333333-3333-4333-8333-333333333301'],
  })
  t.type(payload['uti'], 'string')
  const cluster = await jwtVerify(await running.token('cluster'), keys)
  t.match(cluster.payload, { idtyp: 'app', xms_mirid: /\/computes\/cpu-cluster$/ })
  t.notOk(Object.hasOwn(cluster.payload, 'scp'))
})

t.test('Okta tokens have the claims of a custom authorization server', async (t) => {
  const running = await lab(t)
  const keys = await keysOf(running, 'okta')
  const user = await running.token('reader')
  t.notOk(Object.hasOwn(decodeProtectedHeader(user), 'typ'))
  const { payload } = await jwtVerify(user, keys)
  t.match(payload, { ver: 1, jti: /^AT\./, uid: '00u1reader', scp: ['azureml'] })
  t.strictSame(payload['groups'], ['Everyone', 'ml-readers'])
  const service = await jwtVerify(await running.token('service'), keys)
  t.match(service.payload, { cid: '0oa1service', sub: '0oa1service' })
  t.notOk(Object.hasOwn(service.payload, 'uid'))
})

t.test('a test can have odd tokens that are really signed', async (t) => {
  const running = await lab(t)
  const keys = await keysOf(running, 'entra')
  const past = Math.floor(Date.now() / 1000) - 10
  const expired = await running.token('scientist', { claims: { exp: past } })
  await t.rejects(jwtVerify(expired, keys), { code: 'ERR_JWT_EXPIRED' })
  const odd = await running.token('scientist', {
    claims: { oid: null, aud: 'https://graph.microsoft.com', canary: 'c' },
    header: { jku: 'https://evil.example/keys' },
  })
  const { payload, protectedHeader } = await jwtVerify(odd, keys)
  t.equal(payload.aud, 'https://graph.microsoft.com')
  t.equal(payload['canary'], 'c')
  t.notOk(Object.hasOwn(payload, 'oid'))
  t.equal(protectedHeader.jku, 'https://evil.example/keys')
})

t.test('an unknown persona is an error that names it', async (t) => {
  const running = await lab(t)
  await t.rejects(running.token('nobody'), { message: /no persona "nobody"/ })
})

t.test('an opaque token resolves by introspection only', async (t) => {
  const running = await lab(t)
  const token = await running.token('reader', { opaque: true })
  t.notMatch(token, /\./)
  const reply = await introspect(running, token)
  t.match(reply, {
    active: true,
    iss: running.issuers.okta.url,
    aud: AUDIENCE_URI,
    uid: '00u1reader',
  })
  t.strictSame(await introspect(running, 'no-such-token'), { active: false })
})

t.test('Okta also tells of its JWTs, until they are revoked', async (t) => {
  const running = await lab(t)
  const token = await running.token('reader')
  t.match(await introspect(running, token), {
    active: true,
    uid: '00u1reader',
    client_id: '0oa1labcli',
    scope: 'azureml',
    iss: running.issuers.okta.url,
  })
  t.strictSame(await introspect(running, `${token}x`), { active: false })
  await introspect(running, token, 'revocation')
  t.strictSame(await introspect(running, token), { active: false })
})

async function introspect(
  of: Lab,
  token: string,
  route: 'introspection' | 'revocation' = 'introspection',
): Promise<unknown> {
  const form = { client_id: '0oa1gateway', client_secret: 'lab-only-0oa1gateway', token }
  const reply = await request(`${of.issuers.okta.url}/token/${route}`, {
    ca: of.certificates.ca,
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
  })
  return route === 'introspection' ? reply.json() : reply.status
}

async function rotated(t: Test, keep: boolean): Promise<boolean> {
  const running = await lab(t)
  const before = await running.token('scientist')
  await running.issuers.entra.rotate(keep)
  const keys = await keysOf(running, 'entra')
  await jwtVerify(await running.token('scientist'), keys)
  return jwtVerify(before, keys).then(
    () => true,
    () => false,
  )
}

t.test('a rotated key signs new tokens, and old ones verify while it is published', async (t) => {
  t.equal(await rotated(t, true), true)
  t.equal(await rotated(t, false), false)
})
