/** Two replicas on one container of Microsoft's storage emulator: what is granted or ended at one counts at the other. */
import t from 'tap'
import type { Gateway } from '../../../lab/gateway/gateway.ts'
import { eventually } from '../../support/eventually.ts'
import type { World } from '../../support/gateway.ts'
import type { Answer } from '../../support/send.ts'
import { startReplicas, type Replicas } from '../replicas-support.ts'
import { V, W } from '../support.ts'
import { REQUESTS } from './support.ts'

let replicas: Replicas
let world: World
let replica: Gateway
t.before(async () => {
  replicas = await startReplicas({ container: 'grants', files: { 'requests.yaml': REQUESTS } })
  ;({ world, replica } = replicas)
})
t.teardown(() => replicas.close())
t.setTimeout(240_000)

const at: Replicas['at'] = async (...call) => replicas.at(...call)
const API = '/_harness/api/grants'
const ASKED = { template: 'data-scientist', resource: W, reason: 'churn model' }
const idOf = (answer: Answer): string => {
  if (answer.status !== 200) throw new Error(answer.text)
  return (answer.json() as { id: string }).id
}
const say = async (url: string, persona: string, id: string, verdict: string): Promise<Answer> => {
  const path = `${API}/${id}`
  const { shownDigest } = (await at(url, persona, 'GET', path)).json() as { shownDigest: string }
  return at(url, persona, 'POST', `${path}/verdicts`, { verdict, shownDigest })
}
const JOB = { properties: { jobType: 'Command', command: 'python train.py' } }
let jobs = 0
const submits = async (url: string): Promise<number> =>
  (await at(url, 'reader', 'PUT', `${W}/jobs/r-${++jobs}${V}`, JOB)).status

t.test(
  'asked for at both at once, approved at one, used at both, ended at the other',
  async (t) => {
    const asked = await Promise.all(
      Array.from({ length: 6 }, async (_, index) =>
        at(index % 2 === 0 ? world.url : replica.url, 'reader', 'POST', API, ASKED),
      ),
    )
    const made = asked.filter(({ status }) => status === 200).map(idOf)
    t.equal(new Set(made).size, 1, 'one request, whoever was first')
    t.ok(asked.every(({ status }) => status === 200 || status === 409))
    const [id = ''] = made
    t.equal((await say(replica.url, 'reviewer', id, 'approve')).status, 200)
    t.equal(await submits(replica.url), 201, 'at once where it was approved')
    await eventually('the other has read it', async () => (await submits(world.url)) === 201)
    t.equal((await say(world.url, 'reader', id, 'end')).status, 200)
    t.equal(await submits(world.url), 403, 'at once where it was ended')
    await eventually('the other has read it', async () => (await submits(replica.url)) === 403)
  },
)

t.test('one extension, of all that are asked for at the same moment', async (t) => {
  const { template, resource } = { template: 'reader', resource: W }
  const body = { template, resource, reason: 'on call', for: '10m' }
  const id = idOf(await at(world.url, 'outsider', 'POST', API, body))
  const extended = await Promise.all(
    Array.from({ length: 4 }, async (_, index) =>
      at(index % 2 === 0 ? world.url : replica.url, 'outsider', 'POST', `${API}/${id}/extensions`, {
        for: '50m',
        reason: 'still',
      }),
    ),
  )
  t.ok(
    extended.every(({ status }) => status === 200 || status === 409 || status === 403),
    extended.map(({ status }) => status).join(' '),
  )
  const shown = (await at(replica.url, 'outsider', 'GET', `${API}/${id}`)).json() as {
    since: string
    until: string
    extensions: object[]
  }
  t.ok(Date.parse(shown.until) - Date.parse(shown.since) <= 2 * 3_600_000, 'never beyond the most')
  t.equal(extended.filter(({ status }) => status === 200).length, shown.extensions.length)
})

t.test(
  'without the ledger nobody holds anything after a while, and all else goes on',
  async (t) => {
    const id = idOf(await at(world.url, 'reader', 'POST', API, ASKED))
    t.equal((await say(world.url, 'reviewer', id, 'approve')).status, 200)
    t.equal(await submits(world.url), 201)
    await world.lab.storage?.azurite.close()
    t.match((await at(world.url, 'outsider', 'POST', API, ASKED)).json(), {
      error: { code: 'policy_refused' },
    })
    t.match((await at(world.url, 'reader', 'GET', API)).json(), {
      error: { code: 'approvals_unavailable' },
    })
    await eventually('nobody holds it', async () => (await submits(world.url)) === 403, 60_000)
    const refused = await at(world.url, 'reader', 'PUT', `${W}/jobs/r-0${V}`, JOB)
    t.match(refused.json(), { error: { message: /grants cannot be looked up now/ } })
    t.equal((await at(world.url, 'scientist', 'GET', `${W}/jobs${V}`)).status, 200)
  },
)
