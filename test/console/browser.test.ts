/** The browser of the tests: a page that breaks its own security policy, or fails, is told of. */
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { accessibilityFaults, noBrowser, openBrowser } from './browser.ts'

t.setTimeout(120_000)

t.test('complaints of a page', { skip: noBrowser() }, async (t) => {
  const pages: Record<string, string> = {
    '/plain': '<!doctype html><html lang="en"><title>x</title><main><h1>x</h1></main></html>',
    '/inline':
      '<!doctype html><html lang="en"><title>x</title><main><h1 style="color: red">x</h1></main></html>',
    '/picture': '<!doctype html><html lang="en"><title>x</title><main><img src="/p.png"></main>',
  }
  const policy = "default-src 'none'; img-src 'self'"
  const server = createServer((request, response) => {
    const html = pages[request.url ?? '']
    const headers = { 'content-type': 'text/html', 'content-security-policy': policy }
    response.writeHead(html === undefined ? 404 : 200, headers).end(html)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const browser = await openBrowser()
  t.teardown(async () => {
    await browser.close()
    server.close()
  })
  const page = await (await browser.person()).newPage()
  const at = (path: string): string =>
    `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`
  await page.goto(at('/plain'))
  t.same(browser.complaints(), [])
  t.same(await accessibilityFaults(page), [])
  await page.goto(at('/inline'))
  t.match(browser.complaints().join('\n'), /Content Security Policy/)
  await page.goto(at('/picture'))
  t.match((await accessibilityFaults(page)).join('\n'), /image-alt/)
})
