/**
 * A person at the console of a gateway in the lab.
 * @module
 */
import type { BrowserContext, Page } from 'playwright-core'

/** Opens a page of the console as a persona, through the sign-in page and the issuer's. */
export async function signIn(
  context: BrowserContext,
  url: string,
  persona: string,
  path = '/_harness/console',
): Promise<Page> {
  const page = await context.newPage()
  await page.goto(`${url}${path}`)
  const issuer = ['reader', 'service'].includes(persona) ? 'okta' : 'entra'
  await page.getByRole('link', { name: `Sign in with ${issuer}` }).click()
  await page.getByRole('link', { name: persona, exact: true }).click()
  await page.waitForURL((at) => at.origin === url && !at.pathname.endsWith('/callback'))
  return page
}
