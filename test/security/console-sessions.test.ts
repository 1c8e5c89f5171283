/** Cookies of the console: forged, of another key, too large, of the wrong kind; and what no cookie and no token opens. */
import { hkdfSync, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CompactEncrypt } from 'jose'
import t from 'tap'
import { spawnGateway, type Gateway } from '../../lab/gateway/gateway.ts'
import { workspaceId } from '../../lab/personas.ts'
import { createSeals } from '../../src/console/sealed.ts'
import { startGateway, type World } from '../support/gateway.ts'
import type { Answer } from '../support/send.ts'
import {
  formToken,
  HOME,
  personWith,
  signedIn,
  TEXT_HTML,
  throughIssuer,
} from '../console/requests.ts'

t.setTimeout(180_000)
const SESSION = '__Host-harness'
let world: World
/** Shares the keys, and the address that browsers know. */
let replica: Gateway
let denyListFile: string
const ca = (): string => world.lab.certificates.ca

t.before(async () => {
  const change: Parameters<typeof startGateway>[0] = {
    gateway: (lab) => {
      denyListFile = join(lab.directory, 'deny.txt')
      writeFileSync(denyListFile, '# nobody\n')
      return { change: (config) => ({ ...config, denyListFile }) }
    },
  }
  world = await startGateway(change)
  const cookies = join(world.lab.directory, 'newer-cookie-key')
  writeFileSync(cookies, randomBytes(32).toString('base64url'), { mode: 0o600 })
  replica = await spawnGateway(world.lab, {
    configFile: join(world.lab.directory, 'replica.yaml'),
    spool: join(world.lab.directory, 'replica-spool'),
    change: (config) => ({
      ...config,
      denyListFile,
      listen: {
        ...config.listen,
        publicUrl: world.url,
        hosts: [new URL(config.listen.publicUrl).host],
      },
      console: { cookieKeys: [{ fromFile: cookies }, ...(config.console?.cookieKeys ?? [])] },
    }),
  })
})
t.teardown(async () => {
  await replica?.stop()
  await world.close()
})

const isSignIn = ({ status, headers }: Answer) =>
  status === 303 && headers.location?.startsWith(`${HOME}/signin?`) === true

t.test('what this gateway did not seal is no session, and no error', async (t) => {
  const person = await signedIn(world, 'scientist')
  t.equal((await person.get(HOME)).status, 200)
  const good = person.cookies.get(SESSION) ?? ''
  const [head = '', key = '', iv = '', text = '', tag = ''] = good.split('.')
  const secret = readFileSync(world.lab.consoleKeyFiles.cookies)
  const sealedAs = async (purpose: 'session' | 'sign-in', value: unknown) =>
    createSeals([secret]).seal(purpose, value)
  const other = createSeals([randomBytes(32)])
  const ofApprovals = new Uint8Array(
    hkdfSync('sha256', secret, '', 'azureml-harness held calls', 32),
  )
  const flipped = (part: string): string => `${part.startsWith('A') ? 'B' : 'A'}${part.slice(1)}`
  const header = (fields: object): string =>
    Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(head, 'base64url').toString()), ...fields })).toString('base64url') // prettier-ignore
  const forged: Readonly<Record<string, string>> = {
    empty: '',
    words: 'x.y.z',
    'one bit of the text': [head, key, iv, flipped(text), tag].join('.'),
    'one bit of the tag': [head, key, iv, text, flipped(tag)].join('.'),
    'one bit of the vector': [head, key, flipped(iv), text, tag].join('.'),
    'another header': [header({ x: 1 }), key, iv, text, tag].join('.'),
    'a key that is not there': [header({ kid: '../../etc/passwd' }), key, iv, text, tag].join('.'),
    'no encryption': [header({ alg: 'none' }), key, iv, text, tag].join('.'),
    'with compression': [header({ zip: 'DEF' }), key, iv, text, tag].join('.'),
    'of another key': await other.seal('session', {}),
    'of another purpose': await sealedAs('sign-in', {
      v: 1,
      id: 'x',
      begun: 0,
      ends: 4_000_000_000,
      policies: null,
    }),
    'of another use of the same secret': await new CompactEncrypt(Buffer.from('{}'))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .encrypt(ofApprovals),
    'sealed, and no session': await sealedAs('session', { v: 1, principal: {} }),
    'a signed token instead': `${Buffer.from('{"alg":"none"}').toString('base64url')}.e30.`,
    'a token of the issuer': await world.lab.token('scientist'),
    oversized: 'A'.repeat(30_000),
    control: 'a\tb',
  }
  for (const [name, value] of Object.entries(forged)) {
    const forger = personWith(new Map([[SESSION, value]]), world.url, ca())
    t.ok(isSignIn(await forger.get(HOME)), name)
  }
  const twice = await personWith(new Map(), world.url, ca()).get(HOME, {
    cookie: `${SESSION}=${good}; ${SESSION}=${good}`,
  })
  t.ok(isSignIn(twice), 'twice')
  const all = await personWith(new Map(), world.url, ca()).get(HOME, {
    cookie: `${SESSION}=${'A'.repeat(60_000)}`,
  })
  t.equal(all.status, 431)
})

