/**
 * The text that is put together from kept parts is byte for byte the row in its plain form, and its event that of the row,
 * whatever the exchange.
 */
import { createSecretKey } from 'node:crypto'
import * as fc from 'fast-check'
import t from 'tap'
import { withOcsf } from '../../../src/audit/record/ocsf.ts'
import { numberText, type Ending } from '../../../src/audit/record/column.ts'
import { createTextOf, type TextOf } from '../../../src/audit/record/row-text.ts'
import { rowOf } from '../../../src/audit/record/row.ts'
import { Refusal } from '../../../src/errors.ts'
import type { Exchange } from '../../../src/exchange.ts'
import type { RecordKind } from '../../../src/audit/recorder.ts'
import { exchangeOf, exchangeWith, WORKSPACE } from '../../support/exchange.ts'

const context = { hashKey: createSecretKey(Buffer.from('key')), version: '1.0.0' }
const shared = exchangeOf()
const operation = shared.operation!
const principal = shared.principal!
const decision = shared.decision!

/** Each changes one thing; the rest is shared by all, as a warm gateway shares it. */
const CHANGES: Record<string, Partial<Exchange>> = {
  'a usual call': {},
  'another caller': { principal: { ...principal, id: 'okta/x', issuer: 'okta', tokenId: null } },
  'a caller of a workspace': { principal: { ...principal, workspace: WORKSPACE } },
  nobody: { principal: null, decision: null, identity: null },
  'a read': { operation: { ...operation, effect: 'read' } },
  'an endpoint': {
    operation: {
      ...operation,
      resource: { type: 'X', id: `${WORKSPACE}/onlineEndpoints/e/deployments/d`, ancestors: [] },
    },
  },
  secrets: { operation: { ...operation, secrets: true, scope: null } },
  'nothing classified': { operation: null },
  'another query': { target: { ...shared.target!, params: new Map([['sig', 'x']]) } },
  'no query': { target: { ...shared.target!, params: new Map() } },
  'no target': { target: null, operation: null },
  'memberships and facts': {
    decision: {
      ...decision,
      facts: { instanceCount: 2, paths: ['a', 'b c'] },
      memberships: [
        { type: 'Group', id: 'entra/g' },
        { type: 'Role', id: 'entra/r' },
      ],
    },
  },
  'many policies': {
    decision: {
      ...decision,
      policies: Array.from({ length: 40 }, (_, n) => `p${n}`),
      shadow: ['s'],
    },
  },
  'a refusal by policy': {
    decision: { ...decision, verdict: 'refuse' },
    refusal: new Refusal('policy_refused', 'no policy permits it', { policies: ['f'] }),
  },
  'a refusal after a permit': { refusal: new Refusal('upstream_timeout', 'no answer') },
  'an error that nobody foresaw': {
    refusal: new Refusal('internal_error', 'broke', { inner: `at "${'x'.repeat(20_000)}"` }),
  },
  'another identity': { identity: { name: 'other', clientId: null, objectId: null } },
  'no answer of azure': { upstream: { origin: 'https://h', status: null, ids: {} }, status: null },
  'not sent': { upstream: null },
  changes: {
    changes: {
      before: 'a'.repeat(64),
      after: 'b'.repeat(64),
      list: [{ effect: 'pin', at: '/properties/codeId', to: 'x:1' }],
    },
  },
  'a recorded body': { content: { tags: ['ä', 'b\n'], count: 2 } },
  'items left out': { leftOut: 3 },
  'an odd method': { method: 'g e t' },
  'no client': { client: null, clientRequestId: null },
  unicode: {
    decision: { ...decision, reason: 'größer\u2028"quoted"\\' },
    principal: { ...principal, tenant: 'ü\u0000', client: '\u{1f600}' },
  },
  'a long reason': { decision: { ...decision, reason: 'x'.repeat(100_000) } },
}

const ENDINGS: readonly [RecordKind, Ending][] = [
  ['authorized', { outcome: null, durationMs: null }],
  ['completed', { outcome: 'success', durationMs: 3.25 }],
  ['refused', { outcome: 'denied', durationMs: 0.1234 }],
]

