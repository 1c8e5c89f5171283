/**
 * Polling URLs: whoever started an operation can follow it, at any replica, and nobody else can.
 */
import t from 'tap'
import { createOperationHandles } from '../../src/azureml/classify/operation-handle.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { spawnGateway, type Gateway } from '../../lab/gateway/gateway.ts'
import { send, type Answer } from '../support/send.ts'
import { join } from 'node:path'
import { SUBSCRIPTION, TENANT, workspaceId } from '../../lab/personas.ts'

const W = workspaceId()
const VERSION = '?api-version=2024-04-01'
const KEY = 'an operation key of at least thirty-two bytes'
const SCIENTIST = `entra/${TENANT}/44444444-4444-4444-8444-444444444401`
const keyed = { env: { OPERATION_KEY: KEY } }

const change = (config: Gateway['config']): Gateway['config'] => ({
  ...config,
  operationKey: { fromEnv: 'OPERATION_KEY' },
})
const hoursAgo = (hours: number) => (): number => Date.now() - hours * 3_600_000

let world: World
let replica: Gateway
let stranger: Gateway
t.before(async () => {
  world = await startGateway({ gateway: { ...keyed, change }, lab: { polls: 50 } })
  const { lab } = world
  const of = (name: string) => ({
    configFile: join(lab.directory, `${name}.yaml`),
    spool: join(lab.directory, `spool-${name}`),
    change,
  })
  // one address in front of several replicas: they sign for the same publicUrl
  const shared = (config: Gateway['config']): Gateway['config'] => {
    const { publicUrl, hosts = [], ...listen } = change(config).listen
    const host = new URL(publicUrl).host
    return {
      ...change(config),
      listen: { ...listen, publicUrl: world.url, hosts: [...hosts, host] },
    }
  }
  replica = await spawnGateway(lab, { ...of('replica'), ...keyed, change: shared })
  stranger = await spawnGateway(lab, {
    ...of('stranger'),
    env: { OPERATION_KEY: KEY.toUpperCase() },
    change: shared,
  })
})
t.teardown(async () => {
  await Promise.all([replica?.stop(), stranger?.stop()])
  await world.close()
})

async function start(): Promise<{ path: string; location: string }> {
  const answer = await world.send(`${W}/onlineEndpoints/e${VERSION}`, {
    method: 'PUT',
    headers: {
      authorization: `Bearer ${await world.lab.token('scientist')}`,
      'content-type': 'application/json',
    },
    body: '{"location":"eastus","properties":{"authMode":"AADToken"}}',
  })
  t.ok(answer.status < 300, answer.text)
  const path = String(answer.headers['azure-asyncoperation'])
  const location = String(answer.headers['location'])
  for (const url of [path, location]) t.ok(url.startsWith(`${world.url}/_operation/`), url)
  return { path: path.slice(world.url.length), location: location.slice(world.url.length) }
}

async function poll(persona: string, path: string, origin = world.url): Promise<Answer> {
  return send(origin, world.lab.certificates.ca, path, {
    headers: { authorization: `Bearer ${await world.lab.token(persona)}` },
  })
}

t.test('whoever started it follows it; Azure sees its own path', async (t) => {
  const { path, location } = await start()
  await world.clear()
  const status = await poll('scientist', path)
  t.equal(status.status, 200, status.text)
  t.match(status.json(), { status: 'InProgress' })
  t.equal((await poll('scientist', location)).status, 202)
  for (const { url } of world.lab.requests()) t.match(url, /^\/subscriptions\/[^?]+\?api-version=/)
})

t.test('a poll of the result leads to the same handle again, not past it', async (t) => {
  const { location } = await start()
  const next = String((await poll('scientist', location)).headers['location'])
  t.ok(next.startsWith(`${world.url}/_operation/`))
  t.equal((await poll('scientist', next.slice(world.url.length))).status, 202)
})

t.test("another caller's handle is not there: 404", async (t) => {
  const { path, location } = await start()
  await world.clear()
  for (const persona of ['reader', 'reviewer', 'service', 'cluster', 'outsider']) {
    for (const url of [path, location]) {
      const answer = await poll(persona, url)
      t.equal(answer.status, 404, persona)
      t.equal(answer.code, 'not_found', persona)
    }
  }
  t.same(world.lab.requests(), [])
})

