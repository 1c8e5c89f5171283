import { createSecretKey } from 'node:crypto'
import t from 'tap'
import { COLUMNS } from '../../../src/audit/record/columns.ts'
import { draftOf } from '../../../src/audit/record/draft.ts'
import { createGroupWriter, rowStartOf } from '../../../src/audit/record/spool-group.ts'
import { eventRow } from '../../../src/audit/create-recorder.ts'
import { grantColumns } from '../../../src/audit/record/decision-inputs.ts'
import { rowOf } from '../../../src/audit/record/row.ts'
import { Refusal, toRefusal } from '../../../src/errors.ts'
import { exchangeOf, WORKSPACE } from '../../support/exchange.ts'

const context = { hashKey: createSecretKey(Buffer.from('key')), version: '1.0.0' }
const none = { outcome: null, durationMs: null }
const CANARY = 'cAnArY-7f3a'

/** The line of a row, as it goes to the disk. */
function lineOf(row: ReturnType<typeof rowOf>): Buffer {
  const draft = draftOf(row['RecordKind'] as 'authorized', row, () => 1_795_000_000_000)
  const write = createGroupWriter('0b0f7d3e-0000-4000-8000-000000000001')
  const { data } = write([draft], { seq: 6, head: 'a'.repeat(64) })
  const lines = data.toString().split('\n')
  if (lines.length !== 3) throw new Error(`${lines.length - 1} lines for a record`)
  return Buffer.from(lines[0] ?? '')
}

t.test('every column of a row is one of the table', async (t) => {
  const rows = [
    rowOf('authorized', exchangeOf(), none, context),
    rowOf('refused', exchangeOf({ operation: null }), none, context),
    eventRow('start', { a: 1 }, '1'),
  ]
  for (const row of rows) {
    for (const name of Object.keys(JSON.parse(lineOf(row).toString()))) {
      t.ok(Object.hasOwn(COLUMNS, name), name)
      t.ok(name.length <= 45)
    }
  }
  for (const reserved of ['id', 'TenantId', 'Type', 'Title', 'UniqueId']) {
    t.notOk(Object.hasOwn(COLUMNS, reserved))
  }
})

t.test('what a caller puts into headers, query and odd names is not recorded', async (t) => {
  const exchange = exchangeOf({
    method: `GET${CANARY}`,
    clientRequestId: CANARY,
    target: {
      method: 'GET',
      path: `/unclassified/${CANARY}`,
      query: `sig=${CANARY}&${CANARY}=1&api-version=${CANARY}`,
      segments: ['unclassified', CANARY],
      params: new Map([
        ['sig', CANARY],
        [`${CANARY} odd`, '1'],
        ['api-version', CANARY],
      ]),
    },
    operation: null,
    refusal: new Refusal('unknown_operation', 'no such operation'),
    upstream: { origin: `https://h/${CANARY}`, status: 200, ids: { [CANARY]: CANARY } },
    principal: { ...exchangeOf().principal!, tokenId: `${CANARY} with space`, groups: [CANARY] },
  })
  const text = lineOf(rowOf('refused', exchange, none, context)).toString()
  t.notMatch(text, CANARY)
  const row = JSON.parse(text)
  t.match(row, { QueryNames: ['sig', '(other)', 'api-version'], Method: '(other)' })
  t.match(row.QueryHashes['q:sig'], /^[0-9a-f]{64}$/)
  t.match(row.PathHash, /^[0-9a-f]{64}$/)
})

