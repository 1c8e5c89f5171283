/** Graph down, slow, wrong and flapping under load: see support/sides.ts. */
import { randomUUID } from 'node:crypto'
import t from 'tap'
import { withGraph } from '../../lab/gateway/harness-config.ts'
import { PERSONAS } from '../../lab/personas.ts'
import {
  allModes,
  backedOff,
  CALLERS,
  COLD_EACH,
  long,
  startSides,
  type Ground,
} from './support/sides.ts'

t.setTimeout(300_000)

void t.test('Graph, when somebody comes whose token has no room for groups', async (test) => {
  const { world } = await startSides(test, withGraph)
  const persona = PERSONAS.get('scientist')
  const groups = persona?.kind === 'entra-user' ? persona.groups : []
  const overage = (claims: object = {}): Promise<string> =>
    world.lab.token('scientist', long({ groups: null, hasgroups: true, ...claims }))
  const ground: Ground = {
    world,
    part: 'graph',
    path: 'getMemberGroups',
    counted: 'getMemberGroups',
    code: 'graph_unavailable',
    warm: [await overage(), await world.lab.token('reader', long())],
    renew: async () => undefined,
    async cold() {
      const oid = randomUUID()
      const body = JSON.stringify({ [oid]: groups })
      await fetch(`${world.lab.urls.graph}/_lab/groups`, { method: 'POST', body })
      return overage({ oid })
    },
    recover: async () => undefined,
    bound: (elapsed) => CALLERS + backedOff(elapsed),
    most: CALLERS * COLD_EACH,
  }
  await allModes(test as typeof t, ground)
})
