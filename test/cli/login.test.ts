/** People sign in, use their token, have it renewed, and sign out. */
import { chmod, mkdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import t, { type Test } from 'tap'
import { OKTA_CLI, workspaceId } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { browse } from './support/browse.ts'
import { run, start, type Ran, type RunOptions } from './support/run.ts'

const JOBS = `${workspaceId()}/jobs?api-version=2024-04-01`
const HOUR_MS = 3_600_000

let world: World
t.before(async () => {
  world = await startGateway()
})
t.teardown(() => world.close())

const nearTheEnd = (): number => Date.now() + HOUR_MS - 60_000
const afterTheEnd = (): number => Date.now() + HOUR_MS + 1
const homeOf = (t: Test): string => join(t.testdir(), 'home')

/** Signs in through the browser flow, with the browser driven by plain requests. */
async function signIn(
  home: string,
  issuer: 'entra' | 'okta',
  persona: string,
  options: RunOptions = {},
): Promise<Ran> {
  const visits: Promise<unknown>[] = []
  const ran = await run(
    ['login', '--gateway', world.url, '--issuer', issuer, '--flow', 'browser', '--no-open'],
    {
      ...options,
      env: { AZUREML_HARNESS_HOME: home, ...options.env },
      onErr(line) {
        const [, url] = /^To sign in, open (\S+)$/.exec(line) ?? []
        if (url !== undefined) visits.push(browse(url, persona, world.lab.certificates.ca))
      },
    },
  )
  await Promise.all(visits)
  return ran
}

const sessions = async (home: string): Promise<Record<string, unknown>[]> =>
  JSON.parse(await readFile(join(home, 'sessions.json'), 'utf8')) as Record<string, unknown>[]

const refreshes = (issuer: 'entra' | 'okta'): number =>
  world.lab.parts
    .get(issuer)
    ?.journal.entries()
    .filter(({ method, url }) => method === 'POST' && url.endsWith('/token')).length ?? 0

t.test('a device code signs in, and the gateway takes the token', async (t) => {
  const home = homeOf(t)
  const visits: Promise<unknown>[] = []
  const args = ['login', '--gateway', world.url, '--issuer', 'entra', '--flow', 'device', '--json']
  const ran = await run(args, {
    env: { AZUREML_HARNESS_HOME: home },
    onErr(line) {
      const [, url] = /^or open (\S+)$/.exec(line) ?? []
      if (url !== undefined) visits.push(browse(url, 'scientist', world.lab.certificates.ca))
    },
  })
  await Promise.all(visits)
  t.equal(ran.status, 0, ran.err)
  t.match(ran.err, /open https:\/\/\S+ in a browser and enter the code [A-Z]{4}-[A-Z]{4}/)
  t.match(JSON.parse(ran.out), { gateway: world.url, who: 'scientist', renewable: true })
  const token = await run(['token'], { env: { AZUREML_HARNESS_HOME: home } })
  t.equal(token.status, 0)
  const answer = await world.send(JOBS, {
    headers: { authorization: `Bearer ${token.out.trim()}` },
  })
  t.equal(answer.status, 200, answer.text)
})

t.test('a browser signs in, comes back to a loopback port, and is told to go', async (t) => {
  const home = homeOf(t)
  const { status, out, err } = await signIn(home, 'okta', 'reader')
  t.equal(status, 0, err)
  t.equal(out, '', 'nothing but hints')
  t.match(err, `signed in as reader at ${world.url}`)
  const token = await run(['token', '--json'], { env: { AZUREML_HARNESS_HOME: home } })
  const found = JSON.parse(token.out) as Record<string, string>
  t.match(found, { gateway: world.url, source: 'session' })
  t.match(decodeJwt(found['token'] ?? ''), { uid: '00u1reader', cid: OKTA_CLI })
})

t.test('tokens are kept in files that only their owner can read', async (t) => {
  const home = homeOf(t)
  await signIn(home, 'entra', 'scientist')
  t.equal((await stat(home)).mode & 0o777, 0o700)
  t.equal((await stat(join(home, 'sessions.json'))).mode & 0o777, 0o600)
  t.notOk((await readFile(join(home, 'sessions.json'), 'utf8')).includes('scientist@'))
})

t.test('a directory, a file or a link that others may read or choose is refused', async (t) => {
  const home = homeOf(t)
  const env = { AZUREML_HARNESS_HOME: home }
  await signIn(home, 'entra', 'scientist')
  await chmod(home, 0o750)
  t.match(await run(['token'], { env }), { status: 1, out: '', err: /is open to others/ })
  await chmod(home, 0o700)
  await chmod(join(home, 'sessions.json'), 0o644)
  t.match(await run(['token'], { env }), { status: 1, out: '', err: /chmod 600/ })
  await chmod(join(home, 'sessions.json'), 0o600)
  await rename(join(home, 'sessions.json'), join(home, 'elsewhere'))
  await symlink(join(home, 'elsewhere'), join(home, 'sessions.json'))
  t.match(await run(['token'], { env }), { status: 1, out: '', err: /is a link/ })
  await mkdir(join(home, 'x'), { mode: 0o700 })
  await writeFile(join(home, 'x', 'sessions.json'), '[{"accessToken":"canary"', { mode: 0o600 })
  const damaged = await run(['token'], { env: { AZUREML_HARNESS_HOME: join(home, 'x') } })
  t.match(damaged, { status: 1, out: '', err: /is damaged/ })
  t.notMatch(damaged.err, 'canary')
})

t.test('a token near its end is renewed once, however many processes ask', async (t) => {
  const home = homeOf(t)
  const env = { AZUREML_HARNESS_HOME: home }
  await signIn(home, 'entra', 'scientist')
  const [before] = await sessions(home)
  const count = refreshes('entra')
  const answers = await Promise.all(
    Array.from({ length: 5 }, async () => run(['token'], { env, now: nearTheEnd })),
  )
  t.equal(refreshes('entra') - count, 1)
  t.equal(new Set(answers.map(({ out }) => out)).size, 1)
  const [after] = await sessions(home)
  t.not(after?.['accessToken'], before?.['accessToken'])
  t.equal(after?.['who'], 'scientist')
  t.equal(answers[0]?.out.trim(), after?.['accessToken'])
  t.equal((await stat(join(home, 'sessions.json'))).mode & 0o777, 0o600)
})

t.test('an issuer that is down ends nothing before the token itself ends', async (t) => {
  const home = homeOf(t)
  const env = { AZUREML_HARNESS_HOME: home }
  await signIn(home, 'okta', 'reader')
  const faults = world.lab.parts.get('okta')?.faults
  t.teardown(() => faults?.clear())
  faults?.add({ status: 503, times: 0 })
  const [session] = await sessions(home)
  const soon = await run(['token'], { env, now: () => Date.now() + HOUR_MS - 60_000 })
  t.match(soon, { status: 0, err: /could not be refreshed/ })
  t.equal(soon.out.trim(), session?.['accessToken'])
  const over = await run(['token'], { env, now: () => Date.now() + HOUR_MS + 1 })
  t.match(over, { status: 1, out: '' })
})

t.test('signing out revokes at the issuer and deletes here', async (t) => {
  const home = homeOf(t)
  const env = { AZUREML_HARNESS_HOME: home }
  await signIn(home, 'okta', 'reader')
  const kept = await readFile(join(home, 'sessions.json'), 'utf8')
  const out = await run(['logout', '--json'], { env })
  t.equal(out.status, 0, out.err)
  t.same(JSON.parse(out.out), { sessions: [{ gateway: world.url, revoked: 'yes' }] })
  t.match(await run(['token'], { env }), { status: 1, out: '', err: /nobody is signed in/ })
  // a copy taken before is of no use
  await writeFile(join(home, 'sessions.json'), kept, { mode: 0o600 })
  const copy = await run(['token'], { env, now: () => Date.now() + HOUR_MS })
  t.match(copy, { status: 1, out: '', err: /sign in again/ })
})

t.test('signing out deletes here even if the issuer cannot be told', async (t) => {
  const home = homeOf(t)
  const env = { AZUREML_HARNESS_HOME: home }
  await signIn(home, 'okta', 'reader')
  const faults = world.lab.parts.get('okta')?.faults
  t.teardown(() => faults?.clear())
  faults?.add({ reset: true, times: 0 })
  t.match(await run(['logout', '--all'], { env }), { status: 1, err: /was not told/ })
  t.same(await sessions(home), [])
  t.match(await run(['logout'], { env }), { status: 0, err: /nobody was signed in/ })
})

t.test('with several issuers one has to be chosen, and only of those', async (t) => {
  const env = { AZUREML_HARNESS_HOME: homeOf(t) }
  const none = await run(['login', '--gateway', world.url], { env })
  t.match(none, { status: 1, err: /choose one with --issuer: entra .*, okta / })
  const other = await run(['login', '--gateway', world.url, '--issuer', 'https://evil.example'], {
    env,
  })
  t.match(other, { status: 1, err: /does not accept that issuer/ })
})

t.test('what claims to be another gateway is not signed in at', async (t) => {
  const server: Server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ resource: world.url, azureml_harness_issuers: [] }))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const env = { AZUREML_HARNESS_HOME: homeOf(t) }
  const ran = await run(['login', '--gateway', `http://127.0.0.1:${port}`], { env })
  t.match(ran, { status: 1, err: /says that it is another gateway/ })
  t.match(await run(['login', '--gateway', world.lab.urls.upstream], { env }), { status: 1 })
  t.match(await run(['login', '--gateway', 'http://ml.contoso.example'], { env }), {
    status: 1,
    err: /is not a gateway/,
  })
})

