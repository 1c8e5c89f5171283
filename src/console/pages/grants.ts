/**
 * Access for a time: what the person has asked for and holds, what waits for their approval, and a form to ask.
 * @module
 */
import type { Answer } from '../answer.ts'
import type { Fields } from '../form.ts'
import { html, Url, type Html } from '../html.ts'
import { foreign, form, table, time } from '../layout.ts'
import { ApiRefusal, type Page, type Visit } from '../page.ts'
import { pagePath, queryOf } from '../paths.ts'
import { choices, type Choices } from './choices.ts'

const PATH = pagePath('access')
const WHOSE: readonly (readonly [string, string])[] = [
  ['mine', 'Mine'],
  ['me', 'For me to decide'],
  ['all', 'All that I may see'],
]
const STATES = ['current', 'open', 'active', 'denied', 'ended', 'expired', 'void', 'damaged', 'all']
const CHOICES: Choices = { path: PATH, label: 'Whose access', whose: WHOSE, states: STATES }

export const grantsPage: Page = {
  path: '/access',
  nav: 'Access',
  async show(visit) {
    const to = visit.query.get('to') ?? 'mine'
    const state = visit.query.get('state') ?? 'current'
    const list = await listed(visit, to, state)
    return {
      title: 'Access for a time',
      body:
        list === null
          ? html`<p class="notice">This gateway gives no access for a time.</p>`
          : html`${choices(CHOICES, to, state)} ${list}
              <h2>Ask for access</h2>
              ${askForm(visit)}`,
    }
  },
  async send({ ask }, fields) {
    const asked = await ask('/_harness/api/grants', given(fields, ASKED))
    return { goTo: pagePath('access', asked.text('id')) }
  },
}

const ASKED = ['refusal', 'template', 'resource', 'for', 'reason', 'ticket']

/** Fields that were filled in, by these names. */
export function given(fields: Fields, names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = fields.get(name) ?? ''
      return value === '' ? [] : [[name, value] as const]
    }),
  )
}

/** Null for a gateway that gives no grants. */
async function listed({ ask }: Visit, to: string, state: string): Promise<Html | null> {
  let answer: Answer
  try {
    answer = await ask(`/_harness/api/grants${queryOf({ state, to })}`)
  } catch (error) {
    if (error instanceof ApiRefusal && error.answer.text('error', 'code') === 'unknown_operation')
      return null
    throw error
  }
  const rows = answer
    .list('value')
    .map((one) => [
      html`<a href="${Url.to(pagePath('access', one.text('id')))}">${one.text('id')}</a>`,
      html`${one.text('state')}`,
      foreign(one.text('template')),
      foreign(placeOf(one)),
      foreign(one.text('grantee', 'id')),
      html`${one.text('for')}${one.isThere('extension') ? html`, and ${one.text('extension')} more asked for` : null}`,
      time(one.textOrNull('until'), ''),
      foreign(one.text('reason')),
    ])
  if (rows.length === 0)
    return html`<p>
      There are none. The same in a shell: <code>azureml-harness access list</code>.
    </p>`
  return table(
    'Latest first',
    ['Grant', 'State', 'Template', 'Where', 'For whom', 'How long', 'Until', 'Reason'],
    rows,
  )
}

/** The end of the ARM id that is granted. */
export function placeOf(grant: Answer): string {
  const id = grant.text('resource', 'id')
  return id.slice(id.lastIndexOf('/') + 1)
}

function askForm({ formToken, query }: Visit): Html {
  const content = html`<label for="template">Template</label>
    <input
      type="text"
      id="template"
      name="template"
      value="${query.get('template') ?? ''}"
      maxlength="64"
      required
    />
    <label for="resource">Where (name of a workspace, or an ARM id)</label>
    <input
      type="text"
      id="resource"
      name="resource"
      value="${query.get('resource') ?? ''}"
      maxlength="1024"
      required
    />
    ${reasonFields()}
    <p class="actions"><button>Ask</button></p>`
  return form(PATH, formToken, content)
}

/** For how long, and why: of a request and of an extension. */
export function reasonFields(): Html {
  return html`<label for="for">For how long, such as 30m, 8h or 7d (empty: what is usual)</label>
    <input type="text" id="for" name="for" maxlength="16" />
    <label for="reason">Reason</label>
    <input type="text" id="reason" name="reason" maxlength="500" required />`
}

/** A form by which the grant that a refused call needs is asked for. @param refusal what follows "why" in the refusal */
export function askForRefused(formToken: Visit['formToken'], refusal: string): Html {
  return form(
    PATH,
    formToken,
    html`<input type="hidden" name="refusal" value="${refusal}" />
      ${reasonFields()}
      <p class="actions"><button>Ask for a grant</button></p>`,
  )
}
