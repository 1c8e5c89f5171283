import { policyToJson } from '@cedar-policy/cedar-wasm/nodejs'
import t from 'tap'
import {
  factsIn,
  namedIn,
  residualOf,
  scopeActions,
  scopeUid,
} from '../../../src/policy/load/conditions.ts'

function json(condition: string, scope = 'principal, action, resource') {
  const answer = policyToJson(
    `permit (${scope}) ${condition === '' ? '' : `when { ${condition} }`};`,
  )
  if (answer.type === 'failure') throw new Error(JSON.stringify(answer.errors))
  return answer.json
}

const named = (condition: string): string[] | null =>
  namedIn(json(condition))?.map(({ type, id }) => `${type}::${id}`) ?? null

const facts = (condition: string): string[] | null => factsIn(json(condition).conditions)

t.test('entities that a policy names are found wherever they stand', async (t) => {
  t.same(named(''), [])
  t.same(named('principal in Group::"a"'), ['Group::a'])
  t.same(named('!(resource in [Workspace::"a", Workspace::"b"])'), ['Workspace::a', 'Workspace::b'])
  t.same(named('principal is User in Group::"a" && action == Action::"x"'), [
    'Group::a',
    'Action::x',
  ])
  t.same(named('Job::"j" == resource || Job::"k" != resource'), ['Job::j', 'Job::k'])
  t.same(named('User::"u" in Group::"a"'), ['User::u', 'Group::a'])
  t.same(named('principal is User'), [])
  const scope =
    'principal is User in Group::"p", action in [Action::"a", Action::"b"], resource == Job::"r"'
  t.same(
    namedIn(json('', scope))?.map(({ id }) => id),
    ['p', 'a', 'b', 'r'],
  )
})

t.test('a policy that looks at entities in any other way does not tell', async (t) => {
  for (const condition of [
    'principal in resource',
    'principal == resource',
    'principal is Compute in resource',
    '[User::"u"].contains(principal)',
    '[principal] == [User::"u"]',
    'principal in [Group::"a", resource]',
    'if principal == resource then true else false',
    'context == { a: principal }',
    'principal has name',
  ]) {
    t.equal(named(condition), null, condition)
  }
})

t.test('facts are found wherever they stand', async (t) => {
  t.same(facts('context has a && context.b > 1 && context.c.contains("x")'), ['a', 'b', 'c'])
  t.same(facts('context has a.b.c'), ['a'])
  t.same(facts('principal in Group::"a"'), [])
  t.equal(facts('{ a: context } == { a: context }'), null)
})

t.test('scopes are read', async (t) => {
  const { principal, resource } = json('', 'principal in Group::"g", action, resource is Job')
  t.same(scopeUid(principal), { type: 'Group', id: 'g' })
  t.equal(scopeUid(resource), null)
  t.equal(scopeActions(json('')), null)
  t.same(scopeActions(json('', 'principal, action == Action::"a", resource')), ['a'])
})

t.test('what is left of a policy is all but the "in" of its scope', (t) => {
  const policy = json(
    'context has instanceCount',
    'principal is User in Group::"p", action in [Action::"a"], resource == Job::"r"',
  )
  const left = residualOf(policy)
  t.same(left?.json, { ...policy, action: { op: 'All' } })
  t.same(
    left?.named?.map(({ id }) => id),
    ['p', 'r'],
  )
  const inside = 'principal in Group::"p", action, resource in Workspace::"w"'
  t.same(residualOf(json('', inside))?.named, [])
  t.end()
})

t.test('a policy with a number that JavaScript would round is asked as it is written', (t) => {
  t.equal(residualOf(json('context.instanceCount < 9007199254740993')), null)
  t.equal(residualOf(json('[1, -9007199254740993].contains(context.instanceCount)')), null)
  t.not(residualOf(json('context.instanceCount < 9007199254740991')), null)
  t.end()
})