t.test('only the redirect with its own state ends the wait', async (t) => {
  const home = homeOf(t)
  const ca = world.lab.certificates.ca
  const visits: Promise<void>[] = []
  const strays: number[] = []
  const visit = async (url: string): Promise<void> => {
    const back = new URL(new URL(url).searchParams.get('redirect_uri') ?? '')
    t.equal(back.hostname, '127.0.0.1')
    for (const path of ['/callback?code=x&state=y', '/callback', '/?state=y'])
      strays.push((await fetch(new URL(path, back))).status)
    const page = await browse(url, 'reader', ca)
    t.match(page, { status: 200, text: /You may close this window/ })
  }
  const args = ['login', '--gateway', world.url, '--issuer', 'okta', '--flow', 'browser']
  const ran = await run([...args, '--no-open'], {
    env: { AZUREML_HARNESS_HOME: home },
    onErr(line) {
      const [, url] = /^To sign in, open (\S+)$/.exec(line) ?? []
      if (url !== undefined) visits.push(visit(url))
    },
  })
  await Promise.all(visits)
  t.equal(ran.status, 0, ran.err)
  t.same(strays, [404, 404, 404])
})

t.test('a certificate that nobody trusts is an error that names --ca', async (t) => {
  const env = { AZUREML_HARNESS_HOME: homeOf(t) }
  const args = ['login', '--gateway', world.url, '--issuer', 'okta', '--flow', 'device']
  const without = await start(args, env).ended
  t.match(without, { status: 1, err: /is not trusted[\s\S]*--ca/ })
  const child = start([...args, '--ca', world.lab.certificates.caFile], env)
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000)
  t.teardown(() => clearTimeout(timer))
  await child.saw('enter the code')
  child.kill('SIGTERM')
  const ended = await child.ended
  t.match(ended.err, /enter the code/)
  t.equal(ended.status, 143)
})