t.test('a cookie is nothing to the API, and a token nothing to the console', async (t) => {
  const person = await signedIn(world, 'scientist')
  const paths = ['/_harness/whoami', '/_harness/api/policy', `${workspaceId()}/jobs?api-version=2024-04-01`] // prettier-ignore
  for (const path of paths) {
    const answer = await person.get(path, { accept: 'application/json' })
    t.match(answer, { status: 401, code: 'missing_token' }, path)
  }
  const bearer = { authorization: `Bearer ${await world.lab.token('scientist')}` }
  const nobody = personWith(new Map(), world.url, ca())
  for (const who of [nobody, person]) {
    const answer = await who.get(HOME, bearer)
    t.equal(answer.status, 400)
    t.match(answer.text, /the console takes no bearer token/iu)
  }
})

t.test('replicas with a key in common: any of them serves, also while keys change', async (t) => {
  const person = await signedIn(world, 'scientist')
  const there = personWith(person.cookies, replica.url, ca(), world.url)
  const page = await there.get(HOME)
  t.equal(page.status, 200, 'the older key opens')
  const out = await there.post(`${HOME}/signout`, { form_token: formToken(page) })
  t.equal(out.status, 303)
  t.equal(person.cookies.has(SESSION), false)

  const begun = await there.get(`${HOME}/signin?issuer=entra&to=${HOME}`)
  t.ok(begun.headers.location, 'begun at one')
  const back = await throughIssuer(world.lab, begun.headers.location ?? '', 'scientist')
  t.equal((await there.get(back)).status, 303, 'ended there')
  t.equal((await there.get(HOME)).status, 200)
  const here = personWith(person.cookies, world.url, ca())
  t.ok(isSignIn(await here.get(HOME)), 'who does not know the newer key asks to sign in')
})

t.test('a session is over at once when its person is on the deny list', async (t) => {
  const person = await signedIn(world, 'reader')
  t.equal((await person.get(HOME)).status, 200)
  writeFileSync(denyListFile, 'principal okta/00u1reader\n')
  const denied = await person.get(HOME)
  t.equal(denied.status, 401)
  t.match(denied.text, 'deny list')
  t.notMatch(denied.text, 'ws-lab')
  const again = await signedIn(world, 'reader')
  t.equal(again.landed.status, 401)
  t.equal(again.cookies.has(SESSION), false, 'and no new one')
  writeFileSync(denyListFile, '# nobody\n')
})

t.test('a program at the address of the gateway is answered as before', async (t) => {
  const { text } = await personWith(new Map(), world.url, ca()).get('/', TEXT_HTML)
  t.match(text, 'azureml-harness login --gateway')
  t.equal((await personWith(new Map(), world.url, ca()).get('/', { accept: '*/*' })).status, 401)
})
