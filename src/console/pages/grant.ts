/**
 * One grant: what it gives to whom and until when, who has said what; to approve, deny, extend or end it.
 * @module
 */
import type { Answer } from '../answer.ts'
import { html, type Html } from '../html.ts'
import { facts, foreign, form, table, time } from '../layout.ts'
import type { OwnPath, Page, Visit } from '../page.ts'
import { pagePath } from '../paths.ts'
import { given, reasonFields } from './grants.ts'

const pathOf = (id: string): OwnPath => `/_harness/api/grants/${encodeURIComponent(id)}`

export const grantPage: Page = {
  path: '/access/:id',
  nav: null,
  async show(visit) {
    const id = visit.params.get('id') ?? ''
    const grant = await visit.ask(pathOf(id))
    return {
      title: `Grant ${id}`,
      body: html`${whatIsGranted(grant)}
        <h2>What was said</h2>
        ${timeline(grant)} ${ownWord(visit, grant, id)}`,
    }
  },
  async send({ ask, params }, fields) {
    const id = params.get('id') ?? ''
    if (fields.has('verdict'))
      await ask(`${pathOf(id)}/verdicts`, given(fields, ['verdict', 'shownDigest', 'comment']))
    else await ask(`${pathOf(id)}/extensions`, given(fields, ['for', 'reason']))
    return { goTo: pagePath('access', id) }
  },
}

function whatIsGranted(grant: Answer): Html {
  const approvers = grant.list('approvers').map((one) => one.text())
  const state = grant.text('state')
  return facts([
    ['State', state === 'active' ? html`<span class="good">${state}</span>` : html`${state}`],
    ['Why it gives nothing', grant.isThere('void') ? foreign(grant.text('void')) : null],
    ['Template', foreign(grant.text('template'))],
    ['Where', html`<code>${foreign(grant.text('resource', 'id'))}</code>`],
    ['For whom', foreign(grant.text('grantee', 'id'))],
    ['Asked by', foreign(grant.text('by'))],
    ['Asked', time(grant.textOrNull('asked'))],
    ['How long', `${grant.text('for')}, at most ${grant.text('most')}`],
    ['Extension asked for', grant.textOrNull('extension')],
    ['Since', grant.isThere('since') ? time(grant.text('since')) : null],
    ['Until', grant.isThere('until') ? time(grant.text('until')) : null],
    ['Reason', foreign(grant.text('reason'))],
    ['Ticket', grant.textOrNull('ticket')],
    ['Approvals needed', grant.text('reviewers')],
    ['Approvers', approvers.length === 0 ? null : foreign(approvers.join(', '))],
  ])
}

function timeline(grant: Answer): Html {
  const said = [
    ...grant.list('verdicts').map((one) => ({
      at: one.text('at'),
      by: one.text('by'),
      what: one.text('verdict'),
      more: one.text('comment'),
    })),
    ...grant.list('extensions').map((one) => ({
      at: one.text('at'),
      by: one.text('by'),
      what: `asks for ${one.text('for')} more`,
      more: one.text('reason'),
    })),
  ].toSorted((one, other) => one.at.localeCompare(other.at))
  if (said.length === 0) return html`<p>Nothing yet.</p>`
  const rows = said.map(({ at, by, what, more }) => [
    time(at),
    foreign(by),
    html`${what}`,
    foreign(more),
  ])
  return table('In the order of time', ['When', 'Who', 'What', 'Comment'], rows)
}

/** What the person can do about it. The digest says what they were shown. */
function ownWord({ principal, formToken }: Visit, grant: Answer, id: string): Html | null {
  const state = grant.text('state')
  const isAsked = state === 'open' || grant.isThere('extension')
  const mayApprove = grant.isTrue('mayApprove') && isAsked
  const isOwn = grant.text('grantee', 'id') === principal.id || grant.text('by') === principal.id
  const isLive = state === 'active' || state === 'open'
  const mayEnd = isLive && (isOwn || grant.isTrue('mayApprove'))
  const path = pagePath('access', id)
  const verdict = html`<input
      type="hidden"
      name="shownDigest"
      value="${grant.text('shownDigest')}"
    />
    <label for="comment">Comment</label>
    <input type="text" id="comment" name="comment" maxlength="500" />
    <p class="actions">
      ${mayApprove ? html`<button name="verdict" value="approve">Approve</button>` : null}
      ${mayApprove ? html`<button class="second" name="verdict" value="deny">Deny</button>` : null}
      ${mayEnd ? html`<button class="second" name="verdict" value="end">End it</button>` : null}
    </p>`
  const extension = html`${reasonFields()}
    <p class="actions"><button class="second">Ask for more time</button></p>`
  return html`${mayApprove || mayEnd ? html`<h2>Your word</h2>` : null}
    ${mayApprove || mayEnd ? form(path, formToken, verdict) : null}
    ${state === 'active' && isOwn ? html`<h2>Extend it</h2>` : null}
    ${state === 'active' && isOwn ? form(path, formToken, extension) : null}
    <p class="quiet">The same in a shell: <code>azureml-harness access show ${id}</code></p>`
}
