/** Records and state as pages: whatever texts are in them, the page has the same elements, and says the texts. */
import t from 'tap'
import { Answer } from '../../src/console/answer.ts'
import { escaped } from '../../src/console/html.ts'
import type { Visit } from '../../src/console/page.ts'
import { recordsCsv, recordsPage } from '../../src/console/pages/records.ts'
import { statePage } from '../../src/console/pages/state.ts'
import { principal } from '../policy/support.ts'
import { NAUGHTY } from '../audit/search/naughty.ts'

const TIME = '2026-11-29T12:00:00.000Z'

/** What the API could answer at worst: this text in every place that holds one. */
function answers(text: string): ReadonlyMap<string, unknown> {
  const row = {
    EventTime: TIME,
    RecordKind: 'refused',
    ExchangeId: 'c210ca43-601b-4922-a257-5dfd1c79c77f',
    PrincipalId: text,
    Action: text,
    TargetResourceId: `/x/workspaces/${text}`,
    RefusalCode: text,
    Reason: text,
  }
  const said = { source: 'spool', from: TIME, asOf: TIME, since: TIME, until: TIME }
  const one = { name: text, says: text, ok: false, state: text }
  return new Map<string, unknown>([
    [
      '/_harness/api/records',
      { ...said, complete: false, faults: [text], next: 'abc', value: [row] },
    ],
    [
      '/_harness/api/records/summary',
      {
        complete: true,
        permitted: 0,
        refused: 1,
        value: [{ hour: TIME, permitted: 0, refused: 1 }],
      },
    ],
    [
      '/_harness/api/state',
      { status: text, says: text, asOf: TIME, version: text, parts: [one], sinks: [one], issuers: [one], identities: [one], spool: { says: text } }, // prettier-ignore
    ],
  ])
}

function visitWith(text: string): Visit {
  const all = answers(text)
  return {
    principal: principal(),
    params: new Map(),
    query: new Map([
      ['who', text],
      ['decision', text],
      ['outcome', 'refused'],
    ]),
    ask: async (target: string) => new Answer(all.get(target.split('?')[0] ?? '')),
    formToken: () => 'token',
    site: { publicUrl: 'https://gw.example.com', help: null },
  }
}

async function markupOf(page: typeof recordsPage, text: string): Promise<string> {
  const view = await page.show(visitWith(text))
  if (!('body' in view)) throw new TypeError('no page')
  return view.body.toString()
}

/** Elements and the names of their attributes, without what these say. */
const skeleton = (markup: string): string =>
  [...markup.matchAll(/<[^>]*>/gu)]
    .map(([tag]) => tag.replaceAll(/"[^"]*"/gu, '""').replaceAll(/\s+/gu, ' '))
    .join('')

t.test('naughty texts', async (t) => {
  for (const page of [recordsPage, statePage]) {
    const usual = skeleton(await markupOf(page, 'usual'))
    t.match(usual, /<h2>|<h2 id/u)
    for (const [index, text] of NAUGHTY.entries()) {
      // an empty filter is none, and no request can bring a lone surrogate
      if (text === '' || !text.isWellFormed()) continue
      const markup = await markupOf(page, text)
      t.equal(skeleton(markup), usual, `${page.path}, text ${index}`)
      t.ok(markup.includes(escaped(text)), `${page.path}, text ${index} is said`)
    }
  }
})

t.test('as a file, no cell is a formula', async (t) => {
  for (const text of ['=1+1', '@x', '+1', '-1']) {
    const file = await recordsCsv.show(visitWith(text))
    t.match('text' in file ? file.text : '', `"'${text}"`)
  }
})
