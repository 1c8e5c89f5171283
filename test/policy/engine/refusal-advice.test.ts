import t from 'tap'
import { createDecide } from '../../../src/policy/decide.ts'
import { loadShipped, operation, principal, WS } from '../support.ts'

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
    const verdict = createDecide(await loadShipped(t, bindings(who)))(
      me,
      operation('workspaces/jobs/read'),
      {},
    )
    t.match(verdict.permit === null && verdict.refusal.detail.remedy, said)
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
