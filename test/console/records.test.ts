/** Records and the state of the gateway, as pages: found by those who may, and refused to all others; in each look. */
import { readFile } from 'node:fs/promises'
import type { Page } from 'playwright-core'
import t from 'tap'
import { V, W, type Reviewing } from '../approvals/support.ts'
import { readCsv } from '../records/read-csv.ts'
import { accessibilityFaults, noBrowser, openBrowser, type TestBrowser } from './browser.ts'
import { signIn, startForPeople, titleOf } from './support.ts'

t.setTimeout(300_000)
const skip = noBrowser()
let reviewing: Reviewing
let browser: TestBrowser
const RECORDS = '/_harness/console/records'
const url = (): string => reviewing.world.url

let decision = ''
t.before(async () => {
  reviewing = await startForPeople()
  const { world, call } = reviewing
  const answer = await call('scientist', 'GET', `${W}/jobs${V}`)
  await world.settled(answer)
  decision = String(answer.headers['x-harness-decision-id'])
  await world.settled(await call('reader', 'DELETE', `${W}/jobs/a-job${V}`))
  if (skip === false) browser = await openBrowser()
})
t.teardown(async () => {
  await browser?.close()
  await reviewing.close()
})

t.test('a record is found, by filters that are in the address', { skip }, async (t) => {
  const context = await browser.person()
  const page = await signIn(context, url(), 'reviewer', RECORDS)
  t.equal(await titleOf(page), 'Records')
  t.match(
    await page.getByRole('status').innerText(),
    /Records of this replica, since .*: complete\./su,
  )
  await page.getByLabel('Action').fill('workspaces/jobs/delete')
  await page.getByLabel('Outcome').selectOption('refused')
  await page.getByRole('button', { name: 'Search' }).click()
  const at = new URL(page.url())
  t.match(at.search, /action=workspaces%2Fjobs%2Fdelete/u)
  t.equal(at.searchParams.get('outcome'), 'refused')
  t.match(await page.locator('main').innerText(), /0 permitted, 1 refused/u)
  t.equal(await page.getByRole('meter', { name: 'refused' }).count(), 1)
  const rows = page.getByRole('table', { name: 'The newest first' }).locator('tbody tr')
  t.equal(await rows.count(), 1)
  t.match(await rows.innerText(), 'okta/00u1reader')
  t.same(await accessibilityFaults(page), [])

  await page.goto(`${url()}${RECORDS}?decision=${decision}`)
  const found = page.getByRole('table', { name: 'The newest first' }).locator('tbody tr')
  t.equal(await found.count(), 1, 'what is recorded of one call is one row')
  t.match(await found.innerText(), /permitted/u)
  t.match(
    await page.locator('main').innerText(),
    /"RecordKind": "authorized"/u,
    'and there in full',
  )
  t.match(
    await page.getByLabel('The same on the command line', { exact: true }).innerText(),
    `audit search --decision '${decision}'`,
  )
  t.same(await accessibilityFaults(page), [])
  t.same(browser.complaints(), [])
  await context.close()
})

t.test('as files, with the same filters', { skip }, async (t) => {
  const context = await browser.person()
  const page = await signIn(context, url(), 'reviewer', `${RECORDS}?decision=${decision}`)
  const textOf = async (name: string): Promise<string> => {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name, exact: true }).click(),
    ])
    t.equal(download.suggestedFilename(), `records.${name.toLowerCase()}`)
    return readFile(await download.path(), 'utf8')
  }
  const rows = readCsv(await textOf('CSV'))
  t.same(
    rows.map(({ ExchangeId, RecordKind }) => [ExchangeId, RecordKind]),
    [
      [decision, 'completed'],
      [decision, 'authorized'],
    ],
  )
  t.match(JSON.parse(await textOf('JSON')), {
    complete: true,
    value: [{ ExchangeId: decision }, {}],
  })
  await context.close()
})

t.test('others’ records are not shown, and asking for them is refused', { skip }, async (t) => {
  const context = await browser.person()
  const page = await signIn(context, url(), 'outsider', RECORDS)
  const rows = page.getByRole('table', { name: 'The newest first' }).locator('tbody tr')
  for (const text of await rows.allInnerTexts()) t.notMatch(text, /00u1reader|402|401/u)
  await page.goto(`${url()}${RECORDS}?decision=${decision}`)
  t.match(await page.locator('main').innerText(), 'There is no such record that you may see')
  const answer = await page.goto(`${url()}${RECORDS}?who=okta/00u1reader`)
  t.equal(answer?.status(), 403)
  t.equal(await titleOf(page), 'That did not work')
  const csv = await page.request.get(`${url()}${RECORDS}.csv?who=okta/00u1reader`)
  t.equal(csv.status(), 403)
  t.notMatch(await csv.text(), /a-job/u)
  t.equal(
    (await page.request.get(`${url()}/_harness/api/records`)).status(),
    401,
    'the API takes no cookie',
  )
  await page.goto(`${url()}/_harness/console/state`)
  t.equal(await titleOf(page), 'That did not work')
  t.same(browser.complaints(), [])
  await context.close()
})

t.test(
  'a filter that is none is said beside the form, and the form keeps it',
  { skip },
  async (t) => {
    const context = await browser.person()
    const page = await signIn(context, url(), 'reviewer', `${RECORDS}?since=yesterday`)
    t.match(await page.getByRole('alert').innerText(), '"since"')
    t.equal(await page.getByLabel('Since').inputValue(), 'yesterday')
    await page.goto(`${url()}${RECORDS}?source=%22%3E%3Cscript%3Ealert(1)%3C/script%3E`)
    t.equal(await page.getByLabel('IP address').inputValue(), '"><script>alert(1)</script>')
    t.same(await accessibilityFaults(page), [])
    t.same(browser.complaints(), [])
    await context.close()
  },
)

t.test('the state in words, for operators', { skip }, async (t) => {
  const context = await browser.person()
  const page = await signIn(context, url(), 'reader', '/_harness/console/state')
  t.equal(await titleOf(page), 'State of this replica')
  const text = await page.locator('main').innerText()
  t.match(text, /ready: the gateway takes calls/u)
  for (const word of ['azure-monitor', 'entra', 'okta', 'ml-reader', 'records so far'])
    t.match(text, word)
  t.same(await accessibilityFaults(page), [])
  t.same(browser.complaints(), [])
  await context.close()
})

t.test('dark, narrow, and without scripts', { skip }, async (t) => {
  const paths = {
    reviewer: [`${RECORDS}?since=1h`, `${RECORDS}?decision=${decision}`],
    reader: ['/_harness/console/state'],
  }
  for (const look of [
    { colorScheme: 'dark' as const },
    { narrow: true },
    { withoutScripts: true },
  ]) {
    for (const [persona, own] of Object.entries(paths)) {
      const context = await browser.person(look)
      const page = await signIn(context, url(), persona)
      for (const path of own) {
        await page.goto(`${url()}${path}`)
        const name = `${path.replace(decision, '')} ${JSON.stringify(look)}`
        t.match(await titleOf(page), /^(?:Records|State of this replica)$/u, name)
        if (!('withoutScripts' in look)) t.same(await accessibilityFaults(page), [], name)
        if ('narrow' in look)
          t.equal(await beyondTheEdge(page), 0, `${name}: nothing is beyond the edge`)
      }
      await context.close()
    }
    t.same(browser.complaints(), [])
  }
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
