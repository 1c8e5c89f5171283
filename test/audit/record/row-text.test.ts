/**
 * The text that is put together from kept parts is byte for byte the row in its plain form, and its event that of the row,
 * whatever the exchange.
 */
import { createSecretKey } from 'node:crypto'
import t from 'tap'
import { withOcsf } from '../../../src/audit/record/ocsf.ts'
import { createTextOf, type TextOf } from '../../../src/audit/record/row-text.ts'
import { rowOf, type Ending } from '../../../src/audit/record/row.ts'
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
  const { members, event } = textOf({ RecordKind: kind, EventTime: TIME }, exchange, ending)
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

t.test('no event where nobody wants one', async (t) => {
  const textOf = createTextOf(context, false)
  for (const [RecordKind, ending] of ENDINGS)
    t.equal(textOf({ RecordKind, EventTime: TIME }, exchangeOf(), ending).event, null)
})
