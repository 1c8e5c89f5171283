/** The plan of a change asks only where a rule that differs can matter: it finds what asking everywhere finds. */
import t from 'tap'
import type { Uid } from '../../../src/policy/load/conditions.ts'
import type { PolicySet } from '../../../src/policy/load/rules.ts'
import { planOf } from '../../../src/policy/review/plan.ts'
import { memberOf, whatCan } from '../../../src/policy/review/who-can.ts'
import { loadFrom, RG, SUB, WS } from '../support.ts'

const OTHER = WS.replace('ws-lab', 'ws-other')
const JOB = `${WS}/jobs/nightly`
const PRINCIPALS: readonly Uid[] = [
  { type: 'Group', id: 'okta/a' },
  { type: 'Group', id: 'okta/b' },
  { type: 'User', id: 'okta/ann' },
  { type: 'Workspace', id: WS },
  { type: 'User', id: 'harness/stranger' },
]
const PLACES = [SUB, RG, WS, OTHER, JOB]

const policy = (id: string, effect: string, scope: string, conditions = ''): string =>
  `@id("${id}") @reason("r")${effect === 'permit' ? ' @identity("ml-reader")' : ''} ${effect} (${scope}) ${conditions};\n`
const to = (principal: string, resource = 'resource'): string =>
  `principal ${principal}, action in Action::"read", ${resource}`
const IN_WS = `resource in Workspace::"${WS}"`

const A = policy('a', 'permit', to('in Group::"okta/a"', IN_WS))
const B = policy('b', 'permit', to('in Group::"okta/b"', `resource in Subscription::"${SUB}"`))
const COMPUTE = policy('c', 'permit', to(`in Workspace::"${WS}"`, IN_WS))
const BASE = A + B + COMPUTE
const bindings = (order: string, more = ''): string =>
  `identities: [${order}]\nbindings:${more || ' []'}\n`
const bound = (until: string): string => `
  - id: bound
    template: t
    principal: 'User::"okta/ann"'
    resource: 'ResourceGroup::"${RG}"'
    until: '${until}'`
const TEMPLATE = policy(
  't',
  'permit',
  `principal in ?principal, action in Action::"read", resource in ?resource`,
)

/** File names with their texts, before and after. */
const CHANGES: Readonly<Record<string, readonly [old: Record<string, string>, now: Record<string, string>]>> = {
  'nothing': [{ 'p.cedar': BASE }, { 'p.cedar': BASE }],
  'other files, the same rules': [{ 'p.cedar': BASE }, { 'p.cedar': A, 'q.cedar': B + COMPUTE }],
  'a permit more': [{ 'p.cedar': A }, { 'p.cedar': A + B }],
  'a permit less, of computes': [{ 'p.cedar': BASE }, { 'p.cedar': A + B }],
  'a permit for everybody': [{ 'p.cedar': A }, { 'p.cedar': A + policy('e', 'permit', to('', `resource in Workspace::"${OTHER}"`)) }],
  'a forbid for everybody': [{ 'p.cedar': BASE }, { 'p.cedar': BASE + policy('f', 'forbid', 'principal, action, resource', `when { resource in Workspace::"${WS}" }`) }],
  'a forbid of one group below the workspace': [{ 'p.cedar': BASE }, { 'p.cedar': BASE + policy('f', 'forbid', to('in Group::"okta/a"', `resource == Job::"${JOB}"`)) }],
  'a condition on the principal': [{ 'p.cedar': BASE }, { 'p.cedar': BASE + policy('f', 'forbid', 'principal, action, resource', 'when { principal in Group::"okta/b" }') }],
  'a condition on a fact': [{ 'p.cedar': BASE }, { 'p.cedar': policy('a', 'permit', to('in Group::"okta/a"', IN_WS), 'when { context has apiVersion && context.apiVersion == "x" }') + B + COMPUTE }],
  'a shadow becomes real': [{ 'p.cedar': `@shadow ${policy('s', 'permit', to('in Group::"okta/a"'))}` }, { 'p.cedar': policy('s', 'permit', to('in Group::"okta/a"')) }],
  'a binding ends': [
    { 'p.cedar': A, 'templates/t.cedar': TEMPLATE, 'bindings.yaml': bindings('ml-reader, ml-writer', bound('2999-01-01T00:00:00Z')) },
    { 'p.cedar': A, 'templates/t.cedar': TEMPLATE, 'bindings.yaml': bindings('ml-reader, ml-writer', bound('2001-01-01T00:00:00Z')) },
  ],
  'the order of identities': [
    { 'p.cedar': BASE, 'bindings.yaml': bindings('ml-reader, ml-writer') },
    { 'p.cedar': BASE, 'bindings.yaml': bindings('ml-writer, ml-reader') },
  ],
} // prettier-ignore

/** What is asked of every principal about every place. */
function everywhere(before: PolicySet, after: PolicySet): string[] {
  const found: string[] = []
  const named = [before, after].flatMap(({ rules }) => [...rules.values()])
  const who = PRINCIPALS.filter(
    ({ id }) => id === 'harness/stranger' || named.some(({ principal }) => principal?.id === id),
  )
  const where = PLACES.filter((on) => named.some(({ resource }) => resource?.id === on))
  for (const uid of who)
    for (const on of [...where, 'elsewhere']) {
      const place = on === 'elsewhere' ? elsewhere : on
      const was = whatCan(before, memberOf(uid), before.words.actions, place)
      whatCan(after, memberOf(uid), after.words.actions, place).forEach(({ action, may }, at) => {
        const old = was[at]?.may
        if (old !== may) found.push(`${uid.id} ${place} ${old} ${may} ${action.id}`)
      })
    }
  return found.toSorted()
}
const elsewhere =
  '/subscriptions/00000000-0000-0000-0000-000000000000/resourcegroups/elsewhere/providers/microsoft.machinelearningservices/workspaces/elsewhere'

const planned = (before: PolicySet, after: PolicySet): string[] =>
  [...planOf(before, after)]
    .flatMap(({ changes }) => changes)
    .flatMap(({ principal, on, before: was, after: is, actions }) =>
      actions.map((action) => `${principal.id} ${on} ${was} ${is} ${action}`),
    )
    .toSorted()

for (const [name, [old, now]] of Object.entries(CHANGES))
  t.test(name, async (t) => {
    const before = await loadFrom(t, old)
    const after = await loadFrom(t, now)
    const forward = everywhere(before, after)
    t.same(planned(before, after), forward)
    t.same(planned(after, before), everywhere(after, before), 'and back')
    t.comment(`${forward.length} changes`)
  })

t.test('what cannot matter is not asked', async (t) => {
  const before = await loadFrom(t, { 'p.cedar': BASE })
  t.same([...planOf(before, before)], [])
  const more = policy('m', 'permit', to('in Group::"okta/a"', `resource in Workspace::"${OTHER}"`))
  const after = await loadFrom(t, { 'p.cedar': BASE + more })
  const steps = [...planOf(before, after)]
  t.equal(steps.length, 2, 'one principal at that place, and at the subscription that it is in')
  t.ok(steps.every(({ of }) => of === 2))
  t.same(
    steps.flatMap(({ changes }) => changes.map(({ principal, on }) => [principal.id, on])),
    [['okta/a', OTHER]],
  )
})
