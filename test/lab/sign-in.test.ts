import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import t, { type Test } from 'tap'
import {
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  clientCredentialsGrant,
  ClientSecretPost,
  customFetch,
  discovery,
  initiateDeviceAuthorization,
  None,
  pollDeviceAuthorizationGrant,
  randomPKCECodeVerifier,
  type Configuration,
  type CustomFetch,
} from 'openid-client'
import { Agent, fetch as undiciFetch, type RequestInit } from 'undici'
import type { Lab } from '../../lab/lab.ts'
import { AUDIENCE_URI, ENTRA_CLI, OKTA_CLI, TENANT } from '../../lab/personas.ts'
import { command } from '../clients/support/published.ts'
import { lab } from './helper.ts'

type Get = (url: string, init?: RequestInit) => Promise<Response>

function fetcher(t: Test, of: Lab): Get {
  const dispatcher = new Agent({ connect: { ca: of.certificates.ca } })
  t.teardown(() => dispatcher.close())
  return (url, init) => undiciFetch(url, { ...init, dispatcher })
}

async function client(
  of: Lab,
  get: Get,
  name: 'entra' | 'okta',
  secret?: string,
): Promise<Configuration> {
  const id = name === 'entra' ? ENTRA_CLI : secret === undefined ? OKTA_CLI : '0oa1service'
  const auth = secret === undefined ? None() : ClientSecretPost(secret)
  const fetch: CustomFetch = (url, init) => get(url, init as unknown as RequestInit)
  return discovery(new URL(of.issuers[name].url), id, undefined, auth, { [customFetch]: fetch })
}

/** A browser without a screen: follows redirects and keeps cookies, until one leads to `stop`. */
async function browse(
  get: Get,
  start: string,
  stop: string,
  form?: URLSearchParams,
): Promise<string> {
  const cookies = new Map<string, string>()
  let url = start
  let body = form
  for (let hops = 0; hops < 12; hops++) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const reply = await get(url, {
      redirect: 'manual',
      headers: { cookie },
      ...(body === undefined ? {} : { method: 'POST', body: body.toString() }),
      ...(body === undefined
        ? {}
        : { headers: { cookie, 'content-type': 'application/x-www-form-urlencoded' } }),
    })
    body = undefined
    for (const set of reply.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? []
      cookies.set(name, value)
    }
    const location = reply.headers.get('location')
    if (location === null) {
      const text = await reply.text()
      const action = /<form[^>]*action="([^"]+)"/.exec(text)?.[1]
      if (action === undefined || !text.includes('name="xsrf"')) return text
      const fields = [...text.matchAll(/<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"/g)]
      body = new URLSearchParams(
        fields.map((one): [string, string] => [one[1] ?? '', one[2] ?? '']),
      )
      if (text.includes('name="confirm"') || !body.has('confirm')) body.set('confirm', 'yes')
      url = new URL(action.replaceAll('&amp;', '&'), url).href
      continue
    }
    url = new URL(location, url).href
    if (url.startsWith(stop)) return url
    if (url.includes('/interaction/')) url += '?persona=scientist'
  }
  throw new Error('the sign-in goes round in circles')
}

t.test('a browser signs in as a persona, by code and PKCE', async (t) => {
  const running = await lab(t)
  const get = fetcher(t, running)
  const config = await client(running, get, 'entra')
  const verifier = randomPKCECodeVerifier()
  const redirect = 'http://127.0.0.1:7777/callback'
  const url = buildAuthorizationUrl(config, {
    redirect_uri: redirect,
    scope: `openid ${AUDIENCE_URI}/.default`,
    code_challenge: await calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state: 's',
  })
  const back = await browse(get, url.href, redirect)
  const tokens = await authorizationCodeGrant(config, new URL(back), {
    pkceCodeVerifier: verifier,
    expectedState: 's',
  })
  const claims = decodeJwt(tokens.access_token)
  t.match(claims, { oid: '44444444-4444-4444-8444-444444444401', azp: ENTRA_CLI })
  t.match(
    decodeJwt(tokens.id_token ?? ''),
    { aud: ENTRA_CLI, tid: TENANT, preferred_username: undefined },
    'and an ID token for the client, with a name only for who asks for the profile',
  )
})

t.test('a keyboard without a browser signs in by device code', async (t) => {
  const running = await lab(t)
  const get = fetcher(t, running)
  const config = await client(running, get, 'entra')
  const started = await initiateDeviceAuthorization(config, {
    scope: `openid ${AUDIENCE_URI}/.default`,
  })
  await browse(get, started.verification_uri_complete ?? '', 'http://nowhere')
  const tokens = await pollDeviceAuthorizationGrant(config, { ...started, interval: 0.1 })
  t.match(decodeJwt(tokens.access_token), { oid: '44444444-4444-4444-8444-444444444401' })
})

const python = command('python')
t.test('azure-identity takes the ID token, and keeps whose it is', python, async (t) => {
  const running = await lab(t)
  const get = fetcher(t, running)
  const home = await mkdtemp(join(tmpdir(), 'azureml-harness-device-'))
  t.teardown(() => rm(home, { recursive: true, force: true }))
  const resultFile = join(home, 'result.json')
  const script = join(import.meta.dirname, '..', 'clients', 'python', 'device_code.py')
  const child = spawn(python.file, [script], {
    env: {
      PATH: process.env['PATH'],
      HOME: home,
      LAB_RESULT: resultFile,
      LAB_CLIENT: ENTRA_CLI,
      LAB_TENANT: TENANT,
      LAB_AUTHORITY: new URL(running.issuers.entra.url).origin,
      LAB_SCOPE: `${AUDIENCE_URI}/.default`,
      REQUESTS_CA_BUNDLE: running.certificates.caFile,
      PYTHONDONTWRITEBYTECODE: '1',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 120_000,
  })
  const ended = once(child, 'close')
  const [first] = (await once(child.stdout, 'data')) as [Buffer]
  const { verification } = JSON.parse(first.toString()) as { verification: string }
  await browse(get, verification, 'http://nowhere')
  t.same(await ended, [0, null])
  const result = JSON.parse(await readFile(resultFile, 'utf8')) as Record<string, string>
  t.match(result, { username: 'sofia.scientist@lab.example', tenant: TENANT })
  t.match(decodeJwt(result['token'] ?? ''), { oid: '44444444-4444-4444-8444-444444444401' })
})

t.test('a service gets its token by client credentials', async (t) => {
  const running = await lab(t)
  const config = await client(running, fetcher(t, running), 'okta', 'lab-only-0oa1service')
  const tokens = await clientCredentialsGrant(config, { scope: 'azureml' })
  t.match(decodeJwt(tokens.access_token), { cid: '0oa1service', scp: ['azureml'] })
})
