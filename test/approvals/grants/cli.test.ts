/** Access for a time from the command line, for callers who use the published JavaScript client unchanged. */
import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AzureMachineLearningWorkspaces } from '@azure/arm-machinelearning'
import t from 'tap'
import { RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE } from '../../../lab/personas.ts'
import { run, type Ran } from '../../cli/support/run.ts'
import { eventually } from '../../support/eventually.ts'
import { signIn } from '../../cli/support/signed-in.ts'
import { V, W } from '../support.ts'
import { startGranting, type Granting } from './support.ts'

let granting: Granting
let folder: string
t.before(async () => {
  folder = t.testdir()
  granting = await startGranting({
    change: (config) => ({ ...config, operationKey: { fromEnv: 'OPERATION_KEY' } }),
    env: { OPERATION_KEY: 'a key that all replicas have, 32 bytes' },
  })
  for (const persona of ['reader', 'reviewer', 'scientist', 'outsider'])
    await signIn(join(folder, persona), granting.world, persona)
})
t.teardown(() => granting.close())
t.setTimeout(240_000)

const access = async (persona: string, ...args: string[]): Promise<Ran> =>
  run(['access', ...args], { env: { AZUREML_HARNESS_HOME: join(folder, persona) } })
const idIn = (ran: Ran): string => {
  if (ran.out === '') throw new Error(ran.err)
  return (JSON.parse(ran.out) as { id: string }).id
}
const JOB = {
  properties: {
    jobType: 'Command' as const,
    command: 'python train.py',
    environmentId: 'azureml:sklearn:1',
    computeId: 'azureml:cpu-cluster',
  },
}

t.test('one client: refused, asked for by what the refusal says, approved, ended', async (t) => {
  const { world } = granting
  const credential = {
    getToken: async () => ({
      token: await world.lab.token('reader'),
      expiresOnTimestamp: Date.now() + 3_000_000,
    }),
  }
  const client = new AzureMachineLearningWorkspaces(credential, SUBSCRIPTION, {
    endpoint: world.url,
  })
  const submit = async () => client.jobs.createOrUpdate(RESOURCE_GROUP, WORKSPACE, 'sdk-1', JOB)
  const refusal = await submit().then(
    () => '',
    (error: Error) => error.message,
  )
  const [, word = ''] = /azureml-harness access request (\S+) --reason "\.\.\."/.exec(refusal) ?? []
  t.not(word, '', refusal)
  const why = await run(['why', word], {
    env: { AZUREML_HARNESS_HOME: join(folder, 'reader') },
  })
  // what follows the id says until when it is good
  t.match(why.out, `ask for it now: azureml-harness access request ${word.split('.')[0]}.`)

  t.match(await access('outsider', 'request', word, '--reason', 'x'), {
    status: 1,
    err: /no such refusal of yours/,
  })
  const asked = await access('reader', 'request', word, '--reason', 'a model', '--for', '30m')
  t.match(asked, { status: 4, out: /open until 20[^]*data-scientist on .*ws-lab for 30m/ })
  t.match(asked.out, '0 of 1 approved; approvers: Group::"')
  const listed = await access('reviewer', 'list', '--to-me', '-o', 'json')
  const [{ id }] = JSON.parse(listed.out) as [{ id: string }]
  t.match(await access('reader', 'wait', id, '--minutes', '0'), { status: 2 })
  t.match(await access('reader', 'approve', id), { status: 1, err: /their own access/ })
  const shown = await access('reviewer', 'show', id)
  t.match(shown, { status: 0, out: `azureml-harness access approve ${id}` })
  t.match(shown.out, 'reason: a model')
  t.match(await access('reviewer', 'approve', id, '--comment', 'fine'), {
    status: 0,
    out: /active until 20[^]*approve +fine/,
  })
  t.match(await access('reader', 'wait', id), { status: 0, out: 'active\n' })
  t.equal((await submit()).name, 'sdk-1')
  const me = await run(['whoami'], { env: { AZUREML_HARNESS_HOME: join(folder, 'reader') } })
  t.match(me.out, new RegExp(`data-scientist +ws-lab +Grant ${id} +20`))
  const can = ['can', 'workspaces/jobs/write', '--on', 'lab']
  t.match(await run(can, { env: { AZUREML_HARNESS_HOME: join(folder, 'reader') } }), {
    status: 0,
    out: `data-scientist@grant:${id}`,
  })
  t.match(await access('reader', 'request', word, '--reason', 'again'), {
    status: 1,
    err: /no role that you may ask for/,
  })
  const { gateway } = world
  const row = await eventually('its record is there', async () =>
    (await world.allRecords()).find(
      ({ GrantIds, Method, RecordKind }) =>
        Method === 'PUT' && RecordKind === 'completed' && JSON.stringify(GrantIds)?.includes(id),
    ),
  )
  const policies = ['--policies', granting.policies, '--identity', 'ml-reader']
  const spool = ['--identity', 'ml-writer', '--spool', gateway.config.audit.spool.directory]
  const decision = ['explain', '--decision', String(row['ExchangeId']), '-o', 'json']
  const explained = await run([...decision, ...policies, ...spool], {})
  t.match(JSON.parse(explained.out), {
    verdict: 'permit',
    reproduced: true,
    rules: [{ id: `data-scientist@grant:${id}` }],
  })
  const extended = await access('reader', 'extend', id, '--for', '1h', '--reason', 'more')
  t.match(extended, { status: 4, out: 'an extension of 1h waits for its approvers' })
  t.match(await access('reader', 'extend', id, '--for', '8h', '--reason', 'more'), { status: 1 })
  t.match(await access('reviewer', 'approve', id), { status: 0, out: 'active' })
  t.match(await access('reviewer', 'end', id, '--comment', 'enough'), { status: 0, out: 'ended' })
  await t.rejects(
    submit(),
    { message: /no policy permits/ },
    'ended between two calls of one client',
  )
  t.match(await access('reader', 'wait', id), { status: 5, out: 'ended\n' })
  t.match(await access('reviewer', 'approve', id), { status: 1, err: /this grant is ended/ })
})

