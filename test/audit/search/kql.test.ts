/**
 * No text of a caller's ends a literal of a query: whatever it is, the query has the same form.
 */
import { assert, property, string } from 'fast-check'
import t from 'tap'
import { countText, literal, searchText } from '../../../src/audit/search/kql.ts'
import type { Conditions } from '../../../src/audit/search/records.ts'
import { run } from '../../../lab/azure/logs/kql.ts'
import { COLUMNS } from '../../../src/audit/record/columns.ts'
import { NAUGHTY } from './naughty.ts'

const ALL: Conditions = {
  since: Date.parse('2026-11-21T08:00:00Z'),
  until: Date.parse('2026-11-22T08:00:00Z'),
  principal: null,
  decision: null,
  action: null,
  resource: null,
  outcome: null,
  code: null,
  secrets: null,
  review: null,
  source: null,
  events: null,
}
const TEXTS = ['principal', 'decision', 'action', 'resource', 'code', 'review', 'source'] as const
const TYPES = new Map<string, string>(Object.entries(COLUMNS))
const LITERAL = /base64_decode_tostring\("[A-Za-z0-9+/=]*"\)|"[\w./:@ -]*"/gu

const visible = (own: string) => ({ own, within: [own], mayRead: () => false })

/** A query without its literals. */
const formOf = (query: string): string => query.replaceAll(LITERAL, 'L')

function check(text: string): boolean {
  const asked = { ...ALL, ...Object.fromEntries(TEXTS.map((name) => [name, text])) }
  const usual = { ...ALL, ...Object.fromEntries(TEXTS.map((name) => [name, 'x'])) }
  const after = { time: '2026-11-21T09:00:00Z', chain: text, seq: 1 }
  return [
    [
      searchText(asked, visible(text), after, 51),
      searchText(usual, visible('x'), { ...after, chain: 'x' }, 51),
    ],
    [countText(asked, visible(text), 51), countText(usual, visible('x'), 51)],
  ].every(([one = '', other = '']) => {
    run(one.split('\n| ').slice(1), [], TYPES)
    return formOf(one) === formOf(other)
  })
}

t.test('naughty texts', async (t) => {
  for (const [index, text] of NAUGHTY.entries()) t.ok(check(text), `text ${index}`)
})

t.test('any text', async (t) => {
  assert(property(string({ unit: 'binary', maxLength: 60 }), check), { numRuns: 500 })
  t.pass()
})

t.test('a literal says what it was made of', async (t) => {
  const row = { EventTime: '2026-11-21T08:00:00Z' }
  // a lone surrogate is in no query and in no record
  for (const [index, text] of NAUGHTY.filter((one) => one.isWellFormed()).entries()) {
    const where = `where PrincipalId == ${literal(text)}`
    const found = run([where], [{ ...row, PrincipalId: text }], TYPES)
    t.equal(found.rows.length, 1, `text ${index}`)
  }
})

t.test('the whole query, to be read', async (t) => {
  const asked: Conditions = {
    ...ALL,
    principal: "entra/t/o'neil",
    resource: '/subscriptions/s/resourcegroups/rg',
    outcome: 'refused',
    secrets: true,
  }
  t.equal(
    searchText(asked, { own: 'me', within: null, mayRead: () => true }, null, 51).replace(
      /project .*/u,
      'project ...',
    ),
    `AmlHarnessAuditUnique
| where EventTime >= datetime(2026-11-21T08:00:00.000Z) and EventTime < datetime(2026-11-22T08:00:00.000Z)
| where PrincipalId == base64_decode_tostring("ZW50cmEvdC9vJ25laWw=")
| where TargetResourceId =~ "/subscriptions/s/resourcegroups/rg" or TargetResourceId startswith "/subscriptions/s/resourcegroups/rg/"
| where RecordKind in ("refused", "received", "summary")
| where coalesce(Secrets, false) == true
| order by EventTime desc, ChainId desc, Seq desc
| take 51
| project ...`,
  )
})
