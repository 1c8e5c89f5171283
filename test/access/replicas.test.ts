/**
 * A refusal of one replica, asked about at another: what the other needs to know travels with the refusal.
 */
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { spawnGateway, type Gateway } from '../../lab/gateway/gateway.ts'
import { workspaceId } from '../../lab/personas.ts'
import { run } from '../cli/support/run.ts'
import { signIn } from '../cli/support/signed-in.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { send, type Answer } from '../support/send.ts'

const JOB = `${workspaceId()}/jobs/elsewhere-1?api-version=2024-04-01`
const key = (text: string) => ({
  env: { OPERATION_KEY: `${text}, and 32 bytes of it at least` },
  change: (config: Gateway['config']) => ({
    ...config,
    operationKey: { fromEnv: 'OPERATION_KEY' },
  }),
})

let first: World
let second: Gateway
let foreign: Gateway
t.before(async () => {
  first = await startGateway({ gateway: key('a key of all replicas') })
  const other = async (name: string, text: string): Promise<Gateway> =>
    spawnGateway(first.lab, {
      ...key(text),
      configFile: join(first.lab.directory, `${name}.yaml`),
      spool: join(first.lab.directory, name),
    })
  second = await other('second', 'a key of all replicas')
  foreign = await other('foreign', 'the key of another gateway')
})
t.teardown(async () => {
  await second.stop()
  await foreign.stop()
  await first.close()
})

async function at({ url }: { url: string }, path: string, persona: string): Promise<Answer> {
  const authorization = `Bearer ${await first.lab.token(persona)}`
  return send(url, first.lab.certificates.ca, path, { headers: { authorization } })
}

interface Access {
  readonly decision: string
  readonly command: string
  readonly link: string
}

async function refused(t: Test): Promise<Access> {
  const authorization = `Bearer ${await first.lab.token('reader')}`
  const answer = await first.send(JOB, {
    method: 'PUT',
    headers: { authorization, 'content-type': 'application/json' },
    body: '{"properties":{"jobType":"Command"}}',
  })
  t.equal(answer.status, 403)
  const { error } = answer.json() as {
    error: {
      additionalInfo: {
        info: { decisionId: string; access: { command: string; url: string } }
      }[]
    }
  }
  const info = error.additionalInfo[0]?.info
  if (info === undefined) throw new Error('a refusal has its decision')
  const { command, url } = info.access
  return { decision: info.decisionId, command, link: url.slice(first.url.length) }
}

t.test('every replica says the same of a refusal, whichever refused', async (t) => {
  const { decision, link } = await refused(t)
  const own = (await at(first, link, 'reader')).json() as Record<string, unknown>
  const answer = await at(second, link, 'reader')
  t.equal(answer.status, 200)
  const told = answer.json() as Record<string, unknown>
  t.match(told, { decision, time: null, hasAccess: true })
  for (const name of ['call', 'memberships', 'templates', 'forbids', 'reason', 'remedy', 'help'])
    t.same(told[name], own[name], name)
})

t.test('the command of a refusal works at every replica, and gives nothing away', async (t) => {
  const { decision, command } = await refused(t)
  const [program, ...words] = command.split(' ')
  t.equal(program, 'azureml-harness')
  const ask = async (persona: string, gateway: Gateway) => {
    const home = join(t.testdirName, `${persona}-${gateway.port}`)
    await signIn(home, { ...first, url: gateway.url }, persona)
    return run([...words, '--gateway', gateway.url], { env: { AZUREML_HARNESS_HOME: home } })
  }
  t.testdir()
  const why = await ask('reader', second)
  t.equal(why.status, 0, why.err)
  t.match(why.out, `decision ${decision}`)
  t.match(why.out, /data-scientist: adds \d+ actions, \d+ of them delete, \d+ hand out secrets/)
  for (const [persona, gateway] of [
    ['scientist', second],
    ['reader', foreign],
  ] as const) {
    const none = await ask(persona, gateway)
    t.match(none, { status: 1, out: '', err: /there is no such refusal of yours/ })
  }
})

t.test('an id alone is known to the replica that refused, and the other says so', async (t) => {
  const { decision } = await refused(t)
  t.equal((await at(first, `/_harness/decisions/${decision}`, 'reader')).status, 200)
  const unknown = await at(second, `/_harness/decisions/${decision}`, 'reader')
  t.equal(unknown.status, 404)
  t.match(unknown.text, 'use the whole command or link of the refusal')
})

t.test('without a key that all replicas share, the other says so and what to do', async (t) => {
  const alone = await spawnGateway(first.lab, {
    configFile: join(first.lab.directory, 'alone.yaml'),
    spool: join(first.lab.directory, 'alone'),
  })
  t.teardown(() => alone.stop())
  const { decision } = await refused(t)
  const unknown = await at(alone, `/_harness/decisions/${decision}`, 'reader')
  t.equal(unknown.status, 404)
  t.match(unknown.text, 'make the call again and ask at once')
  t.match(unknown.text, 'operationKey')
})
