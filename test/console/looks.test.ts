/** Pages about one thing in each look; and every page without scripts. Each of them breaks no rule of its own policy. */
import type { Page } from 'playwright-core'
import t from 'tap'
import { PAGES } from '../../src/console/pages/pages.ts'
import { WORKSPACE } from '../../lab/personas.ts'
import { startGranting, type Granting } from '../approvals/grants/support.ts'
import { BINDINGS, RELEASE, reviewIn, V, W } from '../approvals/support.ts'
import { accessibilityFaults, noBrowser, openBrowser, type TestBrowser } from './browser.ts'
import { signIn, titleOf } from './support.ts'

t.setTimeout(300_000)
const skip = noBrowser()
const HOME = '/_harness/console'
const OPERATORS = `${BINDINGS}
  - id: operators-of-gateway
    template: operator
    principal: Group::"okta/ml-readers"
    resource: Gateway::"gateway"
`
let granting: Granting
let browser: TestBrowser
/** Addresses, by the path of the page as it is in src/console/pages; who looks, and which title is there. */
let addresses: Readonly<Record<string, readonly [persona: string, at: string, title: string]>>

t.before(async () => {
  granting = await startGranting({ bindings: OPERATORS, files: { 'release.cedar': RELEASE } })
  const { call, world } = granting
  const refused = await call('reader', 'DELETE', `${W}/jobs/a-job${V}`)
  await world.settled(refused)
  const decision = String(refused.headers['x-harness-decision-id'])
  const body = { location: 'eastus', tags: { a: 'b' }, properties: { authMode: 'AADToken' } }
  const asks = { 'x-harness-review': 'request' }
  const path = `${W}/onlineEndpoints/payments${V}`
  const { id: review } = reviewIn(await call('scientist', 'PUT', path, body, asks))
  const word = { verdict: 'comment', comment: 'load test passed' }
  await call('scientist', 'POST', `/_harness/api/reviews/${review}/verdicts`, word)
  const grant = await granting.ask('reader')
  addresses = {
    '': ['reader', '', 'My access'],
    '/why': ['reader', '/why', 'Your latest refusal'],
    '/why/:decision': ['reader', `/why/${decision}`, 'Why was it refused?'],
    '/reviews': ['reviewer', '/reviews', 'Reviews'],
    '/reviews/:id': ['reviewer', `/reviews/${review}`, `Review ${review}`],
    '/access': ['reviewer', '/access?to=me', 'Access for a time'],
    '/access/:id': ['reviewer', `/access/${grant}`, `Grant ${grant}`],
    '/records': ['reader', '/records?since=1h', 'Records'],
    '/policy': ['reader', `/policy?on=${WORKSPACE}`, 'Policy'],
    '/state': ['reader', '/state', 'State of this replica'],
  }
  if (skip === false) browser = await openBrowser()
})
t.teardown(async () => {
  await browser?.close()
  await granting.close()
})

const open = async (page: Page, path: string): Promise<number | undefined> =>
  (await page.goto(`${granting.world.url}${HOME}${path}`))?.status()

t.test('a review, a grant and a refusal, dark and narrow', { skip }, async (t) => {
  for (const look of [{ colorScheme: 'dark' as const }, { narrow: true }]) {
    const context = await browser.person(look)
    const reviewer = await signIn(context, granting.world.url, 'reviewer')
    const others = await browser.person(look)
    const reader = await signIn(others, granting.world.url, 'reader')
    for (const path of ['/reviews/:id', '/access/:id', '/why/:decision', '/policy']) {
      const [persona = '', at = '', title = ''] = addresses[path] ?? []
      const page = persona === 'reviewer' ? reviewer : reader
      const name = `${path} ${JSON.stringify(look)}`
      t.equal(await open(page, at), 200, name)
      t.equal(await titleOf(page), title, name)
      t.same(await accessibilityFaults(page), [], name)
      if ('narrow' in look) t.equal(await beyondTheEdge(page), 0, `${name}: nothing is cut off`)
      t.same(browser.complaints(), [], name)
    }
    await context.close()
    await others.close()
  }
})

t.test('every page there is, without scripts and with them', { skip }, async (t) => {
  const paths = PAGES.map(({ path }) => path).filter((path) => !/\.(?:csv|json)$/u.test(path))
  t.same(Object.keys(addresses).toSorted(), paths.toSorted(), 'no page is left out')
  for (const withoutScripts of [true, false]) {
    const pages = new Map<string, Page>()
    for (const persona of ['reader', 'reviewer'])
      pages.set(
        persona,
        await signIn(await browser.person({ withoutScripts }), granting.world.url, persona),
      )
    for (const [path, [persona, at, title]] of Object.entries(addresses)) {
      const page = pages.get(persona)
      if (page === undefined) throw new Error(persona)
      const name = `${path} ${withoutScripts ? 'without' : 'with'} scripts`
      t.equal(await open(page, at), 200, name)
      t.equal(await titleOf(page), title, name)
      t.same(browser.complaints(), [], name)
    }
    for (const page of pages.values()) await page.context().close()
  }
})

t.test('forms work without scripts, too', { skip }, async (t) => {
  const context = await browser.person({ withoutScripts: true })
  const [, at = ''] = addresses['/access/:id'] ?? []
  const page = await signIn(context, granting.world.url, 'reviewer', `${HOME}${at}`)
  await page.getByRole('button', { name: 'Approve' }).click()
  await page.getByText('active', { exact: true }).waitFor()
  await page.getByRole('link', { name: 'Policy', exact: true }).click()
  await page.getByLabel('On (name').fill(WORKSPACE)
  await page.getByRole('button', { name: 'Show' }).click()
  await page.getByRole('status').waitFor()
  t.same(browser.complaints(), [])
  await context.close()
})

/** Pixels that a page is wider than its window. */
async function beyondTheEdge(page: Page): Promise<number> {
  return page.evaluate(() => {
    const { document } = globalThis as unknown as {
      document: { documentElement: { scrollWidth: number; clientWidth: number } }
    }
    return document.documentElement.scrollWidth - document.documentElement.clientWidth
  })
}
