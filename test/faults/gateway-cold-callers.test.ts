/** A thousand callers at once who all need the same things that the gateway does not have yet: one call for each. */
import { Agent } from 'node:https'
import t from 'tap'
import { withGraph } from '../../lab/gateway/harness-config.ts'
import type { PartName } from '../../lab/parts.ts'
import { IDENTITIES, PERSONAS, workspaceId } from '../../lab/personas.ts'
import { overageToken } from '../support/entra-token.ts'
import { startGateway } from '../support/gateway.ts'

t.setTimeout(300_000)
const clientOf = (name: string): string =>
  IDENTITIES.find((one) => one.name === name)?.clientId ?? 'none'
const CALLERS = 1_000
const JOBS = `${workspaceId()}/jobs?api-version=2024-04-01`

void t.test(
  `${CALLERS} cold callers cost one call to the issuer's keys, to Graph, and to the managed-identity endpoint for each token`,
  async (test) => {
    const world = await startGateway({
      gateway: (lab) => ({
        change: (config) => ({
          ...withGraph(lab)(config),
          // a thousand at once on a busy machine are to be counted, not to be timed
          limits: { issuerTimeoutMs: 60_000, tokenTimeoutMs: 60_000, headersTimeoutMs: 60_000 },
        }),
      }),
    })
    test.teardown(() => world.close())
    const { lab } = world
    // a key that the gateway has never seen, and tokens that it signed: all of one person, no two alike
    await lab.issuers.entra.rotate(true)
    const persona = PERSONAS.get('scientist')
    const oid = persona?.kind === 'entra-user' ? persona.oid : ''
    const tokens = await Promise.all(Array.from({ length: CALLERS }, () => overageToken(lab, oid)))
    // connections first, so that the requests come as nearly at once as one process can send them
    const agent = new Agent({
      ca: lab.certificates.ca,
      keepAlive: true,
      maxSockets: CALLERS,
      maxFreeSockets: CALLERS,
    })
    await Promise.all(tokens.map(() => world.send('/_harness/livez', { agent })))
    test.equal(Object.values(agent.freeSockets).flat().length, CALLERS, 'as many connections')

    const seen = (part: PartName, path: string): number =>
      (lab.parts.get(part)?.journal.entries() ?? []).filter(({ url }) => url.includes(path)).length
    const keysBefore = seen('entra', '/jwks')
    for (const part of ['entra', 'graph', 'identity'] as const) {
      lab.parts.get(part)?.faults.add({ times: 0, delayMs: 1_000 })
    }
    const began = performance.now()
    const answers = await Promise.all(
      tokens.map((token) =>
        world.send(JOBS, { headers: { authorization: `Bearer ${token}` }, agent }),
      ),
    )
    const elapsed = performance.now() - began
    agent.destroy()
    const statuses = new Map<number, number>()
    for (const { status } of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1)
    test.same(
      [...statuses],
      [[200, CALLERS]],
      answers.find(({ status }) => status !== 200)?.text ?? '',
    )
    test.equal(seen('entra', '/jwks') - keysBefore, 1, 'keys')
    test.equal(seen('graph', 'getMemberGroups'), 1, 'Graph')
    test.equal(seen('identity', clientOf('ml-writer')), 1, 'the token for Azure')
    test.equal(seen('identity', clientOf('ml-reader')), 1, 'the token for Graph')
    const ends = (await world.allRecords()).filter((row) => row['RecordKind'] === 'authorized')
    test.equal(ends.length, CALLERS, 'and each is on record')
    test.comment(
      `${CALLERS} callers in ${Math.round(elapsed)} ms, each side answering after 1,000 ms`,
    )
  },
)
