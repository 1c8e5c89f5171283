/** Pages with what they are for: a refusal of a real SDK, who may do what; in each look, and without scripts. */
import type { RestError } from '@azure/core-rest-pipeline'
import t from 'tap'
import { RESOURCE_GROUP as RG, WORKSPACE as WS } from '../../lab/personas.ts'
import type { Reviewing } from '../approvals/support.ts'
import { accessibilityFaults, noBrowser, openBrowser, type TestBrowser } from './browser.ts'
import { clientOf, signIn, startForPeople, titleOf } from './support.ts'

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

/** What an SDK's exception says of the refusal. */
async function refusedTo(persona: string): Promise<string> {
  const failure = await clientOf(reviewing, persona)
    .jobs.beginDeleteAndWait(RG, WS, 'a-job')
    .then(
      () => null,
      (error: unknown) => error as RestError,
    )
  const body = JSON.parse(failure?.response?.bodyAsText ?? '{}') as {
    error: { additionalInfo: { info: { access: { url: string } } }[] }
  }
  return body.error.additionalInfo[0]?.info.access.url ?? ''
}

t.test("the link of a real SDK's exception says why", { skip }, async (t) => {
  const link = await refusedTo('reader')
  t.match(link, `${url()}/_harness/decisions/`)
  const context = await browser.person()
  const page = await context.newPage()
  await page.goto(link)
  t.match(page.url(), /\/_harness\/console\/signin\?/, 'to sign in first')
  await page.getByRole('link', { name: 'Sign in with okta' }).click()
  await page.getByRole('link', { name: 'reader', exact: true }).click()
  await page.waitForURL(/\/console\/why\//u)
  t.equal(await titleOf(page), 'Why was it refused?')
  const text = await page.locator('main').innerText()
  t.match(text, 'Microsoft.MachineLearningServices/workspaces/jobs/delete')
  t.match(text, 'It would be refused again')
  t.same(await accessibilityFaults(page), [])
  await page.goto(`${url()}/_harness/console/why`)
  t.equal(await titleOf(page), 'Your latest refusal')

  const other = await signIn(await browser.person(), url(), 'scientist')
  await other.goto(link.replace('/decisions/', '/console/why/'))
  t.equal(await titleOf(other), 'There is no such page for you', 'it is nobody else’s')
  t.same(browser.complaints(), [])
  await context.close()
})

t.test('who can do what, as far as one may know', { skip }, async (t) => {
  const auditor = await signIn(
    await browser.person(),
    url(),
    'reviewer',
    '/_harness/console/policy',
  )
  t.match(await auditor.locator('main').innerText(), 'scientists-on-ws-lab')
  await auditor.getByLabel('On (name').fill(WS)
  await auditor.getByRole('button', { name: 'Show' }).click()
  const grid = auditor.getByRole('status')
  t.match(await grid.innerText(), 'workspaces/jobs/write')
  t.match(await grid.innerText(), 'scientists')
  t.same(await accessibilityFaults(auditor), [])

  const scientist = await signIn(
    await browser.person(),
    url(),
    'scientist',
    '/_harness/console/policy',
  )
  const text = await scientist.locator('main').innerText()
  t.match(text, 'scientists-on-ws-lab')
  t.notMatch(text, 'readers-on-ws-lab', 'others’ bindings are not shown')
  t.same(browser.complaints(), [])
})

t.test('dark, narrow, and without scripts', { skip }, async (t) => {
  const paths = ['', '/why', '/reviews', '/reviews?state=all&to=all', '/access', '/policy'].map(
    (path) => `/_harness/console${path}`,
  )
  await refusedTo('scientist').catch(() => '')
  for (const look of [
    { colorScheme: 'dark' as const },
    { narrow: true },
    { withoutScripts: true },
  ]) {
    const context = await browser.person(look)
    const page = await signIn(context, url(), 'reviewer')
    for (const path of ['/', ...paths]) {
      await page.goto(`${url()}${path}`)
      const name = `${path} ${JSON.stringify(look)}`
      t.ok(await titleOf(page), name)
      if (!('withoutScripts' in look)) t.same(await accessibilityFaults(page), [], name)
      if ('narrow' in look) {
        const { scroll, client } = await page.evaluate(() => {
          const { document } = globalThis as unknown as {
            document: { documentElement: { scrollWidth: number; clientWidth: number } }
          }
          const { scrollWidth: scroll, clientWidth: client } = document.documentElement
          return { scroll, client }
        })
        t.equal(scroll, client, `${name}: nothing is beyond the edge`)
      }
    }
    t.same(browser.complaints(), [])
    await context.close()
  }
})
