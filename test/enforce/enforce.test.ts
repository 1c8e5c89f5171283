/** Which bodies are read, and that one call is judged by one set of policies. */
import { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { createEnforcement } from '../../src/enforce/enforce.ts'
import { createDecide, createRefuseWithoutBody } from '../../src/policy/decide.ts'
import { alikeIn } from '../../src/policy/engine/callers.ts'
import { createNeedsBody, createNeedsDocument } from '../../src/policy/engine/what-policy-asks.ts'
import type { PolicySet } from '../../src/policy/load/rules.ts'
import { WS, loadFrom, operation, principal, resource } from '../policy/support.ts'
import { exchangeWith } from '../support/exchange.ts'
import { progressOf } from '../../src/exchange.ts'

const PERMIT = '@id("p") @reason("r") @identity("ml-writer")'
const ALL = `${PERMIT} permit (principal, action, resource);`
const writing = operation('workspaces/jobs/write', { inspectable: true })
const me = principal()

function world(first: PolicySet) {
  let set = first
  const enforcement = createEnforcement({
    policy: () => set,
    createNeedsDocument,
    alikeIn,
    createNeedsBody,
    decide: createDecide(first),
    refuseWithoutBody: createRefuseWithoutBody(first),
    bodyBytes: 1024,
    callFacts: () => ({}),
    ask: () => Promise.reject(new Error('nothing is asked')),
    lookUps: () => () => Promise.reject(new Error('nothing is asked')),
    runLookUps: () => {
      throw new Error('nothing is asked')
    },
  })
  const gather = (text = '{"properties":{"jobType":"Command"}}', asked = writing) => {
    const exchange = exchangeWith({ principal: me, operation: asked, method: 'PUT' })
    const raw = Readable.from([Buffer.from(text)])
    const headers = { 'content-type': 'application/json', 'content-length': String(text.length) }
    return enforcement.gather(exchange, { headers, stream: raw }, progressOf(exchange))
  }
  return { enforcement, gather, replace: (other: PolicySet) => void (set = other) }
}

const isRead = async (t: Test, policies: string, asked = writing): Promise<boolean> => {
  const set = await loadFrom(t, { 'x.cedar': policies })
  return (await world(set).gather(undefined, asked)).content !== null
}

t.test('a body is read only if a policy for that action asks or acts on it', async (t) => {
  const forbid = (scope: string, when: string) =>
    `${ALL} @id("f") @reason("r") forbid (${scope}) ${when};`
  const onImages = 'when { context has images && context.images.contains("x") }'
  t.equal(await isRead(t, ALL), false)
  t.equal(await isRead(t, ALL.replace('permit', '@pin permit')), true)
  t.equal(await isRead(t, ALL.replace('permit', '@stamp permit')), true)
  t.equal(await isRead(t, ALL.replace('permit', '@record("body") permit')), true)
  t.equal(await isRead(t, ALL.replace('permit', '@redact permit')), false)
  t.equal(await isRead(t, forbid('principal, action, resource', onImages)), true)
  t.equal(
    await isRead(t, forbid('principal, action in Action::"delete", resource', onImages)),
    false,
  )
  t.equal(
    await isRead(t, forbid('principal, action, resource', 'when { context has bodyDigest }')),
    true,
  )
  t.equal(
    await isRead(t, forbid('principal, action, resource', 'when { context has apiVersion }')),
    false,
  )
  t.equal(
    await isRead(t, forbid('principal == User::"entra/else", action, resource', onImages)),
    false,
  )
  t.equal(
    await isRead(t, forbid('principal, action, resource == Workspace::"/else"', onImages)),
    false,
  )
  const data = operation('workspaces/data/versions/write', {
    inspectable: true,
    resource: resource('DataVersion', `${WS}/data/d/versions/1`),
  })
  t.equal(
    await isRead(t, ALL.replace('permit', '@stamp permit'), data),
    false,
    'only what runs is stamped',
  )
  const closed = { ...writing, inspectable: false }
  t.equal(await isRead(t, ALL.replace('permit', '@pin permit'), closed), false)
})

t.test(
  'policies that are replaced while a call is judged do not judge what was not read',
  async (t) => {
    const before = await loadFrom(t, { 'x.cedar': ALL })
    const after = await loadFrom(t, { 'x.cedar': `${ALL} // changed` })
    const { enforcement, gather, replace } = world(before)
    const gathered = await gather()
    const permitOf = (set: PolicySet) => {
      const { permit } = createDecide(set)(me, writing, gathered.facts)
      if (permit === null) throw new Error('not permitted')
      return permit
    }
    const exchange = exchangeWith({ principal: me, operation: writing, method: 'PUT' })
    const progress = progressOf(exchange)
    t.equal(enforcement.finish(exchange, permitOf(before), gathered, progress).body, null)
    replace(after)
    t.throws(() => enforcement.finish(exchange, permitOf(after), gathered, progress), {
      code: 'not_ready',
    })
  },
)