const TIME = '2026-11-18T07:06:40.000Z'
const PLACE = '"EventUid":"c:7","Seq":7'

/** A record's row, and the same with its event, from kept parts. */
function textsOf(
  textOf: TextOf,
  kind: RecordKind,
  exchange: Exchange,
  ending: Ending,
): { readonly row: string; readonly shipped: string } {
  const { columns, event } = textOf({ RecordKind: kind, EventTime: TIME }, exchange, ending)
  const members = columns.join('')
  const first = `{"RecordKind":"${kind}","ExchangeId":"${exchange.id}"`
  return {
    row: `${first}${members}}`,
    shipped: `${first},${PLACE},"EventTime":"${TIME}"${members},"Ocsf":{"metadata":{"uid":"c:7","sequence":7${event}}`,
  }
}

/** A plain row with its event, as the spool's reader makes it. */
function withEvent(row: string): string {
  const { RecordKind, ExchangeId, ...columns } = JSON.parse(row)
  const placed = { RecordKind, ExchangeId, EventUid: 'c:7', Seq: 7, EventTime: TIME, ...columns }
  return withOcsf(JSON.stringify(placed))
}

const same = { ...shared }
delete (same as { id?: string }).id

t.test('every kind of exchange, in every kind of record, alone and after all others', async (t) => {
  const textOf = createTextOf(context, true)
  for (let round = 0; round < 3; round += 1) {
    for (const [name, change] of Object.entries(CHANGES)) {
      for (const [kind, ending] of ENDINGS) {
        const exchange = { ...exchangeOf(), ...same, ...change }
        const plain = rowOf(kind, exchange, ending, context)
        const { row, shipped } = textsOf(textOf, kind, exchange, ending)
        t.equal(row, JSON.stringify(plain), `${name}, ${kind}, round ${round}`)
        t.equal(shipped, withEvent(row), `the event of ${name}, ${kind}, round ${round}`)
      }
    }
  }
})

t.test('an exchange of which nothing is known', async (t) => {
  const textOf = createTextOf({ ...context, hashKey: null }, true)
  for (const [kind, ending] of ENDINGS) {
    const exchange = exchangeWith()
    const { row, shipped } = textsOf(textOf, kind, exchange, ending)
    t.equal(row, JSON.stringify(rowOf(kind, exchange, ending, { ...context, hashKey: null })))
    t.equal(shipped, withEvent(row))
  }
})

/** Anything a string can hold: controls, quotes, halves of surrogate pairs. */
const anyText = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0x20, max: 0x7e })), {
    maxLength: 80,
  })
  .map((units) => String.fromCharCode(...units))
const anyNumber = fc.double({ min: -1, max: 1e15, noNaN: true })
const orNull = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(one, { nil: null })
/** Two, of which each call has one or none: so what is kept is asked for again, with other things beside it. */
const few = <T>(make: fc.Arbitrary<T>): fc.Arbitrary<(T | null)[]> =>
  fc.tuple(make, make).map((two) => [...two, null])
/** Which of the few. */
const anyOne = fc.constantFrom(0, 0, 1, 2)

const anyRefusal = fc
  .record({
    code: fc.constantFrom('policy_refused', 'upstream_timeout', 'internal_error', 'bad_request'),
    message: anyText,
    inner: anyText,
    policies: fc.array(anyText, { maxLength: 3 }),
  })
  .map(({ code, message, ...detail }) => new Refusal(code as 'bad_request', message, detail))

