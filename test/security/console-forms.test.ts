/** Forms and links of the console: sent from elsewhere, leading elsewhere, shown elsewhere. */
import t from 'tap'
import { startForPeople } from '../console/support.ts'
import { formToken, HOME, personWith, signedIn, throughIssuer } from '../console/requests.ts'
import type { Reviewing } from '../approvals/support.ts'
import { reviewIn, V, W } from '../approvals/support.ts'
import type { World } from '../support/gateway.ts'

t.setTimeout(180_000)
let reviewing: Reviewing
let world: World
t.before(async () => {
  reviewing = await startForPeople()
  ;({ world } = reviewing)
})
t.teardown(() => reviewing.close())
const ca = (): string => world.lab.certificates.ca

async function newReview(name: string): Promise<string> {
  const body = { location: 'eastus', properties: { authMode: 'AADToken' } }
  const path = `${W}/onlineEndpoints/${name}${V}`
  const asks = { 'x-harness-review': 'request' }
  return reviewIn(await reviewing.call('scientist', 'PUT', path, body, asks)).id
}

/** The same, but for a character all of whose bits count: of the last one of base64url some do not. */
const altered = (token: string): string =>
  token.replace(/\.(.)/, (_, first: string) => `.${first === 'A' ? 'B' : 'A'}`)

t.test('only the page of a form sends it', async (t) => {
  const id = await newReview('csrf')
  const person = await signedIn(world, 'reviewer')
  const path = `${HOME}/reviews/${id}`
  const page = await person.get(path)
  const token = formToken(page, path)
  const fields = { verdict: 'comment', comment: 'x', form_token: token }
  const refused: readonly (readonly [string, object, Record<string, string | undefined>])[] = [
    ['another origin', fields, { origin: 'https://evil.example' }],
    ['an origin that begins alike', fields, { origin: `${world.url}.evil.example` }],
    ['http', fields, { origin: world.url.replace('https', 'http') }],
    ['no origin', fields, { origin: undefined }],
    ['the origin "null"', fields, { origin: 'null' }],
    ['cross-site', fields, { 'sec-fetch-site': 'cross-site' }],
    ['same-site', fields, { 'sec-fetch-site': 'same-site' }],
    ['typed', fields, { 'sec-fetch-site': 'none' }],
    ['without a word of the browser’s', fields, { 'sec-fetch-site': undefined }],
    ['without its field', { verdict: 'comment', comment: 'x' }, {}],
    ['with another field', { ...fields, form_token: altered(token) }, {}],
    ['with the field of another form', { ...fields, form_token: formToken(page) }, {}],
    ['of an old page', { ...fields, form_token: `1${token.slice(token.indexOf('.'))}` }, {}],
  ]
  for (const [name, sent, headers] of refused) {
    const answer = await person.post(path, sent as Record<string, string>, headers)
    t.equal(answer.status, 403, name)
    t.match(answer.text, /the form was refused/iu)
  }
  const scientist = await signedIn(world, 'scientist')
  t.equal((await scientist.post(path, fields)).status, 403, 'of somebody else')
  const json = await person.post(path, fields, { 'content-type': 'application/json' })
  t.equal(json.status, 415)
  const text = await person.post(path, fields, { 'content-type': 'text/plain' })
  t.equal(text.status, 415)
  const large = await person.post(path, { ...fields, comment: 'x'.repeat(70_000) })
  t.equal(large.status, 413)

  const { verdicts } = (await reviewing.call('reviewer', 'GET', `/_harness/api/reviews/${id}`)).json() as { verdicts: unknown[] } // prettier-ignore
  t.same(verdicts, [], 'nothing was said')
  t.equal(
    (await person.post(path, fields)).status,
    303,
    'and the same form, sent rightly, is taken',
  )
  t.equal((await person.get(`${HOME}/signout`)).status, 405, 'no link signs out')
  const out = await person.post(`${HOME}/signout`, {}, { origin: 'https://evil.example' })
  t.equal(out.status, 403)
})

