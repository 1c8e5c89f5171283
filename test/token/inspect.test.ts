import t from 'tap'
import { inspectToken, resourceOf } from '../../src/token/inspect.ts'
import { Refusal } from '../../src/errors.ts'
import { ARM, CLIENT_ID, OBJECT_ID, unsignedToken } from './identity-endpoint.ts'
import type { IdentityConfig } from '../../src/config/schema/schema.ts'

const NOW = 1_800_000_000_000
const identity: IdentityConfig = {
  kind: 'managed-identity',
  clientId: CLIENT_ID,
  objectId: OBJECT_ID,
}
const GOOD = {
  aud: 'https://management.azure.com',
  appid: CLIENT_ID,
  oid: OBJECT_ID,
  exp: NOW / 1000 + 60,
}

/** What the inspection finds wrong, or the end of the token's life. */
function judge(
  token: string,
  scope = ARM,
  expected: IdentityConfig = identity,
  assertion: string | null = null,
): string | number {
  try {
    const asked = { name: 'writer', identity: expected, scope, assertion }
    return inspectToken(token, asked, NOW).expiresAt
  } catch (error) {
    if (error instanceof Refusal && error.code === 'identity_mismatch')
      return error.detail.inner ?? ''
    throw error
  }
}

void t.test('the token that was asked for is accepted until its exp', (st) => {
  st.equal(judge(unsignedToken(GOOD)), NOW + 60_000)
  st.end()
})

void t.test('whose token it is is told in lower case, or not at all', (st) => {
  const unpinned: IdentityConfig = { kind: 'managed-identity', clientId: CLIENT_ID }
  const objectId = (oid: unknown): string | null =>
    inspectToken(
      unsignedToken({ ...GOOD, oid }),
      { name: 'writer', identity: unpinned, scope: ARM, assertion: null },
      NOW,
    ).objectId
  st.equal(objectId(OBJECT_ID.toUpperCase()), OBJECT_ID.toLowerCase())
  for (const none of [undefined, 7, 'nobody', `${OBJECT_ID}0`]) st.equal(objectId(none), null)
  st.end()
})

void t.test('every claim that is not as asked for is named', (st) => {
  const cases: [Record<string, unknown>, string][] = [
    [{ aud: 'https://ml.azure.com' }, 'aud is not the resource of the scope'],
    [{ aud: undefined }, 'aud is not the resource of the scope'],
    [{ aud: 'https://management.azure.com//' }, 'aud is not the resource of the scope'],
    [{ appid: OBJECT_ID }, 'appid is not the configured clientId'],
    [{ appid: undefined, azp: OBJECT_ID }, 'appid is not the configured clientId'],
    [{ oid: CLIENT_ID }, 'oid is not the configured objectId'],
    [{ oid: 7 }, 'oid is not the configured objectId'],
    [{ exp: NOW / 1000 }, 'exp is in the past'],
    [{ exp: 1e300 }, 'exp is missing'],
    [{ exp: null }, 'exp is missing'],
  ]
  for (const [claims, wrong] of cases) st.equal(judge(unsignedToken({ ...GOOD, ...claims })), wrong)
  st.end()
})

void t.test('a token that was exchanged for a caller’s is that caller’s', (st) => {
  const tenantId = '44444444-4444-4444-8444-444444444444'
  const exchanged: IdentityConfig = {
    kind: 'on-behalf-of',
    tenantId,
    clientId: CLIENT_ID,
    federatedBy: 'writer',
  }
  const token = unsignedToken({ ...GOOD, tid: tenantId })
  const of = (caller: string): string | number => judge(token, ARM, exchanged, caller)
  st.equal(of(unsignedToken({ oid: OBJECT_ID.toUpperCase() })), NOW + 60_000)
  for (const caller of [unsignedToken({ oid: CLIENT_ID }), unsignedToken({}), 'opaque']) {
    st.equal(of(caller), 'oid is not the caller’s', caller)
  }
  st.end()
})

void t.test('what is no JWT is refused', (st) => {
  const array = Buffer.from('[]').toString('base64url')
  for (const token of ['', 'opaque', 'a.b', 'a.b.c', 'a.b.c.d', `a.${array}.c`, `a.bnVsbA.c`]) {
    st.equal(judge(token), 'the token is no JWT', token)
  }
  st.end()
})

void t.test('an id that is not configured is not asked about', (st) => {
  const token = unsignedToken({ ...GOOD, appid: undefined, oid: undefined })
  st.equal(judge(token, ARM, { kind: 'managed-identity' }), NOW + 60_000)
  st.end()
})

void t.test(
  'the token exchange’s audience may be its application id, and no other resource’s may',
  (st) => {
    const aud = 'fb60f99c-7a34-4190-8149-302f77469936'
    const token = unsignedToken({ ...GOOD, aud })
    st.equal(judge(token, 'api://AzureADTokenExchange/.default'), NOW + 60_000)
    st.equal(judge(token), 'aud is not the resource of the scope')
    st.end()
  },
)

void t.test('a scope is its resource and /.default', (st) => {
  st.equal(resourceOf('https://management.azure.com/.default'), 'https://management.azure.com')
  st.equal(resourceOf('https://management.azure.com//.default'), 'https://management.azure.com/')
  st.equal(resourceOf('https://ml.azure.com'), 'https://ml.azure.com')
  st.end()
})
