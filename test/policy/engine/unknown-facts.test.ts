/** A forbid that could apply for some value of a fact that nobody told is no permit, whatever Cedar says. */
import * as fc from 'fast-check'
import t, { type Test } from 'tap'
import type { Operation } from '../../../src/vocabulary/operation.ts'
import { RESOURCE_TYPES } from '../../../src/vocabulary/resource-types.ts'
import { createDecide } from '../../../src/policy/decide.ts'
import {
  canHave,
  DOCUMENT_FACTS,
  FACT_NAMES,
  factKind,
  FACTS,
  isUnknown,
  type AboutCall,
  type Facts,
} from '../../../src/policy/facts.ts'
import { loadFrom, operation, principal, resource, WS } from '../support.ts'

// too long for `npm run test:quick`
t.setTimeout(300_000)

const PERMIT = '@id("p") @reason("r") @identity("ml-writer") permit (principal, action, resource);'
const write = operation('workspaces/jobs/write')
const me = principal()
const absent = (...names: string[]): Facts => ({ absent: names })

async function decideWith(t: Test, ...forbids: string[]) {
  const text = forbids.map((one, at) => `@id("f${at}") @reason("no") ${one};`)
  return createDecide(await loadFrom(t, { 'x.cedar': [PERMIT, ...text].join('\n') }))
}

type Decide = Awaited<ReturnType<typeof decideWith>>
const codeOf = (decide: Decide, asked: Operation, facts: Facts, who = me): string => {
  const verdict = decide(who, asked, facts, 'all')
  return verdict.permit === null ? verdict.refusal.code : 'permit'
}

t.test('the refusal names fact and policy, and who can change it', async (t) => {
  const decide = await decideWith(
    t,
    'forbid (principal, action, resource) when { context has tags && context.tags.contains("a") }',
  )
  const verdict = decide(me, write, {}, 'all')
  t.match(verdict.permit === null ? verdict.refusal : null, {
    code: 'fact_unknown',
    message: 'policy asks for "tags" here, and nothing tells it',
    detail: { policies: ['f0'], remedy: /who keeps the policy f0: with @absent\("permits"\)/ },
  })
  t.match(verdict.decision, { verdict: 'refuse', policies: ['f0'] })
  t.equal(decide(me, write, {}).permit?.refusedUntold()?.refusal.code, 'fact_unknown')
  t.equal(codeOf(decide, write, { tags: [] }), 'permit')
  t.equal(codeOf(decide, write, { tags: ['a'] }), 'policy_refused')
  t.equal(codeOf(decide, write, absent('tags')), 'permit')
  t.equal(codeOf(decide, write, absent('data')), 'fact_unknown', 'of another fact')
})

t.test('only where a forbid can apply for some value', async (t) => {
  const tags = 'context has tags && context.tags.contains("a")'
  const cases: readonly (readonly [string, string])[] = [
    [`forbid (principal, action, resource) when { ${tags} }`, 'fact_unknown'],
    [`forbid (principal, action, resource) unless { !(${tags}) }`, 'fact_unknown'],
    [`forbid (principal, action, resource) when { resource is Job && ${tags} }`, 'fact_unknown'],
    [`forbid (principal, action, resource) when { resource is Model && ${tags} }`, 'permit'],
    [`forbid (principal, action, resource) when { ${tags} } unless { resource is Job }`, 'permit'],
    [
      `forbid (principal, action, resource) when { if resource is Model then ${tags} else false }`,
      'permit',
    ],
    [`forbid (principal, action, resource) when { ${tags} || resource is Model }`, 'fact_unknown'],
    [`forbid (principal, action in Action::"read", resource) when { ${tags} }`, 'permit'],
    [`forbid (principal in Group::"g/x", action, resource) when { ${tags} }`, 'permit'],
    [`@shadow forbid (principal, action, resource) when { ${tags} }`, 'permit'],
    [`@absent("permits") forbid (principal, action, resource) when { ${tags} }`, 'permit'],
    // a number that JavaScript would round is asked as it is written, and may apply
    [
      'forbid (principal, action, resource) when { context has instanceCount && context.instanceCount > 9007199254740993 }',
      'fact_unknown',
    ],
  ]
  for (const [forbid, expected] of cases)
    t.equal(codeOf(await decideWith(t, forbid), write, {}), expected, forbid)
})

t.test('a template that forbids is asked like any other', async (t) => {
  const set = await loadFrom(t, {
    'x.cedar': PERMIT,
    'templates/deny.cedar': `@id("deny") @reason("no") forbid (principal in ?principal, action, resource in ?resource) when { context has tags && context.tags.contains("a") };`,
    'bindings.yaml': `bindings:\n  - { id: b, template: deny, principal: 'Group::"g/x"', resource: 'Workspace::"${WS}"' }\n`,
  })
  const decide = createDecide(set)
  t.equal(codeOf(decide, write, {}), 'permit')
  t.equal(codeOf(decide, write, {}, principal({ groups: ['g/x'] })), 'fact_unknown')
})

