/** People sign in with a browser at both of the lab's issuers, see their access, and sign out. */
import t from 'tap'
import { startGateway, type World } from '../support/gateway.ts'
import { accessibilityFaults, noBrowser, openBrowser, type TestBrowser } from './browser.ts'
import { signIn } from './support.ts'

t.setTimeout(180_000)
const skip = noBrowser()
let world: World
let browser: TestBrowser

t.before(async () => {
  world = await startGateway()
  if (skip === false) browser = await openBrowser()
})
t.teardown(async () => {
  await browser?.close()
  await world.close()
})

t.test('with a managed identity in the place of a secret', { skip }, async (t) => {
  const context = await browser.person()
  const page = await signIn(context, world.url, 'scientist')
  t.equal(await page.getByRole('heading', { level: 1 }).textContent(), 'My access')
  const text = await page.locator('main').innerText()
  t.match(text, 'ws-lab')
  t.match(text, 'data-scientist')
  t.match(text, 'export AZUREML_HARNESS_GATEWAY=')
  t.notMatch(text, /eyJ/, 'no token')
  t.same(await accessibilityFaults(page), [])
  const cookies = await context.cookies(world.url)
  t.match(
    cookies.filter(({ name }) => name.startsWith('__Host-')),
    [{ name: '__Host-harness', secure: true, httpOnly: true, sameSite: 'Lax', path: '/' }],
    'and the cookie of the sign-in is gone',
  )
  await page.getByRole('link', { name: 'Check', exact: true }).click()
  t.match(await page.getByRole('status').innerText(), 'Yes:')
  t.same(browser.complaints(), [])
  await context.close()
})

t.test('with a key of its own, and out again', { skip }, async (t) => {
  const context = await browser.person()
  const page = await signIn(context, world.url, 'reader')
  t.match(await page.locator('main').innerText(), 'reader')
  await page.getByRole('button', { name: 'Sign out' }).click()
  t.equal(await page.getByRole('heading', { level: 1 }).textContent(), 'You are signed out')
  await page.goBack()
  await page.waitForURL(/signin/u)
  t.notMatch(await page.locator('body').innerText(), 'ws-lab', 'back shows nothing of before')
  t.same(browser.complaints(), [])
  await context.close()
})
