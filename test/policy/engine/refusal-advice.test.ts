import t from 'tap'
import type { Refusal } from '../../../src/errors.ts'
import { createDecide } from '../../../src/policy/decide.ts'
import { loadFrom, loadShipped, operation, principal, RG, WS } from '../support.ts'

const bindings = (who: string): string =>
  `identities: [ml-reader, ml-writer]\nbindings:\n  - { id: readers, template: reader, principal: '${who}', resource: 'Workspace::"${WS}"' }\n`

const me = principal({ id: 'entra/t/me', groups: ['entra/t/Readers'] })

for (const [how, who, said] of [
  ['another issuer', 'Group::"okta/readers"', /binding readers may be mistyped/],
  [
    'other letters',
    'Group::"entra/t/readers"',
    /names Group::"entra\/t\/readers", the token carries/,
  ],
  ['another type', 'Role::"entra/t/Readers"', /binding readers may be mistyped/],
  ['an e-mail address', 'User::"entra/t/me@example.org"', /it has to name User::"entra\/t\/me"/],
] as const) {
  t.test(`a refusal says that a binding has ${how}`, async (t) => {
    const refusal = async (more = ''): Promise<Refusal> => {
      const set = await loadShipped(t, bindings(who) + more)
      const verdict = createDecide(set)(me, operation('workspaces/jobs/read'), {})
      if (verdict.permit !== null) throw new Error('permitted')
      return verdict.refusal
    }
    const { detail } = await refusal()
    t.match(detail.inner, said, 'to the record')
    t.match(
      detail.remedy,
      'the record of this decision says which',
      'and without a name to whoever has no access',
    )
    t.notMatch(detail.remedy, /readers|okta/)
    const other = `  - { id: mine, template: endpoint-caller, principal: 'User::"entra/t/me"', resource: 'Workspace::"${WS}"' }\n`
    t.match((await refusal(other)).detail.remedy, said, 'with its name to whoever has some')
  })
}

t.test('a refusal says nothing of bindings of others, or of other places', async (t) => {
  const set = await loadShipped(t, bindings('Group::"entra/t/writers"'))
  const verdict = createDecide(set)(me, operation('workspaces/jobs/read'), {})
  t.notMatch(verdict.permit === null && verdict.refusal.detail.remedy, /mistyped|e-mail/)
  const near = createDecide(await loadShipped(t, bindings('Group::"okta/readers"')))
  const elsewhere = operation('workspaces/jobs/read', {
    resource: { type: 'Job', id: '/elsewhere', ancestors: [] },
  })
  const other = near(me, elsewhere, {})
  t.notMatch(other.permit === null && other.refusal.detail.remedy, /mistyped/)
})

t.test(
  'a refusal names the smallest role first, and who has it, by the name of the group',
  async (t) => {
    const binding = (id: string, template: string, who: string): string =>
      `  - { id: ${id}, template: ${template}, principal: '${who}', resource: 'Workspace::"${WS}"' }\n`
    const set = await loadShipped(
      t,
      `identities: [ml-reader, ml-writer]\ngroups: { scientists: entra/t/s }\nbindings:\n${[
        binding('a', 'reader', 'User::"entra/t/me"'),
        binding('b', 'data-scientist', 'Group::"scientists"'),
        binding('c', 'workspace-admin', 'User::"entra/t/boss"'),
      ].join('')}`,
    )
    const remedy = (who = me): string => {
      const verdict = createDecide(set)(who, operation('workspaces/jobs/write'), {})
      return verdict.permit === null ? (verdict.refusal.detail.remedy ?? '') : ''
    }
    t.match(remedy(), /^the role data-scientist \(or workspace-admin, .*\) would allow it; /)
    t.match(remedy(), 'the group scientists has it on workspace "ws-lab", and you are not in it')
    t.notMatch(remedy(), 'boss', 'people are not named')
    t.equal(
      remedy(principal({ id: 'entra/t/stranger' })),
      'you have no access to workspace "ws-lab"',
    )
  },
)

t.test('whoever has no access is not told which bound templates forbid', async (t) => {
  const set = await loadFrom(t, {
    'fixed.cedar': '@id("fixed") @reason("not here") forbid (principal, action, resource);',
    'templates/fence.cedar':
      '@id("fence") @reason("not here") forbid (principal in ?principal, action, resource in ?resource);',
    'templates/reader.cedar':
      '@id("reader") @reason("r") @identity("ml-reader") permit (principal in ?principal, action, resource in ?resource);',
    'bindings.yaml': `bindings:
  - { id: a, template: fence, principal: 'Group::"entra/t/all"', resource: 'Workspace::"${WS}"' }
  - { id: b, template: reader, principal: 'User::"entra/t/me"', resource: 'ResourceGroup::"${RG}"' }
`,
  })
  const told = (id: string, groups: readonly string[] = ['entra/t/all']) => {
    const verdict = createDecide(set)(
      principal({ id, groups: [...groups] }),
      operation('workspaces/jobs/read'),
      {},
    )
    if (verdict.permit !== null) throw new Error('permitted')
    const { detail } = verdict.refusal
    t.equal(detail.remedy, 'no group and no role changes that')
    t.ok(verdict.decision.policies.includes('fixed'))
    return new Set(detail.policies)
  }
  t.same(told('entra/t/me'), new Set(['fixed', 'fence@a']))
  t.same(told('entra/t/stranger', []), new Set(['fixed']))
  t.same(told('entra/t/stranger'), new Set(['fixed']), 'a forbid is no access')
})
