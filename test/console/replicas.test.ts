/** A browser behind whose back replicas change, and a session that is revoked between two clicks. */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { ConfigFile } from '../../lab/gateway/harness-config.ts'
import { spawnGateway, type Gateway } from '../../lab/gateway/gateway.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { noBrowser, openBrowser, type TestBrowser } from './browser.ts'
import { signIn, titleOf } from './support.ts'

t.setTimeout(180_000)
const skip = noBrowser()

/** A load balancer: the one address that browsers know. It passes bytes on, and ends no TLS. */
interface Balancer {
  readonly url: string
  /** All connections from now on go to this port; those that are open end. */
  readonly to: (port: number) => void
  /** Connections that have gone there. */
  readonly connections: (port: number) => number
  readonly close: () => void
}

async function startBalancer(): Promise<Balancer> {
  let target = 0
  const counts = new Map<number, number>()
  const open = new Set<Socket>()
  const endAll = (): void => {
    for (const socket of open) socket.destroy()
  }
  const server = createServer((client) => {
    counts.set(target, (counts.get(target) ?? 0) + 1)
    const replica = connect(target, 'localhost')
    for (const [one, other] of [
      [client, replica],
      [replica, client],
    ] as const) {
      open.add(one)
      one.on('error', () => one.destroy())
      one.once('close', () => {
        open.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  }).listen(0, 'localhost')
  await once(server, 'listening')
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    to(port) {
      target = port
      endAll()
    },
    connections: (port) => counts.get(port) ?? 0,
    close() {
      endAll()
      server.close()
    },
  }
}

let balancer: Balancer
let world: World
let other: Gateway
let browser: TestBrowser
let denyListFile = ''

t.before(async () => {
  balancer = await startBalancer()
  const behind = (config: ConfigFile): ConfigFile => ({
    ...config,
    denyListFile,
    listen: {
      ...config.listen,
      publicUrl: balancer.url,
      hosts: [new URL(config.listen.publicUrl).host],
    },
  })
  world = await startGateway({
    gateway: ({ directory }) => {
      denyListFile = join(directory, 'deny.txt')
      writeFileSync(denyListFile, '# nobody\n')
      return { change: behind }
    },
  })
  // the same keys for cookies: both read them from the lab's file
  other = await spawnGateway(world.lab, {
    configFile: join(world.lab.directory, 'other.yaml'),
    spool: join(world.lab.directory, 'other-spool'),
    change: behind,
  })
  if (skip === false) browser = await openBrowser()
})
t.teardown(async () => {
  await browser?.close()
  await other?.stop()
  await world.close()
  balancer.close()
})

t.test('signed in at one replica, at work at the other', { skip }, async (t) => {
  const context = await browser.person()
  balancer.to(world.gateway.port)
  const page = await signIn(context, balancer.url, 'scientist')
  t.equal(await titleOf(page), 'My access')
  t.equal(balancer.connections(other.port), 0)

  balancer.to(other.port)
  await page.getByRole('link', { name: 'Policy', exact: true }).click()
  await page.getByRole('heading', { level: 1, name: 'Policy' }).waitFor()
  t.ok(balancer.connections(other.port) > 0, 'another replica made the page')
  t.match(await page.locator('main').innerText(), 'scientists-on-ws-lab')

  // a form whose page is of one replica is sent to the other
  const before = balancer.connections(world.gateway.port)
  balancer.to(world.gateway.port)
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.waitForURL((at) => at.pathname.endsWith('/signed-out'))
  t.ok(balancer.connections(world.gateway.port) > before)
  balancer.to(other.port)
  await page.goto(`${balancer.url}/_harness/console/policy`)
  t.match(page.url(), '/_harness/console/signin', 'and the session is over at both')
  t.same(browser.complaints(), [])
  await context.close()
})

t.test('a sign-in that is begun at one replica ends at the other', { skip }, async (t) => {
  const context = await browser.person()
  balancer.to(world.gateway.port)
  const page = await context.newPage()
  await page.goto(`${balancer.url}/_harness/console`)
  await page.getByRole('link', { name: 'Sign in with okta' }).click()
  await page.getByRole('link', { name: 'reader', exact: true }).waitFor()
  balancer.to(other.port)
  const before = balancer.connections(other.port)
  await page.getByRole('link', { name: 'reader', exact: true }).click()
  await page.getByRole('heading', { level: 1, name: 'My access' }).waitFor()
  t.ok(balancer.connections(other.port) > before)
  t.same(browser.complaints(), [])
  await context.close()
})

t.test('a session is revoked between two clicks', { skip }, async (t) => {
  balancer.to(world.gateway.port)
  const context = await browser.person()
  const page = await signIn(context, balancer.url, 'reader')
  await page.getByRole('link', { name: 'Records', exact: true }).click()
  await page.getByRole('heading', { level: 1, name: 'Records' }).waitFor()
  const colleague = await browser.person()
  const unharmed = await signIn(colleague, balancer.url, 'scientist')
  writeFileSync(denyListFile, 'principal okta/00u1reader\n')
  const POLICY = `${balancer.url}/_harness/console/policy`
  for (const [replica, ask] of [
    [world.gateway, () => page.getByRole('link', { name: 'Policy', exact: true }).click()],
    [other, () => page.goto(POLICY)],
  ] as const) {
    balancer.to(replica.port)
    const [answer] = await Promise.all([page.waitForResponse((one) => one.url() === POLICY), ask()])
    t.equal(answer.status(), 401)
    await page.getByText('deny list').first().waitFor()
    const text = await page.locator('body').innerText()
    t.notMatch(text, 'ws-lab', 'nothing of the page that was asked for')
    await unharmed.goto(POLICY)
    t.equal(await titleOf(unharmed), 'Policy', 'others are not touched')
  }
  t.same(browser.complaints(), [])
  await context.close()
  await colleague.close()
})