const anyParts = fc.record({
  target: few(
    fc.record({ path: anyText, values: fc.array(anyText, { maxLength: 3 }) }).map((of) => ({
      ...shared.target!,
      path: of.path,
      params: new Map(of.values.map((value, at) => [['api-version', '$skip', value][at]!, value])),
    })),
  ),
  principal: few(
    fc
      .record({ id: anyText, client: orNull(anyText), tokenId: orNull(anyText) })
      .map((of) => ({ ...principal, ...of })),
  ),
  operation: few(
    fc
      .record({ action: anyText, id: anyText, secrets: fc.boolean() })
      .map(({ action, id, secrets }) => {
        const resource = { type: 'Job', id: `${WORKSPACE}/jobs/${id}`, ancestors: [] }
        return { ...operation, action, secrets, resource }
      }),
  ),
  decision: few(
    fc
      .record({
        verdict: fc.constantFrom('permit' as const, 'refuse' as const),
        policies: fc.array(anyText, { maxLength: 20 }),
        reason: anyText,
        facts: fc.dictionary(anyText, fc.oneof(anyText, fc.double(), fc.boolean())),
      })
      .map((of) => ({ ...decision, ...of, memberships: [{ type: 'Group', id: 'entra/g' }] })),
  ),
  identity: few(fc.record({ name: anyText, clientId: orNull(anyText), objectId: orNull(anyText) })),
})
const anyPicks = fc.record({
  target: anyOne,
  principal: anyOne,
  operation: anyOne,
  decision: anyOne,
  identity: anyOne,
})

const anyCall = fc.record({
  id: fc.uuid(),
  method: fc.oneof(fc.constantFrom('GET', 'PUT'), anyText),
  source: fc.record({ ip: fc.oneof(fc.ipV4(), anyText), port: fc.nat() }),
  client: orNull(anyText),
  clientRequestId: orNull(fc.oneof(fc.uuid(), anyText)),
  refusal: fc.option(anyRefusal, { nil: null, freq: 3 }),
  upstream: orNull(
    fc.record({
      origin: fc.oneof(fc.webUrl(), anyText),
      status: orNull(fc.integer()),
      ids: fc.dictionary(fc.constantFrom('x-ms-request-id', 'x-request-id', 'other'), anyText),
    }),
  ),
  status: orNull(fc.oneof(fc.nat(), anyNumber)),
  bytesIn: fc.oneof(fc.nat(), anyNumber),
  content: fc.option(fc.dictionary(fc.constantFrom('grant', 'review', 'tags'), anyText), {
    nil: null,
    freq: 3,
  }),
  review: orNull(fc.record({ review: anyText, use: fc.nat(), reviewers: fc.array(anyText) })),
  leftOut: orNull(fc.nat()),
}) satisfies fc.Arbitrary<Partial<Exchange>>

t.test('any exchange, with whatever in its fields, after any others', async (t) => {
  const ending = fc.record({
    kind: fc.constantFrom('authorized' as const, 'completed' as const, 'refused' as const),
    outcome: orNull(fc.constantFrom('success' as const, 'unknown' as const)),
    durationMs: orNull(anyNumber),
  })
  const calls = fc.array(fc.tuple(anyPicks, anyCall, ending), { maxLength: 12 })
  fc.assert(
    fc.property(anyParts, calls, (parts, made) => {
      const textOf = createTextOf(context, true)
      for (const [picks, call, { kind, ...ends }] of made) {
        const exchange = exchangeWith({
          ...call,
          target: parts.target[picks.target] ?? null,
          principal: parts.principal[picks.principal] ?? null,
          operation: parts.operation[picks.operation] ?? null,
          decision: parts.decision[picks.decision] ?? null,
          identity: parts.identity[picks.identity] ?? null,
        })
        const { row, shipped } = textsOf(textOf, kind, exchange, ends)
        t.equal(row, JSON.stringify(rowOf(kind, exchange, ends, context)))
        t.equal(shipped, withEvent(row))
      }
    }),
    { numRuns: 300 },
  )
})

t.test('numbers are written as JSON has them', async (t) => {
  const thousandths = fc.maxSafeInteger().map((number) => number / 1_000)
  fc.assert(
    fc.property(fc.oneof(fc.double(), thousandths, fc.integer()), (number) => {
      t.equal(numberText(number), JSON.stringify(number))
    }),
    { numRuns: 3_000 },
  )
})

t.test('no event where nobody wants one', async (t) => {
  const textOf = createTextOf(context, false)
  for (const [RecordKind, ending] of ENDINGS)
    t.equal(textOf({ RecordKind, EventTime: TIME }, exchangeOf(), ending).event, null)
})
