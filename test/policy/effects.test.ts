import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createDecide } from '../../src/policy/decide.ts'
import { AmbiguousIdentity, EFFECT_ANNOTATIONS, resolveEffects } from '../../src/policy/effects.ts'
import type { PolicySet, Rule } from '../../src/policy/load/rules.ts'
import { loadFrom, operation, principal } from './support.ts'

const FILES = {
  'a.cedar': `
@id("low") @reason("low") @identity("ml-reader") @redact permit (principal, action, resource);
@id("high") @reason("high") @identity("ml-writer") @pin @record("body") permit (principal, action, resource);
@id("mark") @reason("mark") @identity("ml-writer") @stamp permit (principal, action in Action::"write", resource);`,
  'bindings.yaml': 'identities: [ml-reader, ml-writer]\nbindings: []\n',
}

function rulesOf(set: PolicySet, ...ids: string[]): Rule[] {
  return ids.flatMap((id) => set.rules.get(id) ?? [])
}

t.test(
  'the identity is the first in the stated order, whatever the order of the policies',
  async (t) => {
    const set = await loadFrom(t, FILES)
    const both = rulesOf(set, 'high', 'low')
    t.equal(resolveEffects(both, ['ml-reader', 'ml-writer']).identity, 'ml-reader')
    t.equal(resolveEffects(both, ['ml-writer', 'ml-reader']).identity, 'ml-writer')
    t.equal(resolveEffects(both.toReversed(), ['ml-reader', 'ml-writer']).identity, 'ml-reader')
    t.equal(
      resolveEffects(rulesOf(set, 'high', 'mark'), []).identity,
      'ml-writer',
      'one needs no order',
    )
  },
)

t.test('identities without an order between them are an error', async (t) => {
  const set = await loadFrom(t, FILES)
  const both = rulesOf(set, 'high', 'low')
  for (const order of [[], ['ml-reader'], ['ml-writer'], ['other']]) {
    t.throws(() => resolveEffects(both, order), AmbiguousIdentity)
  }
  t.throws(() => resolveEffects([], ['ml-reader']), AmbiguousIdentity)
})

t.test('such an error refuses', async (t) => {
  const set = await loadFrom(t, FILES)
  const broken = { ...set, key: 'without an order', bindings: { ...set.bindings, order: [] } }
  const verdict = createDecide(broken)(principal(), operation('workspaces/jobs/write'), {})
  t.equal(verdict.permit === null ? verdict.refusal.code : null, 'policy_error')
})

t.test('every other effect is on if any of the permits asks for it', async (t) => {
  const decide = createDecide(await loadFrom(t, FILES))
  const effects = (action: string): unknown =>
    decide(principal(), operation(action), {}).permit?.effects
  t.same(effects('workspaces/jobs/write'), {
    identity: 'ml-reader',
    pin: true,
    stamp: true,
    redact: true,
    recordBody: true,
  })
  t.same(effects('workspaces/jobs/read'), {
    identity: 'ml-reader',
    pin: true,
    stamp: false,
    redact: true,
    recordBody: true,
  })
})

t.test('docs/policy.md has every annotation that is an effect', async (t) => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/policy.md'), 'utf8')
  for (const annotation of EFFECT_ANNOTATIONS) {
    t.match(text, new RegExp(`^\\| \`@${annotation}\\b.*\\|$`, 'm'), annotation)
  }
})
