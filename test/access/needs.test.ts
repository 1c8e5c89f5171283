/** What travels with a refusal: whole, for a time, and only as it was written. */
import * as fc from 'fast-check'
import t from 'tap'
import { createNeeds, NEED_WORD, type Need } from '../../src/access/needs.ts'
import type { Exchange } from '../../src/exchange.ts'
import type { Decision } from '../../src/policy/decide.ts'
import { operation, principal, WS } from '../policy/support.ts'
import { exchangeWith } from '../support/exchange.ts'

const ID = '0b9ff4f0-8d2e-4d5e-a6a1-0a5d7e6c9f10'
const KEY = Buffer.from('a key that all replicas have')
const DAY = 86_400_000
const REFUSAL: Decision = {
  verdict: 'refuse',
  policies: [],
  reason: '',
  version: '',
  shadow: [],
  facts: {},
  memberships: [],
}

function exchange(given: Partial<Exchange> = {}): Exchange {
  const memberships = [
    { type: 'Role', id: 'entra/t/admin' },
    { type: 'Group', id: 'entra/t/one' },
  ]
  return exchangeWith({
    id: ID,
    principal: principal({ kind: 'service', id: 'entra/t/me' }),
    operation: operation('workspaces/jobs/write'),
    decision: { ...REFUSAL, memberships },
    ...given,
  })
}

t.test('a need is read as it was written, for 7 days and not a moment longer', async (t) => {
  let now = Date.parse('2027-01-01T00:00:00Z')
  const needs = createNeeds(KEY, () => now)
  const text = needs.issue(exchange()) ?? ''
  const expected: Need = {
    decision: ID,
    expires: now + 7 * DAY,
    principal: 'entra/t/me',
    kind: 'service',
    groups: ['entra/t/one'],
    call: {
      action: 'Microsoft.MachineLearningServices/workspaces/jobs/write',
      effect: 'write',
      family: 'arm',
      secrets: false,
      scope: WS,
      resource: { type: 'Job', id: `${WS}/jobs/train` },
    },
  }
  t.same(needs.read(ID, text), expected)
  t.match(`${ID}.${text}`, NEED_WORD)
  now += 7 * DAY - 1
  t.ok(needs.read(ID, text))
  now += 1
  t.equal(needs.read(ID, text), null)
})

t.test('whatever is asked for, it comes back the same, or there is no need', async (t) => {
  const needs = createNeeds(KEY, () => 0)
  const text = fc.string({ unit: 'binary', maxLength: 300 })
  fc.assert(
    fc.property(text, text, fc.boolean(), fc.array(text), (id, who, secrets, groups) => {
      const asked = operation('workspaces/jobs/write', {
        secrets,
        scope: null,
        resource: { type: 'Job', id, ancestors: [] },
      })
      const memberships = groups.map((one) => ({ type: 'Group', id: one }))
      const issued = needs.issue(
        exchange({
          principal: principal({ id: who }),
          operation: asked,
          decision: { ...REFUSAL, memberships },
        }),
      )
      const read = issued === null ? null : needs.read(ID, issued)
      if (issued === null) return
      t.same(read?.call.resource, { type: 'Job', id })
      t.same([read?.principal, read?.call.secrets], [who, secrets])
      t.same(read?.groups, groups.slice(0, 3))
    }),
    { numRuns: 200 },
  )
  const long = operation('workspaces/jobs/write', {
    resource: {
      type: 'Job',
      // nothing in it that could be packed
      id: Array.from({ length: 600 }, (_, n) => (n * 2_654_435_761).toString(36)).join(''),
      ancestors: [],
    },
  })
  t.equal(needs.issue(exchange({ operation: long })), null, 'too long for a link')
  t.equal(needs.issue(exchange({ principal: null })), null)
  t.equal(needs.issue(exchange({ operation: null })), null)
})

t.test('what this gateway did not write is none', async (t) => {
  const needs = createNeeds(KEY, () => 0)
  const text = needs.issue(exchange()) ?? ''
  const [payload = '', mac = ''] = text.split('.')
  t.ok(needs.read(ID, text))
  t.equal(needs.read('0b9ff4f0-8d2e-4d5e-a6a1-0a5d7e6c9f11', text), null, 'another decision')
  t.equal(createNeeds(Buffer.from('another'), () => 0).read(ID, text), null, 'another key')
  for (const forged of [
    '',
    '.',
    payload,
    `${payload}.`,
    `.${mac}`,
    `${payload}.${'A'.repeat(22)}`,
    `${payload}.${mac}A`,
    `${payload}.${mac.slice(0, -2)}`,
    `A${payload}.${mac}`,
    `${text}.${mac}`,
    `${payload} .${mac}`,
  ])
    t.equal(needs.read(ID, forged), null, forged)
  for (let at = 0; at < payload.length; at += 1) {
    const other = payload[at] === 'A' ? 'B' : 'A'
    t.equal(needs.read(ID, `${payload.slice(0, at)}${other}${payload.slice(at + 1)}.${mac}`), null)
  }
})
