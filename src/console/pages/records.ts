/**
 * Records: what was done through the gateway, as far as the person may know. The filters are in the address.
 * @module
 */
import { csv } from '../../records/shown.ts'
import { isObject } from '../../lib/strict-json.ts'
import type { Answer } from '../answer.ts'
import { html, joined, Url, type Html } from '../html.ts'
import { copyable, foreign, table, time } from '../layout.ts'
import { ApiRefusal, type Download, type Page, type Visit } from '../page.ts'
import { pagePath, queryOf } from '../paths.ts'
import { faults, provenance } from './provenance.ts'

const PATH = pagePath('records')
const API = '/_harness/api/records'
/** Of a table that somebody reads; files have as many as the API gives. */
const ROWS = '50'
const FILE_ROWS = '500'
/** Hours of the chart. */
const MOST_HOURS = 48

export const recordsPage: Page = {
  path: '/records',
  nav: 'Records',
  async show(visit) {
    const asked = filtersIn(visit)
    return {
      title: 'Records',
      body: html`<p>
          What was done through the gateway: your own records, and others' where policy lets you.
        </p>
        ${filterForm(visit.query)} ${await found(visit, asked)}`,
    }
  },
}

/** The same records as a file. */
const file = (
  ending: 'csv' | 'json',
  contentType: string,
  textOf: (answer: Answer) => string,
): Page => ({
  path: `/records.${ending}`,
  nav: null,
  async show(visit): Promise<Download> {
    const answer = await visit.ask(`${API}${queryOf({ limit: FILE_ROWS, ...filtersIn(visit) })}`)
    return { name: `records.${ending}`, contentType, text: textOf(answer) }
  },
})

export const recordsCsv = file('csv', 'text/csv; charset=utf-8; header=present', (answer) =>
  csv(objectsIn(answer)),
)
export const recordsJson = file('json', 'application/json; charset=utf-8', (answer) =>
  answer.json(),
)

function objectsIn(answer: Answer): readonly Readonly<Record<string, unknown>>[] {
  const rows: unknown = JSON.parse(answer.json('value'))
  return Array.isArray(rows) ? rows.filter(isObject) : []
}

type Filters = Readonly<Record<string, string>>

/** All that is asked for; fields of the form that were left empty ask for nothing. */
function filtersIn({ query }: Visit): Filters {
  return Object.fromEntries([...query].filter(([, value]) => value !== ''))
}

const without = (filters: Filters, ...names: readonly string[]): Filters =>
  Object.fromEntries(Object.entries(filters).filter(([name]) => !names.includes(name)))

interface Field {
  readonly name: string
  readonly label: string
}

const FIELDS: readonly Field[] = [
  { name: 'who', label: 'Who (an id, or "me")' },
  { name: 'workspace', label: 'Workspace (the name of one of yours, or an ARM id)' },
  { name: 'action', label: 'Action, as in workspaces/jobs/write' },
  { name: 'since', label: 'Since (as in 2h or 7d, or 2026-11-21T08:00:00Z)' },
  { name: 'until', label: 'Until' },
]
const MORE_FIELDS: readonly Field[] = [
  { name: 'resource', label: 'Resource (an ARM id), in the place of a workspace' },
  { name: 'decision', label: 'Decision' },
  { name: 'refusal', label: 'Code of a refusal, as in policy_refused' },
  { name: 'review', label: 'Review' },
  { name: 'source', label: 'IP address' },
]
type Choice = readonly [value: string, label: string]
const OUTCOMES: readonly Choice[] = [
  ['', 'Permitted and refused'],
  ['permitted', 'Permitted'],
  ['refused', 'Refused'],
]
const SECRETS: readonly Choice[] = [
  ['', 'With and without secrets'],
  ['true', 'What hands out keys, tokens or SAS'],
  ['false', 'All else'],
]

function filterForm(query: Visit['query']): Html {
  const isMore = [...MORE_FIELDS.map(({ name }) => name), 'secrets'].some(
    (name) => (query.get(name) ?? '') !== '',
  )
  const more = html`<summary>More filters</summary>
    ${MORE_FIELDS.map((one) => input(one, query))} ${choice('secrets', 'Secrets', SECRETS, query)}`
  return html`<form method="get" action="${Url.to(PATH)}" class="filters">
    ${FIELDS.map((one) => input(one, query))} ${choice('outcome', 'Outcome', OUTCOMES, query)}
    ${isMore ? html`<details open>${more}</details>` : html`<details>${more}</details>`}
    <p class="actions"><button>Search</button></p>
  </form>`
}

function input({ name, label }: Field, query: Visit['query']): Html {
  const id = `filter-${name}`
  return html`<label for="${id}">${label}</label>
    <input type="text" id="${id}" name="${name}" value="${query.get(name) ?? ''}" />`
}

function choice(name: string, label: string, choices: readonly Choice[], query: Visit['query']) {
  const id = `filter-${name}`
  const options = choices.map(([value, text]) =>
    (query.get(name) ?? '') === value
      ? html`<option value="${value}" selected>${text}</option>`
      : html`<option value="${value}">${text}</option>`,
  )
  return html`<label for="${id}">${label}</label>
    <select id="${id}" name="${name}">
      ${options}
    </select>`
}

/** What a person can put right stands beside the form; all else is the page of a refusal. */
const MENDABLE = new Set([400, 429, 503])

