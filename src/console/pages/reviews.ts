/**
 * Reviews: what waits for the person, what they have asked for, and all that they may see.
 * @module
 */
import type { Answer } from '../answer.ts'
import { html, Url, type Html } from '../html.ts'
import { foreign, table, time } from '../layout.ts'
import { ApiRefusal, type Page, type Visit } from '../page.ts'
import { pagePath, queryOf } from '../paths.ts'
import { choices, type Choices } from './choices.ts'

const PATH = pagePath('reviews')

const WHOSE: readonly (readonly [string, string])[] = [
  ['me', 'For me to review'],
  ['mine', 'Asked for by me'],
  ['all', 'All that I may see'],
]
const STATES = ['open', 'approved', 'rejected', 'withdrawn', 'expired', 'used', 'due', 'overdue', 'all'] // prettier-ignore
const CHOICES: Choices = { path: PATH, label: 'Whose reviews', whose: WHOSE, states: STATES }

export const reviewsPage: Page = {
  path: '/reviews',
  nav: 'Reviews',
  async show({ query, ask }) {
    const to = query.get('to') ?? 'me'
    const state = query.get('state') ?? 'open'
    const cursor = query.get('cursor') ?? null
    return {
      title: 'Reviews',
      body: html`${choices(CHOICES, to, state)} ${await listed(ask, { to, state, cursor })}`,
    }
  },
}

interface Filter {
  readonly [name: string]: string | null
  readonly to: string
  readonly state: string
  readonly cursor: string | null
}

async function listed(ask: Visit['ask'], filter: Filter): Promise<Html> {
  let answer: Answer
  try {
    answer = await ask(`/_harness/api/reviews${queryOf(filter)}`)
  } catch (error) {
    // a gateway that keeps none has no such route
    if (error instanceof ApiRefusal && error.answer.text('error', 'code') === 'unknown_operation')
      return html`<p class="notice">This gateway keeps no reviews.</p>`
    throw error
  }
  const rows = answer
    .list('value')
    .map((one) => [
      html`<a href="${Url.to(pagePath('reviews', one.text('id')))}">${one.text('id')}</a>`,
      html`${one.text('state')}`,
      html`${one.text('method')} ${foreign(nameOf(one.text('resource')))}`,
      foreign(one.text('author')),
      time(one.textOrNull('asked')),
      time(one.textOrNull('until')),
      one.isThere('reason') ? foreign(one.text('reason')) : html``,
    ])
  // a page can be empty before the last one
  if (rows.length === 0 && answer.textOrNull('cursor') !== null)
    return html`<p>There are none among those that were looked at.</p>
      ${next(answer, filter)}`
  if (rows.length === 0)
    return html`<p>
      There are none. The same in a shell: <code>azureml-harness approvals list</code>.
    </p>`
  return html`${table('A page of them', ['Review', 'State', 'Change', 'Author', 'Asked', 'Until', 'Reason'], rows)}
  ${next(answer, filter)}`
}

function next(answer: Answer, filter: Filter): Html | null {
  const cursor = answer.textOrNull('cursor')
  return cursor === null
    ? null
    : html`<p><a href="${Url.to(`${PATH}${queryOf({ ...filter, cursor })}`)}">More</a></p>`
}

/** The end of an ARM id, from its workspace or registry on. */
function nameOf(resource: string): string {
  return /\/(?:workspaces|registries)\/(.+)$/iu.exec(resource)?.[1] ?? resource
}
