/**
 * Policy: which version is in force, what is bound to whom and until when, and who can do what as a grid.
 * @module
 */
import type { Answer } from '../answer.ts'
import { html, Url, type Html } from '../html.ts'
import { facts, foreign, table, time } from '../layout.ts'
import { ApiRefusal, type Page, type Visit } from '../page.ts'
import { pagePath, queryOf } from '../paths.ts'
import { faults, provenance } from './provenance.ts'

const PATH = pagePath('policy')

/** What people ask about most. */
const USUAL = [
  'workspaces/jobs/read',
  'workspaces/jobs/write',
  'workspaces/models/versions/read',
  'workspaces/models/versions/write',
  'workspaces/onlineEndpoints/write',
  'workspaces/onlineEndpoints/score/action',
].map((name) => `Microsoft.MachineLearningServices/${name}`)

export const policyPage: Page = {
  path: '/policy',
  nav: 'Policy',
  async show(visit) {
    const policy = await visit.ask('/_harness/api/policy')
    return {
      title: 'Policy',
      body: html`${facts([
          ['Version in force', policy.text('version')],
          ['Commit', policy.textOrNull('commit')],
        ])}
        <p>Policy is changed where it is kept, and reviewed there: no page changes it.</p>
        ${await changes(visit, policy)}
        <h2>Bindings</h2>
        ${bindings(policy)}
        <h2>Templates</h2>
        ${templates(policy)}
        <h2 id="who">Who can do what</h2>
        ${question(visit)} ${await grid(visit)}`,
    }
  },
}

const CHANGES = '/_harness/api/policy/changes'

/** Null for who may not read them. */
async function changes({ ask }: Visit, policy: Answer): Promise<Html | null> {
  if (!policy.isThere('changes')) return null
  const heading = html`<h2 id="changes">Changes</h2>`
  try {
    const found = await ask(CHANGES)
    return html`${heading}
      <p>${provenance(found)}</p>
      ${faults(found)} ${changesShown(found)}`
  } catch (error) {
    if (!(error instanceof ApiRefusal)) throw error
    return html`${heading}
      <p class="notice">${foreign(error.answer.text('error', 'message'))}</p>`
  }
}

function changesShown(found: Answer): Html {
  const rows = found
    .list('value')
    .map((one) => [
      time(one.textOrNull('at')),
      version(one.textOrNull('from')),
      version(one.textOrNull('to')),
      one.text('by') === 'start' ? html`start of a replica` : html`files changed`,
      foreign(one.text('commit')),
    ])
  if (rows.length === 0) return html`<p>None in that time.</p>`
  return table(
    found.isTrue('more') ? 'The newest; there may be older ones' : 'The newest first',
    ['When', 'From', 'To', 'By', 'Commit'],
    rows,
  )
}

/** As much of a version as tells it from others. */
const version = (text: string | null): Html =>
  text === null
    ? html`<span class="quiet">not known</span>`
    : html`<code title="${text}">${foreign(text.slice(0, 12))}</code>`

function bindings(policy: Answer): Html {
  const rows = policy
    .list('bindings')
    .map((one) => [
      html`${foreign(one.text('id'))}${one.isTrue('shadow') ? html` <span class="quiet">(tried out)</span>` : null}${
        one.isTrue('inForce') ? null : html` <span class="quiet">(not in force)</span>`
      }`,
      foreign(one.text('template')),
      uid(one.at('principal')),
      uid(one.at('resource')),
      time(one.textOrNull('until')),
      time(one.textOrNull('lastUse'), 'not since then'),
      one.isThere('reason') ? foreign(one.text('reason')) : html``,
    ])
  if (rows.length === 0) return html`<p>There is no binding that you may see.</p>`
  return table(
    `Those that you may see; the last use is that on this replica since ${shortTime(policy.text('lastUseSince'))}`,
    ['Binding', 'Template', 'Whom', 'Where', 'Until', 'Last use', 'Reason'],
    rows,
  )
}

const shortTime = (instant: string): string => `${instant.slice(0, 16).replace('T', ' ')} UTC`

function templates(policy: Answer): Html {
  const rows = policy
    .list('templates')
    .map((one) => [
      foreign(one.text('id')),
      html`${one.text('effect')}`,
      foreign(one.text('reason')),
      foreign(one.text('identity')),
    ])
  if (rows.length === 0) return html`<p>There is no template that you may see.</p>`
  return table('What bindings give', ['Template', 'Effect', 'Says', 'Identity'], rows)
}

/** The name that the operator gave, or the id. */
function uid(one: Answer): Html {
  const id = one.text('id')
  const short = /\/(?:workspaces|registries)\/([^/]+)$/iu.exec(id)?.[1] ?? id
  return html`<span class="quiet">${one.text('type')}</span>
    ${foreign(one.textOrNull('name') ?? short)}`
}

function question({ query }: Visit): Html {
  const on = query.get('on') ?? ''
  const action = query.get('action') ?? USUAL.join(',')
  return html`<form method="get" action="${Url.to(PATH)}">
    <label for="on">On (name of a workspace of yours, or an ARM id)</label>
    <input type="text" id="on" name="on" value="${on}" required />
    <label for="action">Actions, with commas</label>
    <input type="text" id="action" name="action" value="${action}" required />
    <p class="actions"><button>Show</button></p>
  </form>`
}

async function grid({ query, ask }: Visit): Promise<Html | null> {
  const on = query.get('on') ?? null
  if (on === null || on === '') return null
  const action = query.get('action') ?? USUAL.join(',')
  try {
    const found = await ask(`/_harness/api/policy/who-can${queryOf({ on, action })}`)
    return shownGrid(found)
  } catch (error) {
    if (!(error instanceof ApiRefusal)) throw error
    return html`<p class="notice" role="status">
      ${foreign(error.answer.text('error', 'message'))}
    </p>`
  }
}

const MAY: ReadonlyMap<string, Html> = new Map([
  ['permit', html`<span class="good">yes</span>`],
  ['depends', html`depends`],
  ['refuse', html`<span class="quiet">no</span>`],
])

function shownGrid(found: Answer): Html {
  const actions = found.list('actions').map((one) => one.text())
  const rows = found.list('value').map((one) => [
    uid(one.at('principal')),
    ...one.list('may').map((may) => MAY.get(may.text()) ?? html`no`),
    foreign(
      one
        .list('policies')
        .map((policy) => policy.text())
        .join(', '),
    ),
  ])
  if (rows.length === 0) return html`<p class="notice" role="status">Nobody whom a rule names.</p>`
  const heads = actions.map((one) => one.replace('Microsoft.MachineLearningServices/', ''))
  return html`<div role="status">
    <p>On <code>${foreign(found.text('on'))}</code>:</p>
    ${table('"depends": on facts of the call, or on the sign-in', ['Who', ...heads, 'By'], rows)}
  </div>`
}