t.test('a forbid that @stepup lifts is not asked for its facts once it was met', async (t) => {
  const set = await loadFrom(t, {
    'x.cedar': `${PERMIT} @id("f") @reason("no") @stepup("methods=mfa") forbid (principal, action, resource) unless { context has tags && context.tags.contains("a") };`,
  })
  const decide = createDecide(set, { checkSignIn: () => null })
  t.equal(codeOf(decide, write, {}), 'permit')
})

const job: AboutCall = { type: 'Job', effect: 'write', caller: 'User' }

t.test('every fact has a row that says when it counts as told', async (t) => {
  const types = new Set(RESOURCE_TYPES.map(({ cedar }) => cedar))
  for (const [name, [, , { told, types: having }]] of Object.entries(FACTS)) {
    const call: AboutCall = { ...job, type: having === null ? 'Job' : ([...having][0] ?? '') }
    t.equal(isUnknown(name, {}, call), told !== 'always', name)
    t.equal(isUnknown(name, absent(name), call), false, `${name} is known to be absent`)
    const values = {
      strings: ['x'],
      string: 'x',
      long: 1,
      boolean: false,
      ip: '::1',
      datetime: 'now',
    }
    t.equal(isUnknown(name, { [name]: values[factKind(name) ?? 'string'] }, call), false, name)
    const isTokenSet = name === 'methods' || name === 'scopes'
    if (factKind(name) === 'strings')
      t.equal(isUnknown(name, { [name]: [] }, call), isTokenSet, `${name}, told as empty`)
    for (const type of having ?? [])
      t.ok(
        types.has(type) ||
          [
            'Other',
            'RegistryAsset',
            'WebService',
            'Artifact',
            'Index',
            'Prompt',
            'VirtualCluster',
            'Experiment',
            'Run',
            'Trace',
            'LoggedModel',
          ].includes(type),
        `${name}: ${type}`,
      )
  }
})

t.test('which calls can have a fact', async (t) => {
  t.equal(isUnknown('tags', {}, { ...job, effect: 'delete' }), true)
  t.equal(isUnknown('images', {}, { ...job, type: 'Workspace', effect: 'read' }), false)
  t.equal(isUnknown('tags', {}, { ...job, type: 'OperationStatus' }), false)
  t.equal(isUnknown('images', {}, { ...job, type: 'Run' }), false)
  t.equal(isUnknown('bodyDigest', {}, job), true)
  t.equal(isUnknown('bodyDigest', {}, { ...job, effect: 'read' }), false)
  t.equal(isUnknown('scopes', { scopes: [] }, { ...job, caller: 'Service' }), false)
  t.equal(isUnknown('scopes', { scopes: [] }, job), true)
  t.equal(isUnknown('methods', { methods: [] }, job), true, 'a token without amr')
  t.equal(isUnknown('signInAgeSeconds', {}, job), true)
  for (const fact of DOCUMENT_FACTS) t.ok(canHave('Other', fact), 'a type that is not understood')
})

const SETS = DOCUMENT_FACTS.filter((name) => factKind(name) === 'strings')
/** The form of the documents: `context has x && ...`, of one fact or of two. */
const condition = fc
  .tuple(fc.constantFrom(...SETS), fc.constantFrom(...SETS), fc.boolean(), fc.boolean())
  .map(([one, two, negated, both]) => {
    const asks = (fact: string) =>
      `context has ${fact} && ${negated ? '!' : ''}context.${fact}.contains("a")`
    return {
      facts: both ? [one, two] : [one],
      text: both ? `(${asks(one)}) || (${asks(two)})` : asks(one),
    }
  })
const call = fc.constantFrom(
  operation('workspaces/jobs/write'),
  operation('workspaces/jobs/delete'),
  operation('workspaces/jobs/cancel/action'),
  operation('workspaces/onlineEndpoints/write', {
    resource: resource('OnlineEndpoint', `${WS}/onlineendpoints/e`),
  }),
  operation('workspaces/capabilityHosts/write', {
    resource: resource('CapabilityHost', `${WS}/capabilityhosts/c`),
  }),
  operation('workspaces/models/delete', { resource: resource('Model', `${WS}/models/m`) }),
)

t.test('random forbids and calls: without the fact there is no permit', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      condition,
      fc.array(fc.tuple(call, fc.subarray([...SETS]), fc.boolean()), {
        minLength: 10,
        maxLength: 20,
      }),
      async ({ facts, text }, asked) => {
        const decide = await decideWith(t, `forbid (principal, action, resource) when { ${text} }`)
        for (const [operationAsked, told, isAbsent] of asked) {
          const given: Facts = isAbsent
            ? { absent: told }
            : Object.fromEntries(told.map((name) => [name, []]))
          const missing = facts.some(
            (fact) => canHave(operationAsked.resource.type, fact) && !told.includes(fact),
          )
          const code = codeOf(decide, operationAsked, given)
          if (missing && code === 'permit') throw new Error(`${operationAsked.action} ${text}`)
          if (!missing && code === 'fact_unknown') throw new Error(`asked in vain: ${text}`)
        }
      },
    ),
    { numRuns: 12 },
  )
  t.pass('never')
})

t.test('names of facts and of documents agree', async (t) => {
  for (const name of DOCUMENT_FACTS) t.ok(FACT_NAMES.includes(name))
})
