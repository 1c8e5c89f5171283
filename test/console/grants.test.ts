/** Access for a time, by pages alone: refused, asked for on the page that says why, approved, extended, ended. */
import t from 'tap'
import { startGranting, type Granting } from '../approvals/grants/support.ts'
import { V, W } from '../approvals/support.ts'
import { accessibilityFaults, noBrowser, openBrowser, type TestBrowser } from './browser.ts'
import { signIn, titleOf } from './support.ts'

t.setTimeout(240_000)
const skip = noBrowser()
let granting: Granting
let browser: TestBrowser

t.before(async () => {
  granting = await startGranting()
  if (skip === false) browser = await openBrowser()
})
t.teardown(async () => {
  await browser?.close()
  await granting.close()
})

const JOB = { properties: { jobType: 'Command', command: 'python train.py' } }
const submit = async (name: string) => granting.call('reader', 'PUT', `${W}/jobs/${name}${V}`, JOB)
const linkIn = (answer: { json(): unknown }): string => {
  const { error } = answer.json() as {
    error: { additionalInfo: { info: { access: { url: string } } }[] }
  }
  return error.additionalInfo[0]?.info.access.url ?? ''
}

t.test('from a refusal to a job that runs, and to the end', { skip }, async (t) => {
  const { url } = granting.world
  const refused = await submit('by-page')
  t.equal(refused.status, 403)
  const { pathname, search } = new URL(linkIn(refused))
  const to = `${pathname.replace('/decisions/', '/console/why/')}${search}`
  const reader = await signIn(await browser.person(), url, 'reader', to)
  await reader.getByLabel('Reason').fill('churn <model>')
  t.same(await accessibilityFaults(reader), [])
  await reader.getByRole('button', { name: 'Ask for a grant' }).click()
  await reader.getByRole('heading', { name: /^Grant / }).waitFor()
  t.same(await accessibilityFaults(reader), [])
  const id = (await titleOf(reader)).replace('Grant ', '')
  t.equal(
    await reader.getByRole('button', { name: 'Approve' }).count(),
    0,
    'nobody approves their own',
  )

  const inbox = '/_harness/console/access?to=me'
  const reviewer = await signIn(await browser.person(), url, 'reviewer', inbox)
  t.same(await accessibilityFaults(reviewer), [])
  await reviewer.getByRole('link', { name: id }).click()
  t.match(await reviewer.locator('main').innerText(), 'churn <model>')
  await reviewer.getByRole('button', { name: 'Approve' }).click()
  await reviewer.getByText('active', { exact: true }).waitFor()
  t.equal((await submit('by-page')).status, 201)
  const here = reader.url()
  await reader.goto(`${url}/_harness/console`)
  t.match(await reader.locator('main').innerText(), /data-scientist/u, 'a session knows it, too')
  await reader.goto(here)

  await reader.getByLabel('For how long').fill('2h')
  await reader.getByLabel('Reason').fill('more runs')
  await reader.getByRole('button', { name: 'Ask for more time' }).click()
  await reader.getByText('Extension asked for').waitFor()
  await reader.getByRole('button', { name: 'End it' }).click()
  await reader.getByText('ended', { exact: true }).waitFor()
  t.equal((await submit('by-page-2')).status, 403)
  t.same(browser.complaints(), [])
})

t.test('what is not offered is refused, and the form keeps what was typed', { skip }, async (t) => {
  const { url } = granting.world
  const page = await signIn(await browser.person(), url, 'outsider', '/_harness/console/access')
  await page.getByLabel('Template').fill('workspace-admin')
  await page.getByLabel('Where').fill(W)
  await page.getByLabel('Reason').fill('a long "reason"')
  await page.getByRole('button', { name: 'Ask', exact: true }).click()
  await page.getByRole('button', { name: 'Send again' }).waitFor()
  t.equal(await page.getByLabel('Reason').inputValue(), 'a long "reason"')
  t.match(await page.locator('main').innerText(), /offer/u)
  t.same(browser.complaints(), [])
})
