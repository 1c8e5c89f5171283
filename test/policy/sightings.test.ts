import t from 'tap'
import { createSightings } from '../../src/policy/sightings.ts'
import { loadShipped, principal, WS } from './support.ts'

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
