/**
 * A browser for tests of pages: Debian's Chromium by playwright-core. What the page itself complains of fails the test.
 * @module
 */
import { existsSync } from 'node:fs'
import axe from 'axe-core'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'

const EXECUTABLE = '/usr/bin/chromium'
const ABOUT_STATUS = 'Failed to load resource: the server responded with a status of'

export interface Look {
  /** Light unless asked for. */
  readonly colorScheme?: 'light' | 'dark'
  /** As on a telephone. */
  readonly narrow?: boolean
  /** Scripts off. */
  readonly withoutScripts?: boolean
}

export interface TestBrowser {
  /** A person's browser: cookies and pages of its own. */
  person(look?: Look): Promise<BrowserContext>
  /** What pages have complained of since the last time: errors, warnings of their security policy. */
  complaints(): readonly string[]
  close(): Promise<void>
}

/** Whether tests can have a browser here; the reason if not. In CI there is one, or the test fails. */
export function noBrowser(): string | false {
  if (process.env['CI'] !== undefined) return false
  return existsSync(EXECUTABLE) ? false : `no ${EXECUTABLE} here: apt-get install chromium`
}

export async function openBrowser(): Promise<TestBrowser> {
  // root has no sandbox in a container; the pages are this repository's own
  const args = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu']
  const browser: Browser = await chromium.launch({ executablePath: EXECUTABLE, args })
  const said: string[] = []

  const listen = (page: Page): void => {
    page.on('pageerror', (error) => said.push(`${page.url()}: ${error.message}`))
    page.on('console', (message) => {
      const text = message.text()
      // a refusal is a page like any other
      if (['error', 'warning'].includes(message.type()) && !text.startsWith(ABOUT_STATUS))
        said.push(`${page.url()}: ${text}`)
    })
  }

  return {
    async person({ colorScheme = 'light', narrow = false, withoutScripts = false } = {}) {
      const context = await browser.newContext({
        // the lab's authority is not the machine's
        ignoreHTTPSErrors: true,
        javaScriptEnabled: !withoutScripts,
        colorScheme,
        viewport: narrow ? { width: 360, height: 740 } : { width: 1200, height: 800 },
      })
      context.setDefaultTimeout(30_000)
      context.on('page', listen)
      return context
    },
    complaints: () => said.splice(0),
    close: () => browser.close(),
  }
}

/** Faults of accessibility on the page as it is now, one line each (WCAG 2.2 A and AA, and axe's best practices). */
export async function accessibilityFaults(page: Page): Promise<readonly string[]> {
  // by the protocol, past the page's own policy
  await page.evaluate(axe.source)
  return page.evaluate(async () => {
    const { axe: injected } = globalThis as unknown as {
      axe: { run: (where: unknown) => Promise<{ violations: Violation[] }> }
    }
    interface Violation {
      readonly id: string
      readonly help: string
      readonly nodes: { readonly html: string }[]
    }
    const { document } = globalThis as unknown as { document: unknown }
    return (await injected.run(document)).violations.map(
      ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' | ')}`,
    )
  })
}