t.test('memberships and facts of a decision are recorded once, in known forms only', async (t) => {
  const issuer = 'okta'
  const exchange = exchangeOf({
    principal: {
      ...exchangeOf().principal!,
      issuer,
      groups: ['okta/ml-readers', `okta/${CANARY}`],
      roles: [`okta/${CANARY}`],
      workspace: WORKSPACE,
    },
    operation: { ...exchangeOf().operation!, secrets: true },
    decision: {
      ...exchangeOf().decision!,
      memberships: [
        ...[
          'okta/ml-readers',
          'okta/a\r\nb',
          CANARY,
          `entra/${CANARY}`,
          `okta/${'x'.repeat(9_999)}`,
        ].map((id) => ({ type: 'Group', id })),
        { type: 'Role', id: 'okta/reviewer' },
      ],
      facts: {
        instanceCount: 2,
        apiVersion: `x ${CANARY}`,
        tags: [`a=${CANARY}`],
        paths: ['azureml://datastores/a/paths/b', `https://h/p?sig=${CANARY}`],
      },
    },
  })
  const text = lineOf(rowOf('authorized', exchange, none, context)).toString()
  t.notMatch(text, CANARY)
  const row = JSON.parse(text)
  t.match(row, {
    PrincipalGroups: ['okta/ml-readers', 'okta/a\\u000d\\u000ab', /^okta\/x+\[cut length=10004/],
    PrincipalRoles: ['okta/reviewer'],
    PrincipalWorkspace: WORKSPACE,
    Secrets: true,
  })
  t.same(row.Facts, {
    instanceCount: 2,
    apiVersion: '(other)',
    paths: ['azureml://datastores/a/paths/b', '(other)'],
  })
  const many = Array.from({ length: 5_000 }, (_, i) => ({
    type: 'Group',
    id: `okta/${'g'.repeat(300)}${i}`,
  }))
  const crowd = exchangeOf({ ...exchange, decision: { ...exchange.decision!, memberships: many } })
  t.ok(lineOf(rowOf('authorized', crowd, none, context)).length < 120_000)
  const ended = rowOf('completed', exchange, none, context)
  t.notOk('PrincipalGroups' in ended || 'Facts' in ended)
})

t.test('an error that nobody foresaw is recorded without what it quotes', async (t) => {
  const errors = [`{"a": ${CANARY}`, `'${CANARY}'`].map((text) => {
    try {
      return JSON.parse(text)
    } catch (error) {
      return toRefusal(error)
    }
  })
  errors.push(toRefusal(new Error(`no answer from https://host/path?sig=${CANARY}`)))
  for (const refusal of errors) {
    const row = rowOf('refused', exchangeOf({ refusal, decision: null }), none, context)
    t.notMatch(JSON.stringify(row), CANARY)
    t.match(row['RefusalDetail'], /Error: /)
  }
})

t.test('without a hash key nothing of a value is recorded', async (t) => {
  const row = rowOf('authorized', exchangeOf(), none, { ...context, hashKey: null })
  t.equal(row['QueryHashes'], undefined)
})

const HOSTILE: [string, string][] = [
  ['line feeds', 'a\r\nb'],
  ['NUL', 'a\0b'],
  ['U+2028', 'a\u2028b\u2029c'],
  ['ANSI', '\u001b[31mred\u009b0m'],
  ['direction marks', 'a\u202eb'],
  ['lone surrogates', 'a\ud800b\udc00'],
  ['100 KB', 'x'.repeat(100_000)],
  ['a formula', '=cmd|"/c calc"!A1'],
  ['JSON', '"},"crc":"00000000"}\n{"seq":9'],
  ['a record', ',"row":{"RecordKind":"completed"'],
  ['the end of a group', `\n{"group":{"first":7,"records":1,"prev":"${'a'.repeat(64)}"}`],
]
for (const [name, text] of HOSTILE) {
  t.test(`content with ${name} stays one line of valid JSON, bounded`, async (t) => {
    const exchange = exchangeOf({
      decision: { ...exchangeOf().decision!, reason: text, policies: [text], version: text },
      principal: { ...exchangeOf().principal!, id: text, tenant: text, client: text },
      operation: {
        ...exchangeOf().operation!,
        resource: { type: text, id: `/${text}`, ancestors: [] },
      },
    })
    const bytes = lineOf(rowOf('authorized', exchange, none, context))
    t.ok(bytes.length < 120_000, `${bytes.length} bytes`)
    const whole = bytes.toString()
    // oxlint-disable-next-line no-control-regex -- these must not be there
    t.notMatch(whole, /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202e\ud800-\udfff]/)
    t.match(rowStartOf(bytes), { seq: 7, kind: 'authorized' })
    const row = JSON.parse(bytes.toString())
    // oxlint-disable-next-line no-control-regex -- nor after parsing
    t.notMatch(row.Reason, /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202e]/)
    if (text.length > 16_384) {
      t.match(row.Reason, /\[cut length=100000 sha256=[0-9a-f]{64}\]$/)
      t.equal(row.Truncated, true)
    }
  })
}

t.test('a renamed person is the same principal', async (t) => {
  const before = rowOf('authorized', exchangeOf(), none, context)
  const after = rowOf(
    'authorized',
    exchangeOf({ principal: { ...exchangeOf().principal!, methods: ['mfa'], tokenId: 'other' } }),
    none,
    context,
  )
  t.equal(before['PrincipalId'], after['PrincipalId'])
  t.match(before, { IdentityName: 'scientists', UpstreamPrincipalClientId: /^4444/ })
})

t.test('a record does not grow with bindings that all match one caller', async (t) => {
  const bytesWith = (count: number): number => {
    const ids = Array.from(
      { length: count },
      (_, n) => `data-scientist@${String(n).padStart(8, '0')}`,
    )
    const decision = { ...exchangeOf().decision!, policies: ids, shadow: ids }
    const text = lineOf(rowOf('authorized', exchangeOf({ decision }), none, context)).toString()
    // as long as its fraction of a millisecond
    return text.replace(/"MonotonicMs":[\d.]+/, '').length
  }
  const most = bytesWith(16)
  t.equal(bytesWith(10_000) - most, ',"PolicyCount":10000,"ShadowPolicyCount":10000'.length)
  const decision = {
    ...exchangeOf().decision!,
    policies: Array.from({ length: 17 }, (_, n) => `p${n}`),
  }
  const row = rowOf('completed', exchangeOf({ decision }), none, context)
  t.match(row, { PolicyIds: decision.policies.slice(0, 16), PolicyCount: 17 })
  t.equal(row['ShadowPolicyCount'], undefined)
})

t.test('grants are looked for once among the policies that decided many calls', async (t) => {
  const grant = 'abcdefghijklmnop-1'
  let read = 0
  const policies = new Proxy(['some-policy', `data-scientist@grant:${grant}`], {
    get(list, name) {
      if (name === '0') read += 1
      return Reflect.get(list, name) as unknown
    },
  })
  const decision = { ...exchangeOf().decision!, policies }
  for (let n = 0; n < 5; n++) t.same(grantColumns(exchangeOf({ decision })), { GrantIds: [grant] })
  t.equal(read, 1)
})
