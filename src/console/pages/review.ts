/**
 * One review: what would change, where its models come from, who has said what; and the reviewer's own word.
 * @module
 */
import type { Answer } from '../answer.ts'
import type { Fields } from '../form.ts'
import { html, Url, type Html } from '../html.ts'
import { facts, foreign, form, table, time } from '../layout.ts'
import type { OwnPath, Page, Visit } from '../page.ts'
import { pagePath, queryOf, SIGN_IN } from '../paths.ts'

const pathOf = (id: string): OwnPath => `/_harness/api/reviews/${encodeURIComponent(id)}`

export const reviewPage: Page = {
  path: '/reviews/:id',
  nav: null,
  async show(visit) {
    const id = visit.params.get('id') ?? ''
    const review = await visit.ask(pathOf(id))
    return {
      title: `Review ${id}`,
      body: html`${whatIsAsked(review)}
        <h2>What would change</h2>
        ${differences(review)} ${metrics(review)} ${lineage(review)}
        <h2>What was said</h2>
        ${timeline(review)} ${missing(review)} ${ownWord(visit, review, id)}`,
    }
  },
  async send({ ask, params }, fields) {
    const id = params.get('id') ?? ''
    await ask(`${pathOf(id)}/verdicts`, verdictIn(fields))
    return { goTo: pagePath('reviews', id) }
  },
}

/** What the API is sent; it looks at all of it. */
function verdictIn(fields: Fields): object {
  const given = ['verdict', 'shownDigest', 'comment', 'ticket'].flatMap((name) => {
    const value = fields.get(name) ?? ''
    return value === '' ? [] : [[name, value] as const]
  })
  return Object.fromEntries(given)
}

function whatIsAsked(review: Answer): Html {
  const names = review.list('names').map((one) => one.text())
  const reviewers = review.list('owners', 'reviewers').map((one) => one.text())
  const because = review.list('asks').map((one) => html`<li>${foreign(one.text('reason'))}</li>`)
  return html`${facts([
      ['State', stateOf(review)],
      ['Until', review.isThere('until') ? time(review.text('until')) : null],
      ['Author', foreign(review.text('author'))],
      ['Asked', time(review.textOrNull('asked'))],
      ['Call', html`${review.text('method')} <code>${foreign(review.text('target'))}</code>`],
      ['Concerns', names.length === 0 ? null : foreign(names.join(', '))],
      ['Reason', review.isThere('reason') ? foreign(review.text('reason')) : null],
      ['Ticket', review.textOrNull('ticket')],
      ['Owners', reviewers.length === 0 ? null : foreign(reviewers.join(', '))],
      [
        'Who has a part in it',
        foreign(
          review
            .list('authors')
            .map((one) => one.text())
            .join(', '),
        ),
      ],
      ['Let through before its review', overrideOf(review)],
    ])}
    <p>It needs a review because:</p>
    <ul>
      ${because}
    </ul>`
}

function stateOf(review: Answer): Html {
  const state = review.text('state')
  if (state === 'approved') return html`<span class="good">${state}</span>`
  return ['rejected', 'damaged'].includes(state)
    ? html`<span class="bad">${state}</span>`
    : html`${state}`
}

function overrideOf(review: Answer): Html | null {
  if (!review.isThere('override')) return null
  return html`by ${foreign(review.text('override', 'by'))},
  ${time(review.textOrNull('override', 'at'))}; review afterwards:
  ${review.text('override', 'afterwards')}, due ${time(review.textOrNull('override', 'due'))}`
}

function differences(review: Answer): Html {
  const rows = review
    .list('shown', 'differences')
    .map((one) => [
      html`<code>${foreign(one.text('at'))}</code>`,
      one.isThere('from') ? html`<del>${foreign(one.text('from'))}</del>` : html`(nothing)`,
      one.isThere('to') ? html`<ins>${foreign(one.text('to'))}</ins>` : html`(nothing)`,
    ])
  const more = review.number('shown', 'more')
  if (rows.length === 0) return html`<p>Nothing differs from what is there now.</p>`
  return html`${table('From what is there now to what is asked for; secrets are hidden', ['Where', 'Now', 'Then'], rows)}
  ${more === 0 ? null : html`<p>And ${more} more differences.</p>`}`
}

function metrics(review: Answer): Html | null {
  const models = review.list('shown', 'metrics')
  if (models.length === 0) return null
  const tables = models.map((one) => {
    const rows = one
      .list('values')
      .map((value) => [
        foreign(value.text('name')),
        html`${value.isThere('now') ? value.text('now') : 'none'}`,
        html`${value.isThere('next') ? value.text('next') : 'none'}`,
      ])
    const notes = one.list('notes').map((note) => html`<li>${foreign(note.text())}</li>`)
    return html`<h3>${foreign(shortModel(one.text('model')))}</h3>
      ${
        rows.length === 0
          ? null
          : table(
              `Beside ${one.isThere('serves') ? shortModel(one.text('serves')) : 'nothing that serves'}`,
              ['Metric', 'Now', 'Then'],
              rows,
            )
      }
      <ul>
        ${notes}
      </ul>`
  })
  return html`<h2>Metrics</h2>
    ${tables}`
}