t.test('a link that signs in leads back to a page of the console', async (t) => {
  const elsewhere = [
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example',
    '\\\\evil.example',
    'javascript:alert(1)',
    '/_harness/console@evil.example',
    '/_harness/console.evil.example',
    '/_harness/console/../../evil',
    '/_harness/console/%2e%2e/%2e%2e/x',
    '/_harness/console//evil.example',
    '/_harness/whoami',
    `${W}/jobs`,
    `${HOME}/signout`,
    `${HOME}/signin?to=${HOME}`,
    `${HOME}/callback?code=x`,
    '',
  ]
  const person = personWith(new Map(), world.url, ca())
  for (const to of elsewhere) {
    const begun = await person.get(`${HOME}/signin?issuer=entra&to=${encodeURIComponent(to)}`)
    // the grammar of targets refuses some of them
    if (begun.status === 400) continue
    t.equal(begun.status, 303, to)
    const back = await throughIssuer(world.lab, begun.headers.location ?? '', 'scientist')
    t.equal((await person.get(back)).headers.location, HOME, to)
  }
  const good = `${HOME}/reviews?to=mine&state=all`
  t.equal((await signedIn(world, 'scientist', good)).landed.headers.location, good)
})

t.test('what an issuer sends back counts in the browser that it was asked from', async (t) => {
  const begin = async () => {
    const person = personWith(new Map(), world.url, ca())
    const begun = await person.get(`${HOME}/signin?issuer=entra&to=${HOME}`)
    return { person, location: begun.headers.location ?? '' }
  }
  const mine = await begin()
  const back = await throughIssuer(world.lab, mine.location, 'scientist')
  const stranger = personWith(new Map(), world.url, ca())
  t.equal((await stranger.get(back)).status, 401, 'not in another one')
  const other = await begin()
  t.equal((await other.person.get(back)).status, 401, 'nor in one that asks for somebody else')
  const state = new URL(mine.location).searchParams.get('state') ?? ''
  for (const [name, query] of [
    ['refused', `error=access_denied&state=${state}`],
    [
      'another code',
      `code=x&state=${state}&iss=${encodeURIComponent(world.lab.issuers.entra.url)}`,
    ],
    [
      'of another issuer',
      `${back.split('?')[1]?.replace(/iss=[^&]*/u, 'iss=https%3A%2F%2Fevil.example')}`,
    ],
    ['markup', `error=<script>alert(1)</script>&error_description=<script>&state=${state}`],
    ['nothing', ''],
  ] as const) {
    const answer = await mine.person.get(`${HOME}/callback?${query}`)
    t.equal(answer.status, 401, name)
    t.match(answer.text, 'You are not signed in', name)
    t.notMatch(answer.text, /<script>/u, name)
  }
  t.equal((await mine.person.get(back)).status, 303, 'and the right one is taken')
})

t.test('every answer has the headers that keep it where it is', async (t) => {
  const nobody = personWith(new Map(), world.url, ca())
  const person = await signedIn(world, 'scientist')
  const answers = {
    first: await nobody.get('/'),
    'to the sign-in': await nobody.get(HOME),
    'sign-in': await nobody.get(`${HOME}/signin`),
    access: await person.get(HOME),
    'no page': await person.get(`${HOME}/none`),
    refused: await person.get(`${HOME}/reviews/aaaaaaaaaaaaaaaa-1`),
    'no method': await person.post(HOME, {}),
    'over the limit': await nobody.get(`${HOME}?${'x'.repeat(9_000)}`),
  }
  for (const [name, { headers }] of Object.entries(answers)) {
    const policy = String(headers['content-security-policy'])
    t.match(policy, "frame-ancestors 'none'", name)
    t.match(policy, "default-src 'none'", name)
    t.match(policy, "require-trusted-types-for 'script'", name)
    t.notMatch(policy, /unsafe|\*|https?:|data:|nonce-/u, name)
    t.match(
      headers,
      {
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'same-origin',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'cross-origin-embedder-policy': 'require-corp',
        'x-permitted-cross-domain-policies': 'none',
      },
      name,
    )
    t.ok(headers['permissions-policy'], name)
    t.notOk(headers['access-control-allow-origin'], name)
    t.notOk(headers['www-authenticate'], name)
  }
})
