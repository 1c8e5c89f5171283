/**
 * Pages around the others: signing in and out, refusals, and forms whose sending failed.
 * @module
 */
import type { Answer } from '../answer.ts'
import { TOKEN_FIELD, type Fields } from '../form.ts'
import { html, isLinkable, joined, Url, type Html } from '../html.ts'
import { foreign } from '../layout.ts'
import type { Site, View } from '../page.ts'
import { HOME, queryOf, SIGN_IN, SIGNED_IN } from '../paths.ts'

export function signInView(issuers: readonly string[], to: string): View {
  const links = issuers.map(
    (issuer) =>
      html`<li>
        <a class="button" href="${Url.to(`${SIGN_IN}${queryOf({ issuer, to: printable(to) })}`)}"
          >Sign in with ${issuer}</a
        >
      </li>`,
  )
  return {
    title: 'Sign in',
    body: html`<p>Choose where your account is.</p>
      <ul class="choices">
        ${links}
      </ul>`,
  }
}

/** What is no part of a link is none of a page's either. */
function printable(to: string): string {
  return /^[!-~]*$/u.test(to) ? to : HOME
}

/** @param at where the person signs out at the issuer, too */
export function signedOut(issuer: string | null, at: string | null): View {
  const again = Url.to(`${SIGN_IN}${queryOf({ issuer, again: '1' })}`)
  return {
    title: 'You are signed out',
    body: html`<p>This browser shows nothing of yours any more.</p>
      ${
        at === null || !isLinkable(at)
          ? null
          : html`<p>
              ${issuer} may still know you: <a href="${Url.to(at)}">sign out there, too</a>.
            </p>`
      }
      <p class="actions"><a class="button" href="${again}">Sign in again</a></p>`,
  }
}

export function signedIn(): View {
  return {
    title: 'You are signed in',
    body: html`<p>Go back to the page with your form, and send it again.</p>
      <p class="actions"><a class="button" href="${Url.to(HOME)}">My access</a></p>`,
  }
}

/** @param from the page to come back to after another sign-in; null if there is none */
export function refusalView(answer: Answer, site: Site, from: string | null): View {
  const code = answer.text('error', 'code')
  const info = answer.at('error').list('additionalInfo')[0]?.at('info')
  const decision = info?.textOrNull('decisionId') ?? null
  return {
    title: titleOf(code),
    body: html`<p class="said">${foreign(sentence(answer))}</p>
      ${signInAgain(code, from)}
      <h2>Whom to ask</h2>
      ${contact(site, decision)}`,
  }
}

function titleOf(code: string): string {
  if (code === 'not_found') return 'There is no such page for you'
  if (code === 'sign_in_failed' || code === 'revoked') return 'You are not signed in'
  return 'That did not work'
}

function sentence(answer: Answer): string {
  const message = answer.text('error', 'message')
  const text = message === '' ? 'the gateway gave no reason' : message
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`
}

/** What asks for a fresh or stronger sign-in. */
const STEP_UP = new Set(['insufficient_claims', 'insufficient_scope', 'sign_in_failed', 'expired_token', 'invalid_token']) // prettier-ignore

function signInAgain(code: string, from: string | null): Html | null {
  if (!STEP_UP.has(code)) return null
  const to = Url.to(
    `${SIGN_IN}${queryOf({ to: from === null ? HOME : printable(from), again: '1' })}`,
  )
  return html`<p class="actions"><a class="button" href="${to}">Sign in again</a></p>`
}

/** Whom people can ask. @param decision of what they ask about */
export function contact({ help }: Site, decision: string | null): Html {
  if (help === null) return html`<p>Ask whoever runs this gateway.</p>`
  const { url } = help
  const address = url?.replace('{decision}', decision ?? '')
  const link =
    address === undefined || !isLinkable(address)
      ? null
      : html` <a href="${Url.to(address)}" rel="noreferrer">Ask there</a>.`
  return html`<p>Ask ${foreign(help.contact)}.${link}</p>
    ${decision === null ? null : html`<p class="quiet">Decision ${decision}</p>`}`
}

/** A form that came when its session was over: what was typed is still there, to be sent once more. */
export function expiredForm(path: string, fields: Fields): View {
  return {
    title: 'Your session is over',
    body: html`<p class="notice">
        Nothing was sent, and nothing is lost.
        <a href="${Url.to(`${SIGN_IN}${queryOf({ to: SIGNED_IN })}`)}" target="_blank"
          >Sign in in a new tab</a
        >, come back to this one, and send the form again.
      </p>
      ${sameForm(path, fields, fields.get(TOKEN_FIELD) ?? '')}`,
  }
}

interface SentForm {
  readonly path: string
  readonly fields: Fields
  readonly formToken: (path: string) => string
}

/** A form that the API refused, with the reason. */
export function keptForm(answer: Answer, site: Site, { path, fields, formToken }: SentForm): View {
  const refused = refusalView(answer, site, null)
  const code = answer.text('error', 'code')
  const isStepUp = STEP_UP.has(code)
  const again = Url.to(`${SIGN_IN}${queryOf({ to: SIGNED_IN, again: '1' })}`)
  return {
    title: refused.title,
    body: html`<p class="notice said">${foreign(sentence(answer))}</p>
      ${isStepUp ? html`<p><a href="${again}" target="_blank">Sign in again in a new tab</a>, and send the form once more.</p>` : null}
      ${sameForm(path, fields, formToken(path))}`,
  }
}

function sameForm(path: string, fields: Fields, token: string): Html {
  const inputs = [...fields].flatMap(([name, value]) =>
    name === TOKEN_FIELD ? [] : [fieldOf(name, value)],
  )
  return html`<form method="post" action="${Url.to(path)}">
    <input type="hidden" name="${TOKEN_FIELD}" value="${token}" />
    ${joined(inputs)}
    <p class="actions"><button>Send again</button></p>
  </form>`
}

/** Fields that people type are shown; all others are sent as they were. */
const TYPED: ReadonlyMap<string, string> = new Map([
  ['comment', 'Comment'],
  ['reason', 'Reason'],
  ['ticket', 'Ticket'],
  ['for', 'For how long'],
])

/** A parser drops the first line break after the tag. */
const FIRST_LINE = '\n'

function fieldOf(name: string, value: string): Html {
  const label = TYPED.get(name)
  if (label === undefined) return html`<input type="hidden" name="${name}" value="${value}" />`
  return html`<label for="field-${name}">${label}</label>
    <textarea id="field-${name}" name="${name}">${FIRST_LINE}${value}</textarea>`
}
