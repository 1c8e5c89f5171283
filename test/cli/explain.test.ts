import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway } from '../support/gateway.ts'
import { run, type Ran } from './support/run.ts'

const JOBS = `${workspaceId()}/jobs?api-version=2024-04-01`

t.test(
  'explain tells of a token, and of a decision, what the gateway does with them',
  async (t) => {
    const world = await startGateway()
    t.teardown(() => world.close())
    const config = world.gateway.configFile

    async function explain(args: readonly string[], input = ''): Promise<Ran> {
      return run(['explain', '--config', config, ...args], {
        env: world.lab.env,
        input: async () => `${input}\n`,
      })
    }

    const token = await world.lab.token('reader')
    const by = (line: string, bearer = token): ReturnType<typeof explain> =>
      explain(['--token', '-', '--request', line, '--json'], bearer)
    t.match(JSON.parse((await by(`GET ${JOBS}`)).out), {
      verdict: 'permit',
      memberships: ['Group::"okta/Everyone"', 'Group::"okta/ml-readers"'],
      rules: [{ id: 'reader@readers-on-ws-lab' }],
    })
    const put = `PUT ${JOBS.replace('jobs?', 'jobs/a?')}`
    t.match(JSON.parse((await by(put)).out), { verdict: 'refuse', remedy: /data-scientist/ })
    const forged = await by(`GET ${JOBS}`, `${token.slice(0, -8)}AAAAAAAA`)
    t.equal(forged.status, 1)
    t.match(forged.err, 'the gateway refuses this token')
    t.notMatch(forged.err, token.split('.')[1] ?? token)

    const answer = await world.send(JOBS, { headers: { authorization: `Bearer ${token}` } })
    await world.settled(answer)
    const id = String(answer.headers['x-harness-decision-id'])
    const told = await explain(['--decision', id])
    t.equal(told.status, 0, told.err)
    t.match(told.err, 'decided by these same policies:')
    t.match(told.out, 'recorded  permit by reader@readers-on-ws-lab')
    t.match(JSON.parse((await explain(['--decision', id, '--json'])).out), {
      verdict: 'permit',
      recorded: { verdict: 'permit', policies: ['reader@readers-on-ws-lab'] },
      reproduced: true,
    })
  },
)
