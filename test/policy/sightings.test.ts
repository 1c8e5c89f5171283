import t from 'tap'
import { createDecide } from '../../src/policy/decide.ts'
import { createSightings } from '../../src/policy/sightings.ts'
import { loadShipped, operation, principal, WS } from './support.ts'

const DAY = 86_400_000
const BINDINGS = `identities: [ml-reader, ml-writer]
bindings:
  - { id: readers, template: reader, principal: 'Group::"okta/readers"', resource: 'Workspace::"${WS}"' }
  - { id: me, template: reader, principal: 'User::"okta/me"', resource: 'Workspace::"${WS}"' }
`

t.test(
  'a binding is stale until a token carries its principal, and again after days without',
  async (t) => {
    const set = await loadShipped(t, BINDINGS)
    let now = 0
    const sightings = createSightings(() => now)
    const stale = (): string[] => sightings.stale(set, 30, now).map(({ id }) => id)
    t.same(stale(), ['readers', 'me'])
    const me = principal({ id: 'okta/me', groups: ['okta/readers'] })
    sightings.see(me)
    t.same(stale(), [])
    now = 20 * DAY
    sightings.see(principal({ id: 'okta/other', groups: ['okta/readers'] }))
    now = 31 * DAY
    t.same(stale(), ['me'])
  },
)

t.test('the rules that decide many calls together are noted once a minute', async (t) => {
  const set = await loadShipped(t, BINDINGS)
  const policies = ['own-1', 'own-2']
  let read = 0
  const counted = new Proxy(policies, {
    get(list, name) {
      if (name === Symbol.iterator) read += 1
      return Reflect.get(list, name) as unknown
    },
  })
  let now = 0
  const sightings = createSightings(() => now)
  const decide = createDecide(set)
  const told: unknown[] = []
  const judge = sightings.noting((...asked) => {
    told.push(asked[3])
    const verdict = decide(...asked)
    return { ...verdict, decision: { ...verdict.decision, policies: counted } }
  })
  const call = operation('workspaces/jobs/read')
  for (let n = 0; n < 5; n++) judge(principal(), call, {}, n === 0 ? 'all' : undefined)
  t.equal(read, 1)
  t.same(told, ['all', undefined, undefined, undefined, undefined], 'the judge hears all of it')
  now = 60_000
  judge(principal(), call, {})
  t.equal(read, 2)
  t.equal(sightings.lastUse('own-2'), 60_000)
  t.equal(sightings.lastUse('own-3'), null)
})
