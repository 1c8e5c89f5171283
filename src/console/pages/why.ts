/**
 * Why a call was refused, in sentences: what would permit it now, and in which ways that can be had.
 * @module
 */
import type { Answer } from '../answer.ts'
import { html, isLinkable, Url, type Html } from '../html.ts'
import { copyable, facts, foreign, table, time } from '../layout.ts'
import type { Page, Visit } from '../page.ts'
import { pagePath, queryOf } from '../paths.ts'
import { askForRefused } from './grants.ts'
import { contact } from './plain.ts'

export const whyPage: Page = {
  path: '/why/:decision',
  nav: null,
  async show({ params, query, ask, site, formToken }) {
    const decision = params.get('decision') ?? ''
    const need = query.get('need') ?? null
    const why = await ask(`/_harness/decisions/${encodeURIComponent(decision)}${queryOf({ need })}`)
    const isPermitted = why.text('now', 'verdict') === 'permit'
    return {
      title: 'Why was it refused?',
      body: html`${whatHappened(why)}
        <h2>Now</h2>
        ${isPermitted ? html`<p class="good">The same call would be permitted now. Send it again.</p>` : nowRefused(why)}
        ${isPermitted ? null : askHere(why, formToken, need === null ? decision : `${decision}.${need}`)}
        ${isPermitted ? null : howToGetIt(why, site.publicUrl, decision, need)}
        <h2>Whom to ask</h2>
        ${contact(site, decision)}`,
    }
  },
}

/** The latest refusal on this replica, for who has no link at hand. */
export const latestWhyPage: Page = {
  path: '/why',
  nav: 'Why refused',
  async show({ ask, site }: Visit) {
    const latest = await ask('/_harness/decisions')
    const to = Url.to(pagePath('why', latest.text('decision')))
    return {
      title: 'Your latest refusal',
      body: html`${whatHappened(latest)}
        <p class="actions"><a class="button" href="${to}">Why, and what would lift it</a></p>
        <p class="quiet">
          Of this replica. Each refusal has a link of its own in its message, and
          <code>azureml-harness why</code> takes it, too.
        </p>
        <h2>Whom to ask</h2>
        ${contact(site, latest.text('decision'))}`,
    }
  },
}

function whatHappened(why: Answer): Html {
  const resource = why.text('call', 'resource', 'id')
  const message = why.textOrNull('refusal', 'message')
  const groups = why.list('memberships').map((one) => one.textOrNull('name') ?? one.text('id'))
  return html`<p>
      You asked for <code>${why.text('call', 'action')}</code> on <code>${foreign(resource)}</code>.
      ${message === null ? null : html`The gateway refused: <strong>${foreign(message)}</strong>.`}
    </p>
    ${facts([
      ['When', why.isThere('time') ? time(why.text('time')) : null],
      ['Who', foreign(why.text('principal', 'id'))],
      ['Groups and roles that count', groups.length === 0 ? 'none' : foreign(groups.join(', '))],
      ['Code', why.textOrNull('refusal', 'code')],
      ['Decision', why.text('decision')],
    ])}`
}

function nowRefused(why: Answer): Html {
  const forbids = why
    .list('forbids')
    .map(
      (one) =>
        html`<li><strong>${foreign(one.text('id'))}</strong>: ${foreign(one.text('reason'))}</li>`,
    )
  return html`<p>
      It would be refused again: ${foreign(why.text('reason'))}.
      ${why.textOrNull('remedy') === null ? null : html`What helps: ${foreign(why.text('remedy'))}.`}
    </p>
    ${
      forbids.length === 0
        ? null
        : html`<p>Policies that forbid it, whatever else you have:</p>
            <ul>
              ${forbids}
            </ul>`
    }`
}

function howToGetIt(why: Answer, publicUrl: string, decision: string, need: string | null): Html {
  const rows = why
    .list('templates')
    .map((one) => [
      foreign(one.text('template')),
      html`${one.number('actions')}`,
      html`${one.number('deletes')}`,
      html`${one.number('secrets')}`,
    ])
  const ways = why.list('ways').map((way) => html`<li>${wayOf(way)}</li>`)
  const proposal = why.textOrNull('proposal')
  const link = `${publicUrl}/_harness/decisions/${decision}${queryOf({ need })}`
  return html`<h2>What would lift it</h2>
    ${
      rows.length === 0
        ? html`<p>
            No template that you may be told of would permit it. Ask, with the decision below.
          </p>`
        : table(
            'Templates that would permit it, and what each of them would add to what you have',
            ['Template', 'Actions', 'of them delete', 'of them show secrets'],
            rows,
          )
    }
    ${
      ways.length === 0
        ? null
        : html`<h3>Ask for it</h3>
            <ul>
              ${ways}
            </ul>`
    }
    ${proposal === null ? null : copyable('For whoever keeps a clone of the policies', proposal)}
    ${copyable('The same in a shell', `azureml-harness why '${link}'`)}`
}

/** Where a grant of the gateway's would permit it, it can be asked for at once. */
function askHere(why: Answer, formToken: Visit['formToken'], refusal: string): Html | null {
  if (!why.list('ways').some((way) => way.text('way') === 'grant')) return null
  return html`<h2>Ask for access for a time</h2>
    ${askForRefused(formToken, refusal)}`
}

const WAYS: ReadonlyMap<string, string> = new Map([
  ['link', 'Ask for it elsewhere'],
  ['pull-request', 'Propose the change of the policies'],
  ['grant', 'Ask for a grant'],
])

function wayOf(way: Answer): Html {
  const name = WAYS.get(way.text('way')) ?? way.text('way')
  const url = way.textOrNull('url')
  const [usual, most] = [way.textOrNull('for', 'default'), way.textOrNull('for', 'max')]
  const changedBy = way.list('changedBy').map((one) => one.text())
  const note = way.textOrNull('note')
  return html`${
    url === null || !isLinkable(url)
      ? html`${name}`
      : html`<a href="${Url.to(url)}" rel="noreferrer">${name}</a>`
  }${way.isThere('template') ? html`: ${foreign(way.text('template'))}` : null}${
    usual === null ? null : html`, for ${usual} (at most ${most})`
  }${changedBy.length === 0 ? null : html`, changed by ${foreign(changedBy.join(', '))}`}.
  ${note === null ? null : html`<span class="said">${foreign(note)}</span>`}`
}