async function found({ ask }: Visit, filters: Filters): Promise<Html> {
  try {
    const page = await ask(`${API}${queryOf({ limit: ROWS, ...filters })}`)
    const summary = await ask(`${API}/summary${queryOf(without(filters, 'page', 'limit'))}`)
    return html`${worth(page)}
      <h2 id="hours">Permitted and refused by hour</h2>
      ${chart(summary)}
      <h2 id="list">Records</h2>
      ${list(page, filters)}`
  } catch (error) {
    if (!(error instanceof ApiRefusal) || !MENDABLE.has(error.status)) throw error
    return html`<p class="notice said" role="alert">
        ${foreign(error.answer.text('error', 'message'))}
      </p>
      ${onCommandLine(without(filters, 'page', 'limit'))}`
  }
}

/** Where the records are from, as of when, and whether these are all. */
function worth(answer: Answer): Html {
  return html`<p class="notice" role="status">${provenance(answer)}</p>
    ${faults(answer)}`
}

function chart(summary: Answer): Html {
  const hours = summary.list('value').toReversed()
  const [permitted, refused] = [summary.number('permitted'), summary.number('refused')]
  const shown = hours.slice(0, MOST_HOURS)
  const most = Math.max(
    1,
    ...shown.flatMap((one) => [one.number('permitted'), one.number('refused')]),
  )
  const total = html`<p>
    <span class="good">${permitted} permitted</span>, <span class="bad">${refused} refused</span>${
      summary.isTrue('complete') ? null : html`, as far as they were counted`
    }.${hours.length > shown.length ? html` The last ${MOST_HOURS} hours with calls:` : null}
  </p>`
  if (shown.length === 0) return total
  const rows = shown.map((one) => [
    time(one.textOrNull('hour')),
    bar('permitted', one, most),
    bar('refused', one, most),
  ])
  return html`${total}
  ${table('Calls in the hour that begins then', ['Hour', 'Permitted', 'Refused'], rows)}`
}

function bar(kind: 'permitted' | 'refused', hour: Answer, most: number): Html {
  const calls = hour.number(kind)
  return html`<span class="bar"
    >${calls}
    <meter class="${kind}" min="0" max="${most}" value="${calls}" aria-label="${kind}">
      ${calls}
    </meter></span
  >`
}

function list(page: Answer, filters: Filters): Html {
  const calls = callsIn(page)
  const files = without(filters, 'page', 'limit')
  const next = page.textOrNull('next')
  const links = html`<p class="actions">
    ${
      next === null
        ? null
        : html`<a class="button" href="${Url.to(`${PATH}${queryOf({ ...filters, page: next })}`)}"
            >Older records</a
          >`
    }
    <a href="${Url.to(`${PATH}.csv${queryOf(files)}`)}">CSV</a>
    <a href="${Url.to(`${PATH}.json${queryOf(files)}`)}">JSON</a>
  </p>`
  if (calls.length === 0)
    return html`<p>There is no such record that you may see.</p>
      ${links} ${onCommandLine(files)}`
  const rows = calls.map((one) => rowOf(one))
  const columns = ['When', 'Who', 'What', 'On', 'Ended', 'Records']
  const whole = filters['decision'] === undefined ? null : joined(calls.flatMap(inFull))
  return html`${table('The newest first', columns, rows)} ${links} ${whole} ${onCommandLine(files)}`
}

function onCommandLine(filters: Filters): Html {
  const options = Object.entries(filters).map(
    ([name, value]) => ` --${name} '${value.replaceAll("'", `'"'"'`)}'`,
  )
  return copyable('The same on the command line', `azureml-harness audit search${options.join('')}`)
}

/** The records of one call that stand on the page, the last first. */
type Call = readonly Answer[]

function callsIn(page: Answer): readonly Call[] {
  const calls = new Map<string, Answer[]>()
  for (const [index, row] of page.list('value').entries()) {
    // events of the gateway are of no call
    const key = row.textOrNull('ExchangeId') ?? `event ${index}`
    calls.set(key, [...(calls.get(key) ?? []), row])
  }
  return [...calls.values()]
}

function rowOf(call: Call): readonly Html[] {
  const of = (name: string): string =>
    call.map((row) => row.text(name)).find((text) => text !== '') ?? ''
  const id = of('ExchangeId')
  const resource = of('TargetResourceId')
  return [
    time(call.at(-1)?.textOrNull('EventTime') ?? null, ''),
    foreign(of('PrincipalId')),
    html`${foreign(of('Action').replace('Microsoft.MachineLearningServices/', '') || of('Event') || of('Method'))}${
      call.some((row) => row.isTrue('Secrets')) ? html` <span class="quiet">(secrets)</span>` : null
    }`,
    foreign(/\/(?:workspaces|registries)\/(.+)$/iu.exec(resource)?.[1] ?? resource),
    ended(of),
    id === ''
      ? html``
      : html`<a href="${Url.to(`${PATH}${queryOf({ decision: id, since: '92d' })}`)}">Whole</a>`,
  ]
}

function ended(of: (name: string) => string): Html {
  const [refusal, outcome, status] = [of('RefusalCode'), of('Outcome'), of('Status')]
  if (refusal !== '') {
    const count = of('Count')
    return html`<span class="bad">refused</span>
      ${refusal}${count === '' ? null : html`, ${count} times`}`
  }
  if (of('RecordKind') === 'gateway') return html`<span class="quiet">event</span>`
  if (of('RecordKind') === 'summary')
    return html`<span class="bad">refused</span> ${of('Count')} times`
  return html`<span class="good">permitted</span> ${outcome === '' ? 'under way' : outcome}
    ${status}`
}

function inFull(call: Call): readonly Html[] {
  return call.map((row) =>
    copyable(`${row.text('RecordKind')}, ${row.text('EventTime')}`, row.json()),
  )
}
