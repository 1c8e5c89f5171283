/** What is refused before a body is read: only what is refused whatever the body says. */
import t, { type Test } from 'tap'
import * as fc from 'fast-check'
import { createDecide, createRefuseWithoutBody } from '../../../src/policy/decide.ts'
import { loadFrom, operation, principal, WS } from '../support.ts'

// too long for `npm run test:quick`
t.setTimeout(300_000)

const GROUP = 'Group::"okta/g"'
const JOBS = 'Action::"Microsoft.MachineLearningServices/workspaces/jobs/write"'
const write = operation('workspaces/jobs/write', { inspectable: true })
const member = principal({ groups: ['okta/g'] })
const other = principal()

const named = (id: string, statement: string, effect = ''): string =>
  `@id("${id}") @reason("${id}") ${effect} ${statement};\n`
const permit = (scope: string, conditions = ''): string =>
  named('p', `permit (${scope}) ${conditions}`, '@identity("ml-writer")')
const forbid = (conditions: string): string =>
  named('f', `forbid (principal, action, resource) ${conditions}`)

async function early(t: Test, files: Readonly<Record<string, string>>) {
  const ask = createRefuseWithoutBody(await loadFrom(t, files))
  return (who = other, facts = {}, bodyNames = false, asked = write) =>
    ask(who, asked, facts, bodyNames)?.refusal.code ?? null
}

t.test('who could be permitted with some body is not refused', async (t) => {
  const ask = await early(t, {
    'x.cedar': permit(
      `principal in ${GROUP}, action in ${JOBS}, resource`,
      'when { context has tags && context.tags.contains("a=b") }',
    ),
  })
  t.equal(ask(member), null)
  t.equal(ask(other), 'policy_refused')
  t.equal(ask(member, {}, false, operation('workspaces/jobs/delete')), 'policy_refused')
})

t.test('conditions that the body has no part in are judged at once', async (t) => {
  const inCondition = await early(t, {
    'x.cedar': permit(
      'principal, action, resource',
      `when { principal in ${GROUP} && context has computes && context.computes.contains("a") }`,
    ),
  })
  t.equal(inCondition(member), null)
  t.equal(inCondition(other), 'policy_refused')
  const unless = await early(t, {
    'x.cedar': permit(
      'principal, action, resource',
      'unless { (context has localAuth && context.localAuth) || !(context has issuer && context.issuer == "okta") }',
    ),
  })
  t.equal(unless(principal({ issuer: 'okta' })), null)
  t.equal(unless(principal({ issuer: 'entra' })), 'policy_refused')
})

t.test('a forbid counts if nothing in the body could lift it', async (t) => {
  const all = permit('principal, action, resource')
  const ask = async (conditions: string) => early(t, { 'x.cedar': all + forbid(conditions) })
  t.equal((await ask(''))(), 'policy_refused')
  t.equal((await ask('when { context has family && context.family == "arm" }'))(), 'policy_refused')
  t.equal((await ask('unless { context has tags }'))(), null)
  t.equal((await ask('when { context has bodyDigest }'))(), null)
})

t.test('a permit for one run counts where the body says which run it is', async (t) => {
  const run = operation('workspaces/experiments/runs/write', {
    resource: { ...write.resource, type: 'Run', id: `${WS}/runs` },
    family: 'mlflow',
  })
  const ask = await early(t, {
    'x.cedar': permit(`principal in ${GROUP}, action, resource in Run::"${WS}/runs/one"`),
  })
  t.equal(ask(member, {}, true, run), null)
  t.equal(ask(member, {}, false, run), 'policy_refused')
  t.equal(ask(other, {}, true, run), 'policy_refused')
})

t.test('shadow policies decide nothing', async (t) => {
  const shadow = named(
    's',
    'permit (principal, action, resource)',
    '@shadow @identity("ml-writer")',
  )
  t.equal((await early(t, { 'x.cedar': shadow }))(), 'policy_refused')
})

t.test('what it refuses is refused with every body', async (t) => {
  const fact = fc.constantFrom(
    'context has tags && context.tags.contains("a=b")',
    'context has localAuth && context.localAuth',
    'context has instanceCount && context.instanceCount > 3',
    'context has issuer && context.issuer == "okta"',
    `principal in ${GROUP}`,
    'resource is Job',
    'resource is Model',
  )
  const { expression } = fc.letrec<{ expression: string }>((tie) => ({
    expression: fc.oneof(
      { maxDepth: 3 },
      fact,
      fact.map((one) => `!(${one})`),
      fc
        .tuple(tie('expression'), fc.constantFrom('&&', '||'), tie('expression'))
        .map(([left, operator, right]) => `(${left}) ${operator} (${right})`),
    ),
  }))
  const condition = fc
    .tuple(fc.constantFrom('when', 'unless'), expression)
    .map(([kind, body]) => `${kind} { ${body} }`)
  const rule = fc.tuple(fc.constantFrom('permit', 'forbid'), fc.array(condition, { maxLength: 2 }))
  const body = fc.record(
    {
      tags: fc.constantFrom(['a=b'], []),
      localAuth: fc.boolean(),
      instanceCount: fc.integer({ min: 0, max: 9 }),
    },
    { requiredKeys: [] },
  )
  let refusals = 0
  const property = fc.asyncProperty(
    fc.array(rule, { minLength: 1, maxLength: 4 }),
    fc.array(body, { minLength: 1, maxLength: 4 }),
    fc.constantFrom('okta', 'entra'),
    async (rules, bodies, issuer) => {
      const text = rules
        .map(([effect, conditions], at) =>
          named(
            `r${at}`,
            `${effect} (principal, action, resource) ${conditions.join(' ')}`,
            effect === 'permit' ? '@identity("ml-writer")' : '',
          ),
        )
        .join('')
      const set = await loadFrom(t, { 'x.cedar': text }).catch(() => null)
      // Cedar's validator refuses policies that can never apply
      if (set === null) return true
      const [ask, decide] = [createRefuseWithoutBody(set), createDecide(set)]
      return [member, other].every((who) => {
        const caller = { ...who, issuer }
        if (ask(caller, write, {}, false) === null) return true
        refusals += 1
        return bodies.every((facts) => decide(caller, write, facts).permit === null)
      })
    },
  )
  await fc.assert(property, { numRuns: 20 })
  t.ok(refusals > 0, 'some of them were refused')
})
