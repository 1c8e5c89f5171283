/** A review, from the inbox to the verdict, while the call of a real SDK waits for it. */
import t from 'tap'
import { RESOURCE_GROUP as RG, WORKSPACE as WS } from '../../lab/personas.ts'
import { reviewIn, V, W, type Reviewing } from '../approvals/support.ts'
import { eventually } from '../support/eventually.ts'
import { accessibilityFaults, noBrowser, openBrowser, type TestBrowser } from './browser.ts'
import { formToken, HOME, signedIn } from './requests.ts'
import { clientOf, signIn, startForPeople } from './support.ts'

t.setTimeout(300_000)
const skip = noBrowser()
let reviewing: Reviewing
let browser: TestBrowser
const url = (): string => reviewing.world.url

t.before(async () => {
  reviewing = await startForPeople()
  if (skip === false) browser = await openBrowser()
})
t.teardown(async () => {
  await browser?.close()
  await reviewing.close()
})

t.test('a held deployment goes on when its review is approved', { skip }, async (t) => {
  const made = clientOf(reviewing, 'scientist').onlineEndpoints.beginCreateOrUpdateAndWait(
    RG,
    WS,
    'by-page',
    {
      location: 'eastus',
      properties: { authMode: 'AADToken', description: '<b>for a page</b>' },
    },
  )
  const context = await browser.person()
  const page = await signIn(context, url(), 'reviewer', '/_harness/console/reviews')
  const link = page.getByRole('link', { name: /^[a-z2-7]{16}-1$/u })
  await eventually('it waits for the reviewer', async () => {
    await page.reload()
    return (await link.count()) > 0
  })
  t.same(await accessibilityFaults(page), [])
  await link.first().click()
  const text = await page.locator('main').innerText()
  t.match(text, '/properties/authMode')
  t.match(text, '<b>for a page</b>', 'shown as it is')
  t.same(await accessibilityFaults(page), [])
  await page.getByLabel('Comment', { exact: true }).fill('not "yet" <i>\n\n  & more')
  await page.getByRole('button', { name: 'Comment' }).click()
  await page.getByText('not "yet" <i>').waitFor()
  await page.getByLabel('Comment', { exact: true }).fill('fine')
  await page.getByRole('button', { name: 'Approve' }).click()
  await page.getByText('approved', { exact: true }).waitFor()
  t.match(await made, { name: 'by-page' }, 'and it was made')

  const rows = await reviewing.world.allRecords()
  const verdict = rows.filter((row) => String(row['Action']).endsWith('/reviews/approve'))
  t.match(verdict[0], { Client: 'azureml-harness-console/1.0', RecordKind: 'authorized' })
  t.same(browser.complaints(), [])
  await context.close()
})

t.test('a verdict that needs a fresher sign-in leads to one', async (t) => {
  const fresh = `@id("fresh-verdicts")
@reason("who approves has just signed in")
@stepup("max-age=30")
forbid (principal, action == Action::"AzureMLHarness/reviews/approve", resource);
`
  const body = { location: 'eastus', properties: { authMode: 'AADToken' } }
  const path = `${W}/onlineEndpoints/fresh${V}`
  const asks = { 'x-harness-review': 'request' }
  const { id } = reviewIn(await reviewing.call('scientist', 'PUT', path, body, asks))
  const person = await signedIn(reviewing.world, 'reviewer')
  const page = `${HOME}/reviews/${id}`
  t.match((await person.get(page)).text, 'value="approve"')
  await reviewing.change({ 'fresh.cedar': fresh })
  const { text } = await person.get(page)
  t.notMatch(text, 'value="approve"')
  const [, link = ''] = /href="([^"]+)"\s*>sign in again</u.exec(text) ?? []
  const begun = await person.get(link.replaceAll('&amp;', '&'))
  t.match(begun.headers.location, /[?&]prompt=login\b/u)
  const shownDigest = /name="shownDigest"\s+value="([^"]+)"/u.exec(text)?.[1] ?? ''
  const form_token = formToken({ text }, page)
  const fields = { verdict: 'approve', comment: 'all <fine>', shownDigest, form_token }
  const refused = await person.post(page, fields)
  t.equal(refused.status, 403)
  t.match(refused.text, /recent sign-in/u)
  t.match(refused.text, 'all &lt;fine&gt;', 'what was typed is there')
  t.match(refused.text, /Sign in again in a new tab/u)
})