t.test('self-service at once, given by an approver, denied; in each form', async (t) => {
  const on = ['--template', 'reader', '--on', 'lab']
  const own = await access('outsider', 'request', ...on, '--reason', 'on call', '-o', 'json')
  t.equal(own.status, 0, own.err)
  t.match(JSON.parse(own.out), { state: 'active', template: 'reader', for: '30m' })
  t.equal((await granting.call('outsider', 'GET', `${W}/jobs${V}`)).status, 200)
  const longer = ['--for', '30m', '--reason', 'still']
  t.match(await access('outsider', 'extend', idIn(own), ...longer), { status: 0, out: 'active' })
  const tsv = await access('outsider', 'list', '--mine', '-o', 'tsv')
  t.match(tsv.out.split('\t'), { length: 10, 0: idIn(own), 1: 'active', 4: 'reader' })
  t.match((await access('outsider', 'show', idIn(own), '-o', 'tsv')).out, idIn(own))
  t.match((await access('outsider', 'list')).out, /GRANT +STATE +UNTIL +ROLE +ON +FOR/)
  t.equal((await access('outsider', 'end', idIn(own))).status, 0)
  t.match((await access('outsider', 'list')).out, 'no such grants')
  t.match((await access('outsider', 'list', '--state', 'ended')).out, idIn(own))

  const { principal } = (await granting.call('reader', 'GET', '/_harness/whoami')).json() as {
    principal: { id: string }
  }
  const to = ['--to', `User::"${principal.id}"`, '--on', W, '--reason', 'incident']
  const given = await access('reviewer', 'grant', ...to, '--template', 'data-scientist')
  t.match(given, { status: 0, out: /active until[^]*given by entra/ })
  const [{ id: current }] = JSON.parse(
    (await access('reader', 'list', '--mine', '-o', 'json')).out,
  ) as [{ id: string }]
  t.equal((await access('reader', 'end', current)).status, 0)
  const half = await access('reviewer', 'grant', ...to, '--template', 'ml-engineer', '-o', 'json')
  t.match(half, { status: 4 })
  t.match(await access('scientist', 'deny', idIn(half)), { status: 0, out: 'denied' })
  t.match(await access('reader', 'wait', idIn(half)), { status: 3, out: 'denied\n' })
})

t.test('wrong arguments are told before anything is asked', async (t) => {
  const wrong: readonly [string[], RegExp][] = [
    [['request', '--reason', 'x'], /both --template and --on/],
    [['request', 'word', '--reason', 'x', '--on', 'lab'], /both --template and --on/],
    [['request', '--template', 'reader', '--on', 'lab'], /--reason/],
    [['request', 'word', '--reason', 'x', '--for', 'long'], /--for is a time/],
    [['grant', '--to', 'x', '--template', 'r', '--on', 'l', '--reason', 'x'], /--to is User/],
    [['show', 'x'], /an id like/],
    [['approve', 'x'], /an id like/],
    [['deny', 'x'], /an id like/],
    [['end', 'x'], /an id like/],
    [['wait', 'x'], /an id like/],
    [['extend', 'x', '--for', '1h', '--reason', 'x'], /an id like/],
    [['extend', 'aaaaaaaaaaaaaaaa-1', '--for', 'x', '--reason', 'x'], /--for is a time/],
    [['list', '--state', 'old'], /Allowed choices/],
    [['list', '--mine', '--to-me'], /cannot be used/],
  ]
  for (const [args, err] of wrong) t.match(await access('reader', ...args), { status: 2, err })
  for (const args of [['show'], ['approve'], ['end'], ['wait']])
    t.match(await access('reader', ...args, 'aaaaaaaaaaaaaaaa-1'), {
      status: 1,
      err: /no such grant that you may see[^]*access list --state all/,
    })
  t.match(await access('nobody', 'list'), { status: 1, err: /login/ })
})

t.test('nobody fills the ledger: a caller asks so often a day, a service, too', async (t) => {
  const { api, say } = granting
  const statuses: number[] = []
  for (let asked = 0; asked < 51; asked++) {
    const body = { template: 'reader', resource: W, reason: `run ${asked}` }
    const answer = await api('service', 'POST', '', body)
    statuses.push(answer.status)
    if (answer.status !== 200) {
      t.match(answer.json(), { error: { code: 'too_many_requests', message: /50 times/ } })
      break
    }
    await say('service', (answer.json() as { id: string }).id, 'end')
  }
  t.same([statuses.length, statuses.at(-1)], [51, 429])
})

t.test('the ledger holds, by the public keys alone', async (t) => {
  const { ledger, world } = granting
  const keys = join(folder, 'keys.json')
  await writeFile(keys, (await world.send('/_harness/keys')).text)
  const copy = join(folder, 'copy')
  await cp(ledger, copy, { recursive: true })
  const verified = await run(['approvals', 'verify', copy, '--keys', keys, '-o', 'json'], {})
  t.equal(verified.status, 0, verified.out)
  t.match(JSON.parse(verified.out), { faults: [] })
  t.ok((JSON.parse(verified.out) as { grants: number }).grants >= 4)
})
