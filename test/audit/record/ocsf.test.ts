import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { ocsfOf, withOcsf } from '../../../src/audit/record/ocsf.ts'
import { eventRow } from '../../../src/audit/create-recorder.ts'
import type { Row } from '../../../src/audit/record/column.ts'
import { rowOf } from '../../../src/audit/record/row.ts'
import { summaryRow } from '../../../src/audit/unidentified/unidentified.ts'
import type { Summary } from '../../../src/audit/unidentified/tally.ts'
import type { RecordKind } from '../../../src/audit/recorder.ts'
import { Refusal } from '../../../src/errors.ts'
import { exchangeOf } from '../../support/exchange.ts'

const schema = JSON.parse(
  readFileSync(resolve(import.meta.dirname, 'ocsf-1.8.0-api-activity.json'), 'utf8'),
)
const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema)
const context = { hashKey: null, version: '1.0.0' }

/** As it is after JSON: absent fields are gone. */
const published = (row: Row) =>
  JSON.parse(withOcsf(JSON.stringify({ ...row, EventUid: 'c:1', Seq: 1, EventTime: TIME }))).Ocsf

const TIME = '2026-11-18T07:06:40.000Z'

const bare = {
  target: null,
  principal: null,
  operation: null,
  decision: null,
  identity: null,
  upstream: null,
  status: null,
}
const read = { ...exchangeOf().operation!, effect: 'read' as const }
const cases: [string, RecordKind, Row][] = [
  ['an intent', 'authorized', rowOf('authorized', exchangeOf(), none(), context)],
  ['an end', 'completed', rowOf('completed', exchangeOf(), ended('success'), context)],
  [
    'a read',
    'completed',
    rowOf('completed', exchangeOf({ operation: read }), ended('failed'), context),
  ],
  [
    'a refusal of somebody unknown',
    'refused',
    rowOf(
      'refused',
      exchangeOf({ ...bare, refusal: new Refusal('missing_token', 'no token') }),
      ended('denied'),
      context,
    ),
  ],
  ['a summary of one address', 'summary', ofSource('192.0.2.7')],
  ['a summary of a network', 'summary', ofSource('2001:db8:0:1::/64')],
  [
    'a summary of a caller',
    'summary',
    summaryRow('refused_too_many_requests', { PrincipalId: 'e/t/o' }, summaryOf('e/t/o'), '1.0.0'),
  ],
  ['an event', 'gateway', eventRow('start', { version: '1' }, '1.0.0')],
]

function summaryOf(source: string): Summary {
  const codes = new Map([['missing_token', 3]])
  return { source, count: 3, first: 1_000, last: 2_000, codes, samples: ['a', 'b', 'c'] }
}
function ofSource(SourceIp: string): Row {
  return summaryRow('refused_before_identification', { SourceIp }, summaryOf(SourceIp), '1.0.0')
}
function none() {
  return { outcome: null, durationMs: null }
}
function ended(outcome: 'success' | 'failed' | 'denied') {
  return { outcome, durationMs: 3.2 }
}

t.test('the published class demands what this test was told', async (t) => {
  t.same(schema.required.toSorted(), [
    'activity_id',
    'actor',
    'api',
    'category_uid',
    'class_uid',
    'cloud',
    'metadata',
    'severity_id',
    'src_endpoint',
    'time',
    'type_uid',
  ])
})

for (const [name, kind, row] of cases) {
  t.test(`${name} is valid against the published OCSF 1.8.0 API Activity`, async (t) => {
    t.ok(validate(published(row)), JSON.stringify(validate.errors))
    t.equal(row['RecordKind'], kind)
  })
}

t.test('a network is no address', async (t) => {
  const sourceOf = (source: string) => published(ofSource(source)).src_endpoint
  t.same(sourceOf('192.0.2.7'), { ip: '192.0.2.7' })
  t.same(sourceOf('2001:db8:0:1::/64'), { name: '2001:db8:0:1::/64' })
  t.same(sourceOf('(other)'), { name: '(other)' })
})

t.test('an event with a wrong type is not valid', async (t) => {
  t.notOk(validate({ ...published(cases[0]![2]), activity_id: 'Read' }))
})

t.test('type_uid follows the activity', async (t) => {
  const activities = [
    ['read', null, 2],
    ['write', 200, 3],
    ['write', 201, 1],
    ['delete', 200, 4],
    ['invoke', 200, 99],
  ] as const
  for (const [effect, status, activity] of activities) {
    const event = ocsfOf({ RecordKind: 'completed', Effect: effect, UpstreamStatus: status })
    t.equal(event['activity_id'], activity)
    t.equal(event['type_uid'], 600_300 + activity)
  }
})
