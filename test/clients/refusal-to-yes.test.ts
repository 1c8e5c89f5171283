/**
 * From a refusal to the same call succeeding: one message and one command on each side. The caller uses the published
 * Python SDK, the operator the command line on a policy repository.
 */
import { cp, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { actionsOf } from '../../src/policy/engine/covers.ts'
import { loadPolicy } from '../../src/policy/load/load.ts'
import type { PolicySet } from '../../src/policy/load/rules.ts'
import { memberOf, whatCan } from '../../src/policy/review/who-can.ts'
import { browse } from '../cli/support/browse.ts'
import { run } from '../cli/support/run.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { environment, runScript, said, settings } from './support/published.ts'

const CONTACT = 'ml-platform@contoso.example'
const IDENTITIES = ['ml-reader', 'ml-writer']

/** Signs in at the gateway with a browser that plain requests drive. */
async function signIn(world: World, home: string, persona: string): Promise<void> {
  const visits: Promise<unknown>[] = []
  const args = ['login', '--gateway', world.url, '--issuer', 'okta', '--flow', 'browser']
  const ran = await run([...args, '--no-open'], {
    env: { AZUREML_HARNESS_HOME: home },
    onErr(line) {
      const [, url] = /^To sign in, open (\S+)$/.exec(line) ?? []
      if (url !== undefined) visits.push(browse(url, persona, world.lab.certificates.ca))
    },
  })
  await Promise.all(visits)
  if (ran.status !== 0) throw new Error(ran.err)
}

const LAB = workspaceId().toLowerCase()
const PLACES = [LAB, LAB.replace('ws-lab', 'ws-other'), LAB.replace('rg-lab', 'rg-other')]

/** What everybody whom these policies name may do on some workspaces, and what a stranger may. */
function matrix(set: PolicySet): ReadonlyMap<string, string> {
  const cells = new Map<string, string>()
  const who = new Map([['stranger', memberOf({ type: 'User', id: 'okta/stranger' })]])
  for (const { principal } of set.rules.values())
    if (principal !== null) who.set(`${principal.type} ${principal.id}`, memberOf(principal))
  for (const [name, principal] of who)
    for (const place of PLACES)
      for (const { action, may } of whatCan(set, principal, set.words.actions, place))
        cells.set(`${name} ${place} ${action.id}`, may)
  return cells
}

const file = environment(t, 'python')
if (file !== null) {
  t.setTimeout(900_000)
  t.test('one message, one command a side, and nothing else is permitted', async (t: Test) => {
    const policies = join(t.testdir(), 'policies')
    await cp('policies', policies, { recursive: true })
    await cp('lab/gateway/bindings.yaml', join(policies, 'bindings.yaml'))
    const world = await startGateway({
      lab: { storage: true },
      gateway: {
        change: (config) => ({
          ...config,
          help: { contact: CONTACT },
          policies: { directory: policies },
        }),
      },
    })
    t.teardown(() => world.close())
    const home = join(t.testdirName, 'home')
    await signIn(world, home, 'reader')
    const before = await loadPolicy({
      directory: policies,
      bindings: join(policies, 'bindings.yaml'),
      identities: IDENTITIES,
    })

    const submit = async (): Promise<Record<string, unknown>> => {
      const done = await runScript(file, 'one_job.py', await settings(world, 'reader'))
      t.equal(done.code, 0, 'the script ends well', { said: said(done) })
      return done.result ?? {}
    }
    // what people do from here on until the call succeeds
    const told: string[] = []
    const commands = { caller: 0, operator: 0 }
    const command = async (who: keyof typeof commands, ...args: string[]) => {
      commands[who] += 1
      return run(args, { env: { AZUREML_HARNESS_HOME: home } })
    }
    const refused = await submit()
    const text = String(refused['refusal'])
    t.match(text, `ask ${CONTACT}`)
    // the SDK itself shows a message twice, under its code and by its name
    t.equal(text.split('no policy permits this call').length, 3, 'and not said again', { text })
    const [, decision = ''] = /azureml-harness why ([0-9a-f-]{36})/.exec(text) ?? []
    t.not(decision, '', 'the SDK shows the command to ask why')

    // the caller's one command
    const why = await command('caller', 'why', decision)
    t.equal(why.status, 0, why.err)
    t.match(why.out, /your groups that count: okta\/ml-readers/)
    t.match(why.out, /data-scientist: adds \d+ actions, 63 of them delete, 5 hand out secrets/)
    t.match(why.out, `ask ${CONTACT}`)

    // the operator's one command, for the one message: the decision's id
    const configFile = join(dirname(world.lab.spool), 'harness.yaml')
    told.push(decision)
    const args = ['policy', 'propose', '--config', configFile, '--decision', decision, '--write']
    const proposed = await command('operator', ...args, '--output', 'json')
    t.equal(proposed.status, 0, proposed.err)
    const answered = JSON.parse(proposed.out) as {
      kind: string
      path: string
      gain: { actions: number; secrets: number }
      changes: { count: number }[]
    }
    t.match(answered, { kind: 'binding', written: true })
    t.ok(answered.changes.length > 0, 'the refused call itself is among those that change')
    t.same(await readdir(join(policies, 'bindings.d')), [answered.path.split('/').at(-1)])

    const granted = await eventually('the same call succeeds', async () => {
      const again = await submit()
      return again['name'] === 'asked-for' && again
    })
    t.equal(granted['refusal'], null)
    t.equal(told.length, 1, 'one message: the id of the decision')
    t.same(commands, { caller: 1, operator: 1 }, 'one command a side')

    const after = await loadPolicy({
      directory: policies,
      bindings: join(policies, 'bindings.yaml'),
      identities: IDENTITIES,
    })
    const was = matrix(before)
    const changed = [...matrix(after)].filter(([cell, may]) => was.get(cell) !== may)
    t.ok(changed.length > 0)
    t.ok(
      changed.every(([cell]) => cell.startsWith(`Group okta/ml-readers ${LAB} `)),
      'nobody else may anything else, and nobody anything elsewhere',
      { changed },
    )
    t.ok(
      changed.some(([cell]) => cell.endsWith('/workspaces/jobs/write')),
      'what was asked for is among them',
    )
    const template = after.templates.get('data-scientist')
    const given = new Set(
      template === undefined ? [] : actionsOf(template, after.words).map(({ id }) => id),
    )
    t.ok(
      changed.every(([cell]) => given.has(cell.slice(cell.lastIndexOf(' ') + 1))),
      'and nothing that the role does not name',
    )
    t.ok(changed.length <= answered.gain.actions, 'and no more than it said')

    const second = await run([...args, '--output', 'json'])
    t.equal(second.status, 1)
    t.match(second.err, /nothing to propose: the call is permitted now/)
  })
}