const shortModel = (id: string): string => id.slice(id.lastIndexOf('/models/') + 1)

function lineage(review: Answer): Html | null {
  const models = review.list('shown', 'lineage')
  if (models.length === 0) return null
  const unknown = html`<span class="quiet">unknown</span>`
  const told = (one: Answer, name: string): Html =>
    one.isThere(name) ? foreign(one.text(name)) : unknown
  const rows = models.map((one) => [
    html`<code>${foreign(one.text('model'))}</code>`,
    told(one, 'author'),
    told(one, 'job'),
    told(one, 'jobAuthor'),
    told(one, 'commit'),
    told(one, 'environment'),
    foreign(
      one
        .list('inputs')
        .map((input) => input.text())
        .join(', '),
    ),
  ])
  return html`<h2>Where its models come from</h2>
    ${table(
      'As Azure tells it',
      ['Model', 'Registered by', 'Made by job', 'Of', 'Commit', 'Environment', 'Inputs'],
      rows,
    )}`
}

function timeline(review: Answer): Html {
  const said = [
    ...review.list('verdicts').map((one) => ({
      at: one.text('at'),
      by: one.text('by'),
      what: one.text('verdict'),
      more: one.text('comment'),
    })),
    ...review.list('uses').map((one) => ({
      at: one.text('at'),
      by: one.text('by'),
      what: `used (${one.textOrNull('outcome') ?? 'under way'})`,
      more: '',
    })),
    ...review.list('notices').map((one) => ({
      at: one.text('at'),
      by: one.text('channel'),
      what: `told: ${one.text('event')}`,
      more: one.text('outcome'),
    })),
  ].toSorted((one, other) => one.at.localeCompare(other.at))
  if (said.length === 0) return html`<p>Nothing yet.</p>`
  const rows = said.map(({ at, by, what, more }) => [
    time(at),
    foreign(by),
    html`${what}`,
    html`<span class="said">${foreign(more)}</span>`,
  ])
  return table('In the order of time', ['When', 'Who', 'What', 'Comment'], rows)
}

function missing(review: Answer): Html | null {
  if (review.text('state') !== 'open') return null
  const lines = review.list('missing').map((one) => {
    const [have, need] = [one.number('have'), one.number('need')]
    return html`<li>${foreign(one.text('policy'))}: ${have} of ${need} approved</li>`
  })
  return lines.length === 0
    ? null
    : html`<p>Still missing:</p>
        <ul>
          ${lines}
        </ul>`
}

/** What the person can say of it. The digest says what they were shown. */
function ownWord({ principal, formToken }: Visit, review: Answer, id: string): Html {
  const afterwards = review.text('override', 'afterwards')
  const isOpen =
    ['open', 'approved'].includes(review.text('state')) || ['due', 'overdue'].includes(afterwards)
  const mayReview = review.isTrue('mayReview') && isOpen
  const isAuthor = review.text('author') === principal.id && isOpen
  const content = html`<input
      type="hidden"
      name="shownDigest"
      value="${review.text('shownDigest')}"
    />
    <label for="comment">Comment</label>
    <textarea id="comment" name="comment" maxlength="4096"></textarea>
    <p class="actions">
      ${mayReview ? html`<button name="verdict" value="approve">Approve</button>` : null}
      ${mayReview ? html`<button class="second" name="verdict" value="reject">Reject</button>` : null}
      ${isAuthor ? html`<button class="second" name="verdict" value="withdraw">Withdraw</button>` : null}
      <button class="second" name="verdict" value="comment">Comment</button>
    </p>`
  return html`<h2>Your word</h2>
    ${mayReview ? null : withoutVerdict(principal.issuer, id)}
    ${form(pagePath('reviews', id), formToken, content)}
    <p class="quiet">The same in a shell: <code>azureml-harness approvals show ${id}</code></p>`
}

/** Policy may ask for a fresher sign-in than the person's before a verdict counts. */
function withoutVerdict(issuer: string, id: string): Html {
  const query = queryOf({ issuer, to: pagePath('reviews', id), again: '1' })
  return html`<p>
    A verdict of yours does not count here now: you can comment. Where policy asks reviewers for a
    fresh sign-in, <a href="${Url.to(`${SIGN_IN}${query}`)}">sign in again</a>.
  </p>`
}
