/** Which bindings are in use is read from the records of a gateway that ran. */
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { loadConfig } from '../../src/config/load.ts'
import { checkBindings } from '../../src/doctor/bindings.ts'
import { loadPolicy } from '../../src/policy/load/load.ts'
import { createBroker } from '../../src/token/broker.ts'
import { startGateway } from '../support/gateway.ts'

const DAY_MS = 86_400_000
const JOBS = `${workspaceId()}/jobs?api-version=2024-04-01`

t.test(
  'a binding that no call has used for so many days is reported, one in use is not',
  async (t) => {
    const world = await startGateway()
    t.teardown(() => world.close())
    await delay(50)
    const began = Date.now()
    await delay(50)
    for (const persona of ['scientist', 'service']) {
      const token = await world.lab.token(persona)
      const answer = await world.send(JOBS, { headers: { authorization: `Bearer ${token}` } })
      t.equal(answer.status, 200)
    }
    await world.gateway.stop()
    const config = await loadConfig(world.gateway.configFile)
    const policies = await loadPolicy({
      directory: config.policies.directory,
      bindings: config.policies.bindings ?? '',
      identities: Object.keys(config.identities),
      issuers: config.issuers.map(({ name }) => name),
    })
    const log = { warn: () => undefined, error: () => undefined }
    const { identities } = config
    const broker = createBroker({ identities, timeoutMs: 3_000, now: Date.now, log })
    t.teardown(() => broker.close())
    const check = (now: number): ReturnType<typeof checkBindings> =>
      checkBindings({ config, policies, broker, days: 30, now })

    const early = await check(Date.now())
    t.match(early, [{ status: 'unverified', what: /reaches back to .* only/ }])
    t.equal(early.length, 1, 'what was not watched for long enough is not called stale')

    // just over thirty days after the gateway started, and just under thirty after the calls
    const later = await check(began + 30 * DAY_MS)
    t.match(
      later.map(({ status, where }) => `${status} ${where}`),
      [
        /^warning bindings\.yaml:\d+ \(readers-on-ws-lab\)$/,
        /^warning bindings\.yaml:\d+ \(reviewers-on-ws-lab\)$/,
        /^warning bindings\.yaml:\d+ \(cluster-on-ws-lab\)$/,
      ],
    )
    t.equal(later.length, 3, 'the group of the scientist and the service itself were seen')
    const muchLater = await check(Date.now() + 60 * DAY_MS)
    t.equal(muchLater.length, policies.bindings.bindings.length)
  },
)
