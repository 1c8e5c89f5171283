/**
 * All pages of the console, in the order of the navigation, and which of them a path is.
 * @module
 */
import type { Page } from '../page.ts'
import { HOME } from '../paths.ts'
import { accessPage } from './access.ts'
import { grantPage } from './grant.ts'
import { grantsPage } from './grants.ts'
import { policyPage } from './policy.ts'
import { recordsCsv, recordsJson, recordsPage } from './records.ts'
import { reviewPage } from './review.ts'
import { reviewsPage } from './reviews.ts'
import { statePage } from './state.ts'
import { latestWhyPage, whyPage } from './why.ts'

export const PAGES: readonly Page[] = [
  accessPage,
  latestWhyPage,
  whyPage,
  reviewsPage,
  reviewPage,
  grantsPage,
  grantPage,
  recordsPage,
  recordsCsv,
  recordsJson,
  policyPage,
  statePage,
]

const ROUTES = PAGES.map((page) => ({ page, parts: page.path.split('/') }))

/** The page of a path, with its open parts decoded; null if there is none. */
export function findPage(
  path: string,
): { readonly page: Page; readonly params: ReadonlyMap<string, string> } | null {
  if (path !== HOME && !path.startsWith(`${HOME}/`)) return null
  const asked = path.slice(HOME.length).split('/')
  for (const { page, parts } of ROUTES) {
    if (parts.length !== asked.length) continue
    const params = new Map<string, string>()
    const isIt = parts.every((part, index) => {
      const given = asked[index] ?? ''
      if (!part.startsWith(':')) return part === given
      // parseTarget has looked at it
      params.set(part.slice(1), decodeURIComponent(given))
      return given !== ''
    })
    if (isIt) return { page, params }
  }
  return null
}
