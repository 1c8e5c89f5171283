/** Ways in: with a secret, after a session is over, with a link that people are sent, and when something is down. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { OKTA_CONSOLE_WITH_SECRET } from '../../lab/personas.ts'
import type { ConfigFile } from '../../lab/gateway/harness-config.ts'
import { createSeals } from '../../src/console/sealed.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { formToken, HOME, personWith, signedIn } from './requests.ts'

t.setTimeout(180_000)
let world: World
t.before(async () => {
  world = await startGateway({
    gateway: ({ directory }) => {
      const secretFile = join(directory, 'console-secret')
      writeFileSync(secretFile, OKTA_CONSOLE_WITH_SECRET.secret, { mode: 0o600 })
      return { change: (config) => withSecret(config, secretFile) }
    },
  })
})
t.teardown(() => world.close())

function withSecret(config: ConfigFile, fromFile: string): ConfigFile {
  const console = {
    clientId: OKTA_CONSOLE_WITH_SECRET.id,
    scopes: ['azureml'],
    authentication: { secret: { fromFile } },
  }
  return {
    ...config,
    issuers: config.issuers.map((one) => (one.name === 'okta' ? { ...one, console } : one)),
  }
}

const nobody = () => personWith(new Map(), world.url, world.lab.certificates.ca)
const issuerDown = (): void =>
  world.lab.parts.get('entra')?.faults.add({ times: 0, status: 503, match: {} })

t.test('an issuer that is down is named; who is signed in stays so', async (t) => {
  const reader = await signedIn(world, 'reader')
  t.equal(reader.landed.status, 303, 'with a secret')
  issuerDown()
  const begun = await nobody().get(`${HOME}/signin?issuer=entra&to=${HOME}`)
  t.equal(begun.status, 503)
  t.match(begun.text, /issuer &quot;entra&quot; cannot be asked now/iu)
  t.equal((await reader.get(HOME)).status, 200)
  world.lab.parts.get('entra')?.faults.clear()
  t.equal((await signedIn(world, 'scientist')).landed.status, 303, 'and it is asked again')
})

t.test('a session that is over says at which issuer to sign in again', async (t) => {
  const person = await signedIn(world, 'scientist')
  const seals = createSeals([readFileSync(world.lab.consoleKeyFiles.cookies)])
  const value = person.cookies.get('__Host-harness') ?? ''
  const session = (await seals.open('session', value)) as Record<string, unknown>
  const over = await seals.seal('session', { ...session, ends: 1 })
  person.cookies.set('__Host-harness', over)
  const answer = await person.get(`${HOME}/reviews?to=mine`)
  t.equal(answer.status, 303)
  t.equal(
    answer.headers.location,
    `${HOME}/signin?issuer=entra&to=${HOME}/reviews%3Fto%3Dmine`,
    'without a choice, and back to the page',
  )
  const token = formToken(await (await signedIn(world, 'scientist')).get(HOME))
  const out = await person.post(`${HOME}/signout`, { form_token: token })
  t.equal(out.headers.location, `${HOME}/signed-out?issuer=entra`)
  t.match((await person.get(out.headers.location ?? '')).text, '/session/end', 'at the issuer, too')
})

t.test('links that people are sent lead a browser to the page', async (t) => {
  const id = '3f1c2f64-5b7e-4f0e-9a51-3f6b1d2f9a10'
  for (const [link, page] of [
    [`/_harness/decisions/${id}?need=a.b`, `${HOME}/why/${id}?need=a.b`],
    ['/_harness/api/reviews/k3f5q2m7x2v4b6ta-1', `${HOME}/reviews/k3f5q2m7x2v4b6ta-1`],
    ['/_harness/api/grants/k3f5q2m7x2v4b6ta-1', `${HOME}/access/k3f5q2m7x2v4b6ta-1`],
  ] as const) {
    t.equal((await nobody().get(link)).headers.location, page)
    t.match(await nobody().get(link, { accept: '*/*' }), { status: 401, code: 'missing_token' })
    const bearer = { authorization: `Bearer ${await world.lab.token('scientist')}` }
    t.not((await nobody().get(link, bearer)).status, 303, 'a program is answered')
  }
})

function without<T extends object, K extends keyof T>(name: K, value: T): Omit<T, K> {
  const copy = { ...value }
  delete copy[name]
  return copy
}

t.test('a gateway without a console', async (t) => {
  const plain = await startGateway({
    gateway: {
      change: (config) => ({
        ...without('console', config),
        help: { contact: 'ml-platform <b>@lab.example' },
        issuers: config.issuers.map((issuer) => without('console', issuer)),
      }),
    },
  })
  t.teardown(() => plain.close())
  const person = personWith(new Map(), plain.url, plain.lab.certificates.ca)
  const first = await person.get('/')
  t.equal(first.status, 200)
  t.match(first.text, 'azureml-harness login --gateway')
  t.match(first.text, 'ml-platform &lt;b&gt;@lab.example')
  t.notMatch(first.text, 'Sign in to see')
  t.equal(first.headers['x-frame-options'], 'DENY')
  const [, stylesheet = ''] = /<link rel="stylesheet" href="([^"]+)"/u.exec(first.text) ?? []
  const style = await person.get(stylesheet)
  t.match(style.headers, { 'content-type': /^text\/css/u, 'cache-control': /immutable/u })
  const etag = String(style.headers.etag)
  t.equal((await person.get(stylesheet, { 'if-none-match': etag })).status, 304)
  t.match(await person.get(HOME), { status: 401, code: 'missing_token' })
  t.match(await person.get('/', { accept: '*/*' }), { status: 401, code: 'missing_token' })
})