t.test('without a handle nobody follows it', async (t) => {
  const { path } = await start()
  const bare = path.replace(/^\/_operation\/[^/]+/, '')
  await world.clear()
  for (const persona of ['scientist', 'reader']) t.equal((await poll(persona, bare)).status, 403)
  t.same(world.lab.requests(), [])
})

t.test(
  'a handle that is forged, expired, or of another path or key is not there: 404',
  async (t) => {
    const { path } = await start()
    const [, , handle = '', ...rest] = path.split('/')
    const tail = rest.join('/')
    const [expiry = '', mac = ''] = handle.split('.')
    const later = (Number.parseInt(expiry, 36) + 3600).toString(36)
    const bare = `/${tail.split('?')[0] ?? ''}`
    const bind = (key: string, now: () => number, who = SCIENTIST): string =>
      createOperationHandles(Buffer.from(key), world.url, now)
        .bind(`${world.url}/${tail}`, who)
        .slice(world.url.length)
    t.equal(
      (await poll('scientist', bind(KEY, hoursAgo(0)))).status,
      200,
      'this test signs rightly',
    )
    t.equal((await poll('scientist', bind(KEY, hoursAgo(47)))).status, 200)
    const forged = {
      'a changed mac': `/_operation/${expiry}.${mac.startsWith('A') ? 'B' : 'A'}${mac.slice(1)}/${tail}`,
      'a later expiry': `/_operation/${later}.${mac}/${tail}`,
      'no mac': `/_operation/${expiry}/${tail}`,
      'a cut mac': `/_operation/${expiry}.${mac.slice(0, -1)}/${tail}`,
      'a longer mac': `/_operation/${expiry}.${mac}A/${tail}`,
      'an upper-case expiry': `/_operation/${expiry.toUpperCase()}.${mac}/${tail}`,
      'another operation': path.replace(/[0-9a-f]{12}\?/, '000000000000?'),
      'another location': path.replace(/locations\/[^/]+/, 'locations/westus'),
      'another subscription': path.replace(SUBSCRIPTION, '33333333-3333-4333-8333-333333333333'),
      'an expired one': bind(KEY, hoursAgo(49)),
      'one of another key': bind('some other key of thirty-two bytes or more', hoursAgo(0)),
      'one for somebody else': bind(KEY, hoursAgo(0), `entra/${TENANT}/x`),
      'two handles': `/_operation/${handle}${path}`,
    }
    await world.clear()
    for (const [name, url] of Object.entries(forged)) {
      const answer = await poll('scientist', url)
      t.equal(answer.status, 404, `${name}: ${answer.text}`)
      t.match(answer.code, /^(not_found|unknown_operation)$/, name)
    }
    // what is mixed in case is the same path to Azure
    t.equal((await poll('scientist', path.replace(bare, bare.toUpperCase()))).status, 200)
    t.equal(world.lab.requests().length, 1)
  },
)

t.test('a handle opens the status of an operation and nothing else', async (t) => {
  const handles = createOperationHandles(Buffer.from(KEY), world.url, Date.now)
  const { path } = await start()
  await world.clear()
  const handle = path.split('/')[2] ?? ''
  for (const target of [`${W}/jobs`, `${W}/listKeys`, `/subscriptions/${SUBSCRIPTION}`]) {
    t.equal(
      handles.bind(`${world.url}${target}`, SCIENTIST),
      `${world.url}${target}`,
      'none is made',
    )
    const answer = await poll('reader', `/_operation/${handle}${target}${VERSION}`)
    t.ok([404, 405].includes(answer.status), `${target}: ${answer.status}`)
  }
  const written = await world.send(path, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${await world.lab.token('scientist')}` },
  })
  t.ok([404, 405].includes(written.status))
  t.same(world.lab.requests(), [])
})

t.test('another replica with the same key goes on; one with another key does not', async (t) => {
  const { path } = await start()
  const first = await poll('scientist', path, replica.url)
  t.equal(first.status, 200, first.text)
  t.equal((await poll('reader', path, replica.url)).status, 404)
  t.equal((await poll('scientist', path, stranger.url)).status, 404)
})