t.test('the browser that BROWSER names is opened with the URL as its argument', async (t) => {
  const directory = t.testdir({
    browser: `#!/bin/sh\nprintf %s "$1" > "$(dirname "$0")/url.tmp"\nmv "$(dirname "$0")/url.tmp" "$(dirname "$0")/url"\n`,
  })
  await chmod(join(directory, 'browser'), 0o700)
  const stop = new AbortController()
  const env = {
    PATH: process.env['PATH'],
    AZUREML_HARNESS_HOME: join(directory, 'home'),
    BROWSER: join(directory, 'browser'),
  }
  const login = run(['login', '--gateway', world.url, '--issuer', 'okta'], {
    env,
    signal: stop.signal,
  })
  let url = ''
  while (url === '') {
    url = await readFile(join(directory, 'url'), 'utf8').catch(() => '')
    await new Promise((done) => setTimeout(done, 20))
  }
  t.match(url, `${world.lab.urls.okta}/oauth2/default/`)
  t.match(url, 'code_challenge_method=S256')
  stop.abort()
  t.match(await login, { status: 1, err: /interrupted/ })
})

t.test('an interrupt ends what waits: for an issuer, or for another process', async (t) => {
  const home = homeOf(t)
  const env = { AZUREML_HARNESS_HOME: home }
  await signIn(home, 'okta', 'reader')
  const faults = world.lab.parts.get('okta')?.faults
  t.teardown(() => faults?.clear())
  faults?.add({ hang: true, times: 0 })
  const interrupted = async (): Promise<Ran> => {
    const stop = new AbortController()
    setTimeout(() => stop.abort('SIGINT'), 300)
    return run(['token'], { env, now: afterTheEnd, signal: stop.signal })
  }
  t.match(await interrupted(), { status: 1, out: '', err: /interrupted/ })
  await writeFile(join(home, 'lock'), '', { mode: 0o600 })
  t.match(await interrupted(), { status: 1, out: '', err: /interrupted/ })
})

t.test('wrong arguments are status 2', async (t) => {
  const env = { AZUREML_HARNESS_HOME: homeOf(t) }
  for (const args of [
    ['login'],
    ['login', '--gateway', world.url, '--flow', 'magic'],
    ['login', '--gateway', world.url, '--port', 'x'],
    ['login', '--nonsense'],
    ['logout', '--all', '--gateway', world.url],
    ['token', 'x'],
  ]) {
    t.equal((await run(args, { env })).status, 2, args.join(' '))
  }
})
