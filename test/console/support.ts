/**
 * People at the console of a gateway in the lab that keeps reviews, and policies of which somebody may see more than
 * their own.
 * @module
 */
import { AzureMachineLearningWorkspaces } from '@azure/arm-machinelearning'
import type { BrowserContext, Page } from 'playwright-core'
import { SUBSCRIPTION } from '../../lab/personas.ts'
import {
  BINDINGS,
  RELEASE,
  startReviewing,
  type Reviewing,
  type ReviewingOptions,
} from '../approvals/support.ts'

/** Opens a page of the console as a persona, through the sign-in page and the issuer's. */
export async function signIn(
  context: BrowserContext,
  url: string,
  persona: string,
  path = '/_harness/console',
): Promise<Page> {
  const page = await context.newPage()
  await page.goto(`${url}${path}`)
  await throughIssuer(page, persona)
  await page.waitForURL((at) => at.origin === url && !at.pathname.endsWith('/callback'))
  return page
}

/** From the sign-in page on. */
export async function throughIssuer(page: Page, persona: string): Promise<void> {
  const issuer = ['reader', 'service'].includes(persona) ? 'okta' : 'entra'
  await page.getByRole('link', { name: `Sign in with ${issuer}` }).click()
  await page.getByRole('link', { name: persona, exact: true }).click()
}

const MORE = `${BINDINGS}
  - id: auditors-on-ws-lab
    template: auditor
    principal: Group::"reviewers"
    resource: Workspace::"lab"
  - id: operators-of-gateway
    template: operator
    principal: Group::"okta/ml-readers"
    resource: Gateway::"gateway"
`
const HELD = RELEASE.replace('valid=1h', 'valid=1h hold=10m')

/** Changes of what serves are held until they are reviewed; reviewers read records and policies, readers the state. */
export function startForPeople(options: ReviewingOptions = {}): Promise<Reviewing> {
  const files = { 'release.cedar': HELD, ...options.files }
  return startReviewing({ bindings: MORE, ...options, files })
}

/** The title of the page that is shown. */
export async function titleOf(page: Page): Promise<string> {
  return (await page.getByRole('heading', { level: 1 }).textContent()) ?? ''
}

/** The published SDK, as a persona. */
export function clientOf({ world }: Reviewing, persona: string): AzureMachineLearningWorkspaces {
  const credential = {
    getToken: async () => ({
      token: await world.lab.token(persona),
      expiresOnTimestamp: Date.now() + 3_000_000,
    }),
  }
  const endpoint = world.url
  return new AzureMachineLearningWorkspaces(credential, SUBSCRIPTION, { endpoint })
}
