/** What people type and what programs name: shown as it is, and not lost when a session is over. */
import naughty from 'big-list-of-naughty-strings' with { type: 'json' }
import t from 'tap'
import { html } from '../../src/console/html.ts'
import type { Reviewing } from '../approvals/support.ts'
import { reviewIn, V, W } from '../approvals/support.ts'
import { noBrowser, openBrowser, type TestBrowser } from './browser.ts'
import { signIn, startForPeople, titleOf } from './support.ts'

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

const MORE = [
  '"><svg onload=alert(1)>',
  '</textarea><script>alert(1)</script>',
  '</title><script>alert(1)</script>',
  '</bdi></td><img src=x onerror=alert(1)>',
  '{{constructor.constructor("alert(1)")()}}',
  "javascript:/*--></title></style></textarea></script></xmp><svg/onload='+/\"/+/onmouseover=1/+/[*/[]/+alert(1)//'>",
  '\n\nstarts with line breaks',
  '&lt;b&gt; &amp;amp; &#60;',
]
const corpus: readonly string[] = [...naughty, ...MORE].filter((one) => one !== '')
/** What a page cannot hold is shown as missing. */
const UNWRITABLE = /(?![\t\n\r])\p{Cc}|\p{Cs}|[\u{fdd0}-\u{fdef}]|[\ufffe\uffff]/gu
const shown = (text: string): string => text.replace(UNWRITABLE, '\u{fffd}')

t.test('a browser reads back what a template was given', { skip }, async (t) => {
  t.ok(corpus.length > 400)
  const items = corpus.map(
    (text) => html`<li title="${text}"><bdi>${text}</bdi><textarea>${'\n'}${text}</textarea></li>`,
  )
  const page = await (await browser.person()).newPage()
  await page.setContent(html`<!doctype html><html lang="en"><title>x</title><ul>${items}</ul></html>`.toString()) // prettier-ignore
  const read = await page.evaluate(() => {
    interface Element {
      readonly textContent: string
      readonly value: string
      readonly children: readonly Element[]
      getAttribute(name: string): string
      querySelectorAll(selector: string): Iterable<Element>
    }
    const { document } = globalThis as unknown as { document: Element }
    const kinds = new Set([...document.querySelectorAll('li *')].map((one) => (one as unknown as { localName: string }).localName)) // prettier-ignore
    return {
      kinds: [...kinds],
      items: [...document.querySelectorAll('li')].map((one) => [
        one.getAttribute('title'),
        one.children[0]?.textContent ?? '',
        one.children[1]?.value ?? '',
      ]),
    }
  })
  t.same(read.kinds, ['bdi', 'textarea'], 'no element is there that the template does not have')
  for (const [index, text] of corpus.entries()) {
    const [attribute, content, value] = read.items[index] ?? []
    t.equal(attribute, shown(text))
    t.equal(content, shown(text))
    // a field knows one kind of line break
    t.equal(value, shown(text).replaceAll(/\r\n?/gu, '\n'))
  }
  t.same(browser.complaints(), [])
})

interface Shown {
  readonly reason: string
  readonly shown: { readonly differences: readonly { readonly at: string; readonly to: string }[] }
  readonly verdicts: readonly { readonly comment: string }[]
}

t.test('names, tags, reasons and comments, through the gateway', { skip }, async (t) => {
  const printable = corpus.filter((text) => !/\p{C}/u.test(text))
  const reason = printable.find((text) => text.startsWith('<script>alert')) ?? ''
  t.ok(reason)
  const tags = Object.fromEntries(
    printable
      .slice(0, 160)
      .map((text, index) => [`t${index} ${Array.from(text).slice(0, 40).join('')}`, text]),
  )
  const body = { location: 'eastus', tags, properties: { authMode: 'AADToken' } }
  const asked = await reviewing.call('scientist', 'PUT', `${W}/onlineEndpoints/typed${V}`, body, {
    'x-harness-review': 'request',
    'x-harness-review-reason': encodeURIComponent(reason),
  })
  const { id } = reviewIn(asked)
  const path = `/_harness/api/reviews/${id}`
  const comments = printable.slice(160, 190)
  for (const comment of comments)
    await reviewing.call('scientist', 'POST', `${path}/verdicts`, { verdict: 'comment', comment })
  const told = (await reviewing.call('reviewer', 'GET', path)).json() as Shown

  const context = await browser.person()
  const page = await signIn(context, url(), 'reviewer', `/_harness/console/reviews/${id}`)
  const there = await page.locator('ins bdi').allTextContents()
  t.same(
    there,
    told.shown.differences.map(({ to }) => shown(to)),
  )
  t.ok(there.length > 100)
  const places = await page.locator('td code bdi').allTextContents()
  t.same(places, told.shown.differences.map(({ at }) => shown(at))) // prettier-ignore
  const said = await page.locator('.said bdi').allTextContents()
  for (const comment of comments) t.ok(said.includes(comment), comment)
  t.ok((await page.locator('dd bdi').allTextContents()).includes(told.reason))
  t.same(
    await page.locator('script:not([type=module]), iframe, svg, img, object, embed').count(),
    0,
  )
  t.same(browser.complaints(), [])
  await context.close()
})

t.test('a session that ends while somebody types', { skip }, async (t) => {
  const body = { location: 'eastus', properties: { authMode: 'AADToken' } }
  const asks = { 'x-harness-review': 'request' }
  const path = `${W}/onlineEndpoints/expiry${V}`
  const { id } = reviewIn(await reviewing.call('scientist', 'PUT', path, body, asks))
  for (const look of [{}, { withoutScripts: true }]) {
    const context = await browser.person(look)
    const page = await signIn(context, url(), 'reviewer', `/_harness/console/reviews/${id}`)
    const text = `\n long, "and" <b>typed</b>\n\nwith care ${JSON.stringify(look)}`
    await page.getByLabel('Comment', { exact: true }).fill(text)
    await context.clearCookies({ name: '__Host-harness' })
    await page.getByRole('button', { name: 'Comment' }).click()
    await page.getByText('Nothing was sent').waitFor()
    t.equal(await titleOf(page), 'Your session is over')
    t.equal(await page.getByLabel('Comment', { exact: true }).inputValue(), text)
    const [tab] = await Promise.all([
      context.waitForEvent('page'),
      page.getByRole('link', { name: 'Sign in in a new tab' }).click(),
    ])
    // the issuer still knows the person
    await tab.getByRole('link', { name: 'Sign in with entra' }).click()
    await tab.getByText('You are signed in').first().waitFor()
    await page.getByRole('button', { name: 'Send again' }).click()
    await page.getByRole('heading', { name: `Review ${id}` }).waitFor()
    const { verdicts } = (
      await reviewing.call('reviewer', 'GET', `/_harness/api/reviews/${id}`)
    ).json() as Shown
    t.equal(verdicts.at(-1)?.comment, text, 'it arrived as it was typed')
    t.same(browser.complaints(), [])
    await context.close()
  }
})
